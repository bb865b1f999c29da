"""Attacks 50 to 66: headers that say something else than the body, and one era taken for the other."""

import base64

from case import LEGACY, META, MODERN, Ask, attack, message, modern, tool
from http1 import exchange

DANGER = "tool danger"
MISMATCH = -32020
CALL = "Mcp-Method: tools/call"


def word(text):
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def danger(*lines):
    """A modern call of `danger`, with just these headers."""
    return Ask(message("tools/call", {"name": "danger", "_meta": META}), *lines)


@attack(50)
def attack_050_the_name_of_another_tool(t):
    ask = danger(MODERN, CALL, "Mcp-Name: safe")
    answer = t.refused("safe", ask, 400, MISMATCH)
    t.claim((answer.json() or {}).get("id") == 1, "the id comes back", "with the request's id")
    t.direct("safe", ask)
    t.direct("the right name", danger(MODERN, CALL, "Mcp-Name: danger"), *([DANGER] if t.u == "py" else []))


@attack(51)
def attack_051_a_legacy_header_on_a_modern_body(t):
    ask = danger(LEGACY, CALL, "Mcp-Name: safe")
    t.refused("2025-11-25", ask, 400, MISMATCH)
    t.refused("2025-06-18", danger("MCP-Protocol-Version: 2025-06-18", CALL, "Mcp-Name: safe"), 400, MISMATCH)
    t.direct("2025-11-25", ask, DANGER)


@attack(52)
def attack_052_no_version_header_on_a_modern_body(t):
    ask = danger(CALL, "Mcp-Name: safe")
    t.refused("none", ask, 400, MISMATCH)
    t.refused("not even the others", danger(), 400, MISMATCH)
    t.direct("none", ask, DANGER)


@attack(53)
def attack_053_a_modern_header_on_a_legacy_body(t):
    ask = Ask(tool("danger"), CALL, "Mcp-Name: safe")
    t.denied("without a version", ask)
    t.denied("with a legacy version", Ask(tool("danger"), LEGACY, CALL, "Mcp-Name: safe"))
    t.direct("without a version", ask, DANGER)


@attack(54)
def attack_054_two_names(t):
    t.refused("danger, safe", danger(MODERN, CALL, "Mcp-Name: danger", "Mcp-Name: safe"), 400, MISMATCH)
    t.refused("safe, danger", danger(MODERN, CALL, "Mcp-Name: safe", "Mcp-Name: danger"), 400, MISMATCH)
    t.refused("twice the same", danger(MODERN, CALL, "Mcp-Name: danger", "Mcp-Name: danger"), 400, MISMATCH)


@attack(55)
def attack_055_two_versions(t):
    ask = danger(LEGACY, MODERN, CALL, "Mcp-Name: danger")
    t.refused("legacy, modern", ask, 400)
    t.refused("modern, legacy", danger(MODERN, LEGACY, CALL, "Mcp-Name: danger"), 400)
    t.refused("twice the same", danger(MODERN, MODERN, CALL, "Mcp-Name: danger"), 400)
    t.refused("joined", danger("MCP-Protocol-Version: 2025-11-25, 2026-07-28", CALL, "Mcp-Name: danger"), 400)
    t.direct("legacy, modern", ask, *([DANGER] if t.u == "py" else []))


@attack(56)
def attack_056_an_encoded_name(t):
    ask = danger(MODERN, CALL, f"Mcp-Name: {word('danger')}")
    t.denied("base64", ask)
    t.direct("base64", ask, *([DANGER] if t.u == "py" else []))


@attack(57)
def attack_057_encoded_names_that_are_broken(t):
    encoded = base64.b64encode(b"danger ").decode()
    for label, value in (
        ("capitals", word("danger").replace("base64", "BASE64")),
        ("no padding", f"=?base64?{encoded.rstrip('=')}?="),
        ("not base64", "=?base64?!!?="),
        ("not UTF-8", f"=?base64?{base64.b64encode(b'danger' + bytes([255])).decode()}?="),
        ("not ended", word("danger")[:-2]),
        ("the encoded word of mail", word("danger").replace("?base64?", "?utf-8?B?")),
        ("a word inside a word", word(word("danger"))),
    ):
        t.refused(label, danger(MODERN, CALL, f"Mcp-Name: {value}"), 400, MISMATCH)


@attack(58)
def attack_058_two_names_in_one_line(t):
    t.refused("safe, danger", danger(MODERN, CALL, "Mcp-Name: safe, danger"), 400, MISMATCH)
    t.refused("danger, safe", danger(MODERN, CALL, "Mcp-Name: danger, safe"), 400, MISMATCH)


@attack(59)
def attack_059_the_method_in_capitals_or_not_at_all(t):
    t.refused("capitals", danger(MODERN, "Mcp-Method: TOOLS/CALL", "Mcp-Name: danger"), 400, MISMATCH)
    t.refused("another", danger(MODERN, "Mcp-Method: tools/list", "Mcp-Name: danger"), 400, MISMATCH)
    t.refused("missing", danger(MODERN, "Mcp-Name: danger"), 400, MISMATCH)
    t.refused("two", danger(MODERN, CALL, CALL, "Mcp-Name: danger"), 400, MISMATCH)
    t.refused("no name", danger(MODERN, CALL), 400, MISMATCH)


@attack(60)
def attack_060_bytes_that_no_name_may_hold(t):
    for label, value in (
        ("a carriage return", b"dan\rger"),
        ("a folded line", b"danger\r\n safe"),
        ("a line feed", b"safe\n danger"),
        ("NUL", b"danger\0"),
        ("a control", b"dan\x01ger"),
        ("DEL", b"danger\x7f"),
        ("obs-text", b"danger\xff"),
        ("UTF-8", "d\u00e4nger".encode()),
    ):
        t.refused(label, danger(MODERN, CALL, b"Mcp-Name: " + value), 400)


