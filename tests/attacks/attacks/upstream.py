"""Attacks 145 to 153: what an upstream sends, and how it and its clients leave.

Real servers do not mislabel lists, inject events, die in a stream or name foreign endpoints. Where a test says so, a scripted one does.
"""

import gzip
import json
import socket
import struct
import time

from case import ONCE, Ask, attack, message, modern, session, tool
from http1 import Connection, Stream, chunked, exchange, reply

RAW = "/raw/mcp"
TOOLS = [{"name": name, "description": name, "inputSchema": {"type": "object"}} for name in ("safe", "danger", "hidden")]
LIST = message("tools/list", {})


def listing(request, tools=TOOLS, **more):
    ident = json.loads(request["body"]).get("id")
    return json.dumps({"jsonrpc": "2.0", "id": ident, "result": {"tools": tools, **more}}).encode()


def scripted(t, script, ask, who="A", path=RAW, gateway="main"):
    """One exchange with the scripted upstream; the answer, and what it saw."""
    t.world.raw.seen()
    t.world.raw.script = script
    return t.send(ask, who, path, gateway), t.world.raw.seen()


@attack(145, only="ts", why_not="only the other server has a list that takes its time")
def attack_145_a_list_as_the_answer_to_another_request(t):
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}

    def answers(port, path, ident, token=None):
        """What a call is answered that has the id of a list which is under way, and what the list is answered."""
        streams = []
        for body in (message("tools/list", {"cursor": "later"}, 7), message("tools/call", {"name": "slow"}, 7)):
            connection = Connection(port)
            connection.send(Ask(body, *session(ident)).raw(port, path, token))
            streams.append(Stream(connection))
        for stream in reversed(streams):
            stream.connection.until = time.monotonic() + 3
            while not stream.ended:
                stream.pull()
            stream.close()
        cancelled = message("notifications/cancelled", {"requestId": 7}, None)
        exchange(port, Ask(cancelled, *session(ident)).raw(port, path, token))
        return streams[1].text, streams[0].text

    for path in ("mcp", "hide-mcp"):
        mark, port = t.upstream.mark(), t.port()
        call, listing = answers(port, t.at(path), t.session("A", path), t.token("A"))
        shown = [word for word in ("hidden", "danger") if word.encode() in call + listing and (path, word) != ("mcp", "danger")]
        ran = t.upstream.wait(mark, lambda r: r == {"kind": "did", "what": "tool slow"})
        t.claim(ran and not shown, f"at {path}", f"at {path} the answer to a call shows {shown or 'no list'}")
    opened = exchange(t.upstream.port, Ask(message("initialize", params)).raw(t.upstream.port, "/mcp"))
    call, _ = answers(t.upstream.port, "/mcp", opened.get("mcp-session-id"))
    t.claim(b"hidden" in call and b"danger" in call, "direct", f"direct the answer to a call shows {'the list' if b'hidden' in call else 'no list'}")