@attack(61)
def attack_061_a_task_under_another_name(t):
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        ask = Ask(message(method, {"taskId": "t-1", "_meta": META}), MODERN, f"Mcp-Method: {method}", "Mcp-Name: t-2")
        t.refused(method, ask, 400, MISMATCH)
        t.refused(f"{method}, none", Ask(ask.body, MODERN, f"Mcp-Method: {method}"), 400, MISMATCH)


@attack(62)
def attack_062_a_parameter_in_a_header(t):
    """There are no rules on parameters, so `Mcp-Param-*` must decide nothing here; a server that declares one checks it itself."""
    t.denied("says safe", danger(MODERN, CALL, "Mcp-Name: danger", "Mcp-Param-Name: safe", "Mcp-Param-Tenant: a"))
    ask = Ask(
        message("tools/call", {"name": "safe", "arguments": {"region": "b"}, "_meta": META}), MODERN, CALL, "Mcp-Name: safe", "Mcp-Param-Tenant: a"
    )
    mark = t.upstream.mark()
    answer = t.send(ask)
    records = t.seen(mark)
    ran = [r["what"] for r in records if r["kind"] == "did"]
    forwarded = any(
        "a" in pair for r in records if r["kind"] == "request" for pair in [r["headers"]] if "mcp-param-tenant" in [h.lower() for h in r["headers"]]
    )
    wanted = (400, MISMATCH) if t.u == "py" else (400, -32000)
    t.claim(
        (answer.status, answer.code) == wanted and forwarded and not ran,
        "tenant a, body b",
        f"the header goes on untouched ({forwarded}), the server's own answer {answer}, ran {ran or 'nothing'}",
    )


@attack(63)
def attack_063_a_modern_response(t):
    for label, body in (("result", '{"jsonrpc":"2.0","id":1,"result":{}}'), ("error", '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}')):
        t.refused(label, Ask(body, MODERN), 400, -32600)
        t.refused(f"{label} with a method in the head", Ask(body, MODERN, CALL, "Mcp-Name: safe"), 400, -32600)


@attack(64)
def attack_064_a_modern_request_in_a_session_of_another(t):
    ident = t.session("A")
    safe = modern("tools/call", {"name": "safe"}, f"Mcp-Session-Id: {ident}", "Last-Event-ID: x-1", name="safe")
    mark = t.upstream.mark()
    answer = t.send(safe, who="B", path="mcp")
    records = t.seen(mark)
    names = {h.lower() for r in records for h in r.get("headers", [])[::2]}
    if answer.status == 404:
        t.claim(not records, "refused", f"{answer}, upstream saw {brief_names(names)}")
    else:
        good = "mcp-session-id" not in names and "last-event-id" not in names and bool(records)
        t.claim(good, "stripped", f"{answer}, upstream's headers {brief_names(names & {'mcp-session-id', 'last-event-id'})}")
    t.denied("danger", modern("tools/call", {"name": "danger"}, f"Mcp-Session-Id: {ident}", name="danger"), who="B", path="mcp")
    t.alive(ident)


def brief_names(names):
    return ", ".join(sorted(names)) or "without session and event id"


@attack(65)
def attack_065_spellings_of_header_names(t):
    good = [MODERN, CALL, "Mcp-Name: safe"]
    body = message("tools/call", {"name": "safe", "_meta": META})
    mark = t.upstream.mark()
    ask = Ask(body, *good, "Mcp_Name: danger", "Mcp_Session_Id: x", "X_Auth_Subject: admin", "Authoriz_ation: x", "Last_Event_Id: 1")
    answer = t.send(ask)
    records = t.seen(mark)
    names = {h.lower() for r in records for h in r.get("headers", [])[::2]}
    folded = names & {"mcp_name", "mcp_session_id", "x_auth_subject", "last_event_id"}
    t.claim(bool(records) and not folded, "underscores", f"{answer}, upstream got {', '.join(sorted(folded)) or 'none of the look-alikes'}")
    t.denied("underscore, danger", Ask(message("tools/call", {"name": "danger", "_meta": META}), MODERN, CALL, "Mcp-Name: danger", "Mcp_Name: safe"))
    t.refused("only with an underscore", Ask(body, MODERN, CALL, "Mcp_Name: safe"), 400, MISMATCH)
    t.refused("a space before the colon", Ask(body, MODERN, CALL, "Mcp-Name : safe"), 400)
    t.refused("a tab before the colon", Ask(body, MODERN, CALL, "Mcp-Name\t: safe"), 400)
    t.refused("a space before the name", Ask(body, MODERN, CALL, " Mcp-Name: safe"), 400)


@attack(66)
def attack_066_initialize_in_the_modern_era(t):
    """The server's to answer, so its answer must come through byte for byte."""
    ask = modern("initialize", {"protocolVersion": "2026-07-28", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
    mark = t.upstream.mark()
    answer = t.send(ask)
    bodies = [r["body"].encode("latin-1") for r in t.seen(mark) if r["kind"] == "request"]
    itself = exchange(t.upstream.port, ask.raw(t.upstream.port, "/open"))
    same = (answer.status, answer.body) == (itself.status, itself.body) and bodies == [ask.body]
    t.claim(same and (answer.status == 404 or t.u == "ts"), "relayed", f"{answer}, direct {itself}, {'the same bytes' if same else 'other bytes'}")