@attack(146, only="ts", why_not=ONCE)
def attack_146_lists_under_a_wrong_label(t):
    labels = [
        ("capitals", dict(media="Application/JSON ;charset=utf-8")),
        ("201", dict(status="201 Created")),
        ("206", dict(status="206 Partial Content")),
        ("299", dict(status="299 Odd")),
        ("text/plain", dict(media="text/plain")),
        ("no type", dict(media=None)),
        ("octets", dict(media="application/octet-stream")),
        ("json with a suffix", dict(media="application/vnd.mcp+json")),
        ("text/json", dict(media="text/json")),
        ("html", dict(media="text/html")),
    ]
    for label, how in labels:
        answer, saw = scripted(t, lambda r, c, how=how: c.sendall(reply(listing(r), **how)), Ask(LIST))
        hidden = b"hidden" in answer.body or b"danger" in answer.body
        t.claim(
            len(saw) == 1 and not hidden and (answer.status == 502 or b"safe" in answer.body),
            label,
            f"{label} {answer.status} {'shows what it hides' if hidden else 'filtered' if b'safe' in answer.body else 'refused'}",
        )
    for label, coding, pack in (
        ("gzip", "gzip", gzip.compress),
        ("gzip in capitals", "GZIP", gzip.compress),
        ("br", "br", lambda b: b"\x8b\x01\x80" + b + b"\x03"),
        ("br that is none", "br", lambda b: b),
        ("an unknown coding", "x", lambda b: b),
        ("two codings", "gzip, br", gzip.compress),
    ):
        answer, _ = scripted(
            t, lambda r, c, k=coding, p=pack: c.sendall(reply(p(listing(r)), "200 OK", "application/json", f"Content-Encoding: {k}")), Ask(LIST)
        )
        hidden = any(word in answer.body for word in (b"hidden", b"danger"))
        filtered = answer.status == 200 and label.startswith("gzip") and b"safe" in answer.body and not hidden
        t.claim(answer.status == 502 or filtered, label, f"{label} {answer.status} {'filtered' if filtered else 'refused'}")
    for label, script in (
        ("an event stream", lambda r, c: c.sendall(chunked(b"data: " + listing(r) + b"\n\n") + b"0\r\n\r\n")),
        (
            "an event stream in capitals",
            lambda r, c: c.sendall(chunked(b"data: " + listing(r) + b"\n\n", media="Text/Event-Stream; charset=utf-8") + b"0\r\n\r\n"),
        ),
        (
            "two lines of data",
            lambda r, c: c.sendall(chunked(b"data: " + listing(r).replace(b'"tools":', b'"tools":\ndata: ') + b"\n\n") + b"0\r\n\r\n"),
        ),
        ("carriage returns", lambda r, c: c.sendall(chunked(b"data: " + listing(r) + b"\r\r") + b"0\r\n\r\n")),
        ("split into single bytes", lambda r, c: c.sendall(chunked(*(bytes([b]) for b in b"data: " + listing(r) + b"\n\n")) + b"0\r\n\r\n")),
        ("an event that is not ended", lambda r, c: c.sendall(chunked(b"data: " + listing(r) + b"\n") + b"0\r\n\r\n")),
        ("an event stream labelled JSON", lambda r, c: c.sendall(reply(b"data: " + listing(r) + b"\n\n"))),
        ("JSON labelled an event stream", lambda r, c: c.sendall(reply(listing(r), "200 OK", "text/event-stream"))),
        ("two results", lambda r, c: c.sendall(reply(listing(r).replace(b'"result"', b'"result":{"tools":[]},"result"')))),
        ("a byte order mark", lambda r, c: c.sendall(reply(b"\xef\xbb\xbf" + listing(r)))),
        ("UTF-16", lambda r, c: c.sendall(reply(listing(r).decode().encode("utf-16")))),
        ("another id", lambda r, c: c.sendall(reply(listing(r).replace(b'"id": 1', b'"id": 2')))),
        ("an escaped key", lambda r, c: c.sendall(reply(listing(r).replace(b'"tools"', b'"t\\u006fols"')))),
        (
            "an escaped name",
            lambda r, c: c.sendall(reply(listing(r).replace(b'"hidden"', b'"h\\u0069dden"').replace(b'"danger"', b'"d\\u0061nger"'))),
        ),
        ("no JSON", lambda r, c: c.sendall(reply(b"hidden danger"))),
        ("an array around it", lambda r, c: c.sendall(reply(b"[" + listing(r) + b"]"))),
        ("two types", lambda r, c: c.sendall(reply(listing(r), "200 OK", "text/plain", "Content-Type: application/json"))),
    ):
        answer, _ = scripted(t, script, Ask(LIST))
        hidden = any(word in answer.body for word in (b"hidden", b"danger", b"h\\u0069dden", b"d\\u0061nger", "hidden".encode("utf-16-le")))
        t.claim(not hidden, label, f"{label} {answer.status or 'cut off'} {'shows what it hides' if hidden else 'shows nothing hidden'}")
    # The control: for whom nothing is hidden, the same list passes.
    answer, _ = scripted(t, lambda r, c: c.sendall(reply(listing(r))), Ask(LIST), "A wide")
    t.claim(b"danger" in answer.body and b"hidden" not in answer.body, "for a wider token", f"a wider token sees more {answer.status}")


@attack(147, only="ts", why_not=ONCE)
def attack_147_events_that_carry_more_than_one(t):
    events = (
        b'id: 1\rdata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\r\r'
        b"retry: 1\nid: evil\ndata: a\ndata: b\n\n: comment\n\nevent: endpoint\ndata: http://evil.test/\n\n"
        b'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\r\n\r\n'
    )
    answer, _ = scripted(t, lambda r, c: c.sendall(chunked(events) + b"0\r\n\r\n"), Ask(tool("safe")))
    t.claim(
        answer.status == 200 and answer.body == events,
        "a call, not filtered",
        f"a call's events pass {'byte for byte' if answer.body == events else 'changed'}",
    )
    injected = b"data: {}\rid: 9\rdata: %s\r\r"
    answer, _ = scripted(t, lambda r, c: c.sendall(chunked(injected.replace(b"%s", listing(r))) + b"0\r\n\r\n"), Ask(LIST))
    t.claim(b"hidden" not in answer.body, "a list behind a carriage return", f"a list behind a CR {answer.status}")

    gateway, sent = t.world.gateways["main"].process, [0]
    before = gateway.memory()

    def endless(request, connection):
        connection.sendall(chunked(b'data: {"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden","description":"'))
        piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        for _ in range(1024):
            connection.sendall(piece)
            sent[0] += 1
        return False

    answer, _ = scripted(t, endless, Ask(LIST))
    t.claim(
        b"hidden" not in answer.body and sent[0] < 1024 and not answer.endless,
        "a filtered event of 1 GiB",
        f"a filtered event of 1 GiB {answer.status or 'cut off'} {'never ended' if answer.endless else 'ended'} after {sent[0]} MiB",
    )
    grown = gateway.memory() - before
    t.claim(grown < 96, "memory", f"memory grew by {max(grown, 0)} MiB")


@attack(148, only="ts", why_not=ONCE)
def attack_148_what_an_answer_may_not_say(t):
    foreign = 'WWW-Authenticate: Bearer resource_metadata="https://evil.test/x"'
    answer, saw = scripted(t, lambda r, c: c.sendall(reply(b"{}", "401 Unauthorized", "application/json", foreign)), Ask(tool("safe")))
    t.claim(
        answer.status == 502 and "evil" not in str(answer.headers) and len(saw) == 1, "401", f"401 with a foreign challenge becomes {answer.status}"
    )
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
        answer, saw = scripted(t, lambda r, c, s=status: c.sendall(reply(b"", s, None, "Location: https://evil.test/")), Ask(tool("safe")))
        t.claim(
            answer.status == 502 and "evil" not in str(answer.headers) and len(saw) == 1, status, f"{status[:3]} becomes {answer.status}, asked once"
        )
    lines = ("Set-Cookie: a=b", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", foreign)
    answer, _ = scripted(
        t, lambda r, c: c.sendall(reply(b'{"jsonrpc":"2.0","id":1,"result":{}}', "200 OK", "application/json", *lines)), Ask(tool("safe"))
    )
    names = {name.lower() for name, _ in answer.headers}
    left = names & {"set-cookie", "access-control-allow-credentials", "www-authenticate"}
    t.claim(
        answer.status == 200 and not left and answer.get("access-control-allow-origin") != "*",
        "fields",
        f"of cookie, CORS and challenge remains {', '.join(left) or 'nothing'}",
    )


@attack(149)
def attack_149_a_filtered_list_that_says_public(t):
    if t.u == "py":
        (answer,) = [t.send(modern("tools/list", {}), "A", "hide")]
        direct = t.direct("the list itself", modern("tools/list", {}))
        t.claim(b'"cacheScope":"public"' in direct.body, "the server says public", "the server itself says public")
    else:
        answer, _ = scripted(t, lambda r, c: c.sendall(reply(listing(r, cacheScope="public", ttlMs=60_000))), modern("tools/list", {}))
        t.note("by the scripted upstream: this SDK has no such member")
    scope = ((answer.json() or {}).get("result") or {}).get("cacheScope")
    shared = "public" in (answer.get("cache-control") or "")
    t.claim(
        answer.status == 200 and scope == "private" and b"danger" not in answer.body and not shared,
        "cacheScope",
        f"{answer.status} cacheScope {scope}",
    )


@attack(150)
def attack_150_a_client_that_leaves(t):
    """In 2026-07-28 leaving cancels the call; before, it must at least end the connection to the server, which may go on by itself."""
    ident = None if t.u == "py" else t.session("A")
    ask = modern("tools/call", {"name": "slow"}, name="slow") if t.u == "py" else Ask(tool("slow"), *session(ident))
    mark = t.upstream.mark()
    connection = Connection(t.port())
    connection.send(ask.raw(t.port(), t.at("mcp"), t.token("A")))
    started = t.upstream.wait(mark, lambda r: r.get("what") == "tool slow")
    began = time.monotonic()
    connection.close()
    left = t.upstream.wait(mark, lambda r: r["kind"] == "left")
    took = (time.monotonic() - began) * 1000
    t.claim(started and left, "left", f"the server saw its client leave after {took:.0f} ms" if left else "the server's connection stayed open")
    if t.u == "py":
        stopped = t.upstream.wait(mark, lambda r: r.get("what") == "slow was cancelled")
        t.claim(stopped, "cancelled", "and cancelled the call" if stopped else "the call went on")


@attack(151, only="ts", why_not=ONCE)
def attack_151_an_upstream_that_dies_in_a_stream(t):
    event = b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n'

    def dies(request, connection):
        connection.sendall(chunked(event))
        time.sleep(0.2)  # so that the event is on its way before the reset overtakes it
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    answer, saw = scripted(t, dies, Ask(tool("safe")))
    t.claim(
        answer.status == 200 and answer.body == event and not answer.whole,
        "cut off",
        f"the stream ends {'as if whole' if answer.whole else 'broken off'} after {'its event' if answer.body == event else repr(answer.body)}",
    )
    t.claim(len(saw) == 1, "once", f"the server was asked {len(saw)} time")
    answer, saw = scripted(t, lambda r, c: False, Ask(tool("safe")))
    t.claim(answer.status == 502 and len(saw) == 1, "before its head", f"before its head {answer}, asked {len(saw)} time")


def endpoint(t, text):
    """What the old transport's client gets where the upstream names `text` as its endpoint."""
    t.world.raw.seen()

    def names(request, connection):
        connection.sendall(chunked(b"event: endpoint\ndata: " + text.encode() + b"\n\n"))
        time.sleep(1)
        return False

    t.world.raw.script = names
    stream = t.stream(Ask(b"", method="GET", media=None, accept="text/event-stream"), "A", "/raw/sse", "old")
    event = stream.event(3)
    ended = stream.ended
    stream.close()
    return stream.status, event, ended


@attack(152)
def attack_152_an_endpoint_elsewhere(t):
    for text in (
        "http://internal:9000/x",
        "//evil/x",
        "https://evil.test/messages?sessionId=1",
        "http://127.0.0.1:1/x",
        "http://127.0.0.1@evil.test/x",
        "\\\\evil\\x",
        "/\\evil/x",
        "javascript:alert(1)",
        "http:/evil/x",
        "ftp://127.0.0.1/x",
        "",
    ):
        status, event, _ = endpoint(t, text)
        t.claim(event is None, text or "empty", f"{status}, no endpoint" if event is None else f"{text!r} became {event}")
    stream = t.stream(Ask(b"", method="GET", media=None, accept="text/event-stream"), "A", "sse", "old")
    event = stream.event(5) or {}
    data = event.get("data", "")
    t.claim(
        stream.status == 200 and data.startswith(f"/{t.u}/sse/messages?session="),
        "the server's own",
        f"the server's own endpoint became {data[:40]}…",
    )
    t.claim("sessionId" not in data and "session_id" not in data, "sealed", "its session is sealed")
    stream.close()


def opened(t, who="A"):
    """An open stream of the old transport, and where its messages go."""
    stream = t.stream(Ask(b"", method="GET", media=None, accept="text/event-stream"), who, "sse", "old")
    event = stream.event(5) or {}
    if event.get("event") != "endpoint":
        raise RuntimeError(f"no endpoint: {stream.status} {event}")
    return stream, event["data"]


@attack(153)
def attack_153_messages_into_the_stream_of_another(t):
    stream, place = opened(t)
    post = {"path": place, "gateway": "old"}
    initialize = message("initialize", {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}, 0)
    answer = t.send(Ask(initialize), "A", **post)
    t.claim(answer.status == 202, "alice", f"alice posts {answer.status}")
    stream.message()
    t.send(Ask(message("notifications/initialized", ident=None)), "A", **post)
    inner = next(r["path"] for r in reversed(t.upstream.since(0)) if r["kind"] == "request" and r["path"].startswith("/messages"))
    for label, path, who in (
        ("bob at her place", place, "B"),
        ("bob, with every scope", place, "B wide"),
        ("another session", place.split("=")[0] + "=0f8fad5b-d9cb-469f-a165-70867728950e", "A"),
        ("the server's own id", place.split("=")[0] + "=" + inner.split("=")[1], "A"),
        ("the server's own path", inner, "B"),
        ("the server's own path, alice", inner, "A"),
        ("no session", place.split("?")[0], "A"),
        ("two sessions", f"{place}&{place.split('?')[1]}", "B"),
    ):
        t.refused(label, Ask(tool("safe")), {400, 404} if label == "two sessions" else 404, who=who, path=path, gateway="old")
    t.denied("alice calls danger", Ask(tool("danger")), path=place, gateway="old")
    t.refused(
        "two names",
        Ask('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","name":"danger"}}'),
        400,
        -32600,
        path=place,
        gateway="old",
    )
    t.refused("no token", Ask(tool("safe")), 401, who=None, path=place, gateway="old")
    answer = t.send(Ask(message("tools/call", {"name": "safe"}, 5)), "A", **post)
    result, _ = stream.message(lambda m: m.get("id") == 5)
    t.claim(answer.status == 202 and "safe was run" in json.dumps(result), "alice", "alice calls and is answered on her stream")
    stream.close()
