"""Attacks 128 to 135 and 154: bob with what is alice's: her session, her events, her server's questions."""

import json
import time
import uuid

from case import DENIED, LEGACY, ONCE, TASKS_META, Ask, attack, message, modern, session, tool
from http1 import TIMEOUT, Connection, chunked, exchange, reply
from world import STREAMS_MAX

UNKNOWN = {"unknown_session"}
INITIALIZE = Ask(message("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}))
# More than the gateway lets one caller have, with room for what it forgets meanwhile.
TRIED = 2_000
SCHEMA_ANSWERS = {
    "elicitation/create": {"action": "accept", "content": {"which": "%s"}},
    "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "%s"}},
}


def get(*lines):
    return Ask(b"", *lines, method="GET", media=None, accept="text/event-stream")


def delete(*lines):
    return Ask(b"", *lines, method="DELETE", media=None)


def on_every_method(t, label, ident, who, path="mcp", gateway="main"):
    lines = session(ident)
    for ask in (
        Ask(tool("safe"), *lines),
        Ask(message("tools/list", {}), *lines),
        Ask(message("notifications/initialized", ident=None), *lines),
        get(*lines),
        get(*lines, "Last-Event-ID: x-1"),
        delete(*lines),
    ):
        t.refused(f"{label}: {ask.method} {ask.body[:60].decode()}", ask, 404, reasons=UNKNOWN, who=who, path=path, gateway=gateway)


@attack(128)
def attack_128_the_session_of_another(t):
    ident = t.session("A")
    on_every_method(t, "bob", ident, "B")
    on_every_method(t, "bob at another process with the same key", ident, "B", gateway="second")
    on_every_method(t, "a session that nobody sealed", "0f8fad5b-d9cb-469f-a165-70867728950e", "B")
    # What the upstream itself calls the session is no name for it here, not even for its owner.
    inner = next(r for r in reversed(t.upstream.since(0)) if r["kind"] == "request" and "mcp-session-id" in [h.lower() for h in r["headers"][::2]])
    inner = next(v for h, v in zip(inner["headers"][::2], inner["headers"][1::2]) if h.lower() == "mcp-session-id")
    t.claim(inner != ident, "sealed", "the session id is sealed" if inner != ident else "the session id is the upstream's own")
    on_every_method(t, "the upstream's own id, alice", inner, "A")
    for label, other in (
        ("one letter changed", ident[:-1] + ("A" if ident[-1] != "A" else "B")),
        ("broken off", ident[: len(ident) // 2]),
        ("longer", ident + "A"),
    ):
        t.refused(label, Ask(tool("safe"), *session(other)), 404, reasons=UNKNOWN, path="mcp")
    t.alive(ident)
    t.alive(ident, gateway="second")
    answer = t.send(delete(*session(ident)), path="mcp")
    t.claim(answer.status in (200, 204), "alice ends it", f"alice's DELETE {answer.status}")
    # Bytes that bob may send: with her id, straight at the server, they are hers.
    direct = exchange(t.upstream.port, INITIALIZE.raw(t.upstream.port, "/mcp"))
    t.direct("the same without a gateway", Ask(tool("danger"), *session(direct.get("mcp-session-id"))), "tool danger", path="mcp")


@attack(129)
def attack_129_a_session_of_another_route(t):
    strict, loose = t.session("A"), t.session("A", path="loose")
    on_every_method(t, "strict to loose", strict, "A", path="loose")
    on_every_method(t, "loose to strict", loose, "A")
    t.refused("danger by the loose one", Ask(tool("danger"), *session(loose)), {403, 404}, reasons=UNKNOWN | DENIED, path="mcp")
    t.alive(strict)
    t.alive(loose, path="loose")


@attack(130)
def attack_130_a_session_with_another_token(t):
    ident = t.session("A wide")
    mark = t.upstream.mark()
    answer = t.send(Ask(tool("danger"), *session(ident)), "A wide", "mcp")
    t.claim(
        answer.status == 200 and t.upstream.wait(mark, lambda r: r.get("what") == "tool danger"), "the right one", f"with the scope {answer.status}"
    )
    t.denied("the same person, narrower", Ask(tool("danger"), *session(ident)), who="A", path="mcp")
    for ask in (Ask(tool("safe"), *session(ident)), get(*session(ident)), delete(*session(ident))):
        t.refused(f"without the server's own scope: {ask.method}", ask, 403, reasons=DENIED, who="A none", path="mcp")
        t.refused(f"without a token: {ask.method}", ask, 401, who=None, path="mcp")
    t.refused("another person, as wide", Ask(tool("danger"), *session(ident)), 404, reasons=UNKNOWN, who="B wide", path="mcp")
    t.alive(ident)


@attack(131)
def attack_131_session_headers_of_odd_shapes(t):
    ident = t.session("A")
    for label, lines, statuses in (
        ("two lines", [f"Mcp-Session-Id: {ident}", "Mcp-Session-Id: x"], {400}),
        ("twice the same", [f"Mcp-Session-Id: {ident}"] * 2, {400}),
        ("joined", [f"Mcp-Session-Id: {ident}, {ident}"], {400}),
        # Without a space it is one id that nobody sealed.
        ("joined without a space", [f"Mcp-Session-Id: {ident},{ident}"], {400, 404}),
        ("10 KB", ["Mcp-Session-Id: " + "a" * 10_240], {400}),
        ("empty", ["Mcp-Session-Id:"], {400}),
        ("a control byte", [f"Mcp-Session-Id: {ident}".encode() + b"\x01"], {400}),
        ("NUL", [f"Mcp-Session-Id: {ident}".encode() + b"\x00"], {400}),
        ("a byte above ASCII", [f"Mcp-Session-Id: {ident}".encode() + b"\xe9"], {400}),
        ("a tab inside", [f"Mcp-Session-Id: {ident[:8]}\t{ident[8:]}"], {400}),
        ("SQL", ["Mcp-Session-Id: ' OR 1=1 --"], {400}),
        ("SQL without spaces", ["Mcp-Session-Id: '/**/OR/**/'1'='1"], {400, 404}),
        ("a path", ["Mcp-Session-Id: ../../etc/passwd"], {400, 404}),
        ("a line feed", [f"Mcp-Session-Id: {ident}\nX-Injected: 1"], {400}),
        ("an escaped line feed", [f"Mcp-Session-Id: {ident}%0d%0aX-Injected:1"], {400, 404}),
        ("two event ids", [f"Mcp-Session-Id: {ident}", "Last-Event-ID: a", "Last-Event-ID: b"], {400}),
        ("an event id of 2 KiB", [f"Mcp-Session-Id: {ident}", "Last-Event-ID: " + "a" * 2_048], {400}),
        ("an event id with NUL", [f"Mcp-Session-Id: {ident}", b"Last-Event-ID: a\x00b"], {400}),
    ):
        for ask in (Ask(tool("safe"), LEGACY, *lines), get(LEGACY, *lines), delete(LEGACY, *lines)):
            t.refused(f"{label}: {ask.method}", ask, statuses, path="mcp")
    t.alive(ident)


@attack(132)
def attack_132_an_answer_to_the_question_of_anothers_server(t):
    for name, method in (("ask", "elicitation/create"), ("sample", "sampling/createMessage")):
        ident, own, mark = t.session("A"), t.session("B"), t.upstream.mark()
        asking = t.stream(Ask(tool(name), *session(ident)))
        question, _ = asking.message(lambda m: m.get("method") == method)
        if not question:
            t.claim(False, f"{name}: no question came", f"{name} {asking.status} and no question")
            continue

        def answer(text):
            return json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": json.loads(json.dumps(SCHEMA_ANSWERS[method]) % text)})

        t.refused(f"{name}: bob answers in alice's session", Ask(answer("bob"), *session(ident)), 404, reasons=UNKNOWN, who="B", path="mcp")
        t.refused(
            f"{name}: bob refuses in alice's session",
            Ask(json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": {"code": 1, "message": "no"}}), *session(ident)),
            404,
            reasons=UNKNOWN,
            who="B",
            path="mcp",
        )
        # In a session of his own he answers nobody.
        t.send(Ask(answer("bob"), *session(own)), "B", "mcp")
        t.send(Ask(answer("bob"), LEGACY), "B", "mcp")
        told = [r["what"] for r in t.upstream.since(mark) if "was told" in r.get("what", "")]
        t.claim(not told, f"{name}: not answered yet", f"{name} was told {told or 'nothing by bob'}")
        t.send(Ask(answer("alice"), *session(ident)), "A", "mcp")
        result, _ = asking.message(lambda m: "result" in m)
        asking.close()
        told = t.upstream.wait(mark, lambda r: "was told" in r.get("what", "")) or {}
        t.claim("alice" in told.get("what", "") and "alice" in json.dumps(result), f"{name}: alice's answer counts", f"{name} was told by alice")


@attack(133)
def attack_133_a_cancellation_of_the_request_of_another(t):
    ident, own, mark = t.session("A"), t.session("B"), t.upstream.mark()
    running = t.stream(Ask(message("tools/call", {"name": "slow"}, 77), *session(ident)))
    t.upstream.wait(mark, lambda r: r.get("what") == "tool slow")
    cancel = message("notifications/cancelled", {"requestId": 77, "reason": "bob"}, None)
    t.refused("in alice's session", Ask(cancel, *session(ident)), 404, reasons=UNKNOWN, who="B", path="mcp")
    t.send(Ask(cancel, *session(own)), "B", "mcp")
    went = [r for r in t.upstream.since(mark) if r.get("what") == "slow was cancelled"]
    t.claim(not went, "still running", "the call goes on")
    answer = t.send(Ask(message("notifications/cancelled", {"requestId": 77}, None), *session(ident)), "A", "mcp")
    stopped = t.upstream.wait(mark, lambda r: r.get("what") == "slow was cancelled")
    t.claim(
        answer.status == 202 and stopped, "alice cancels", f"alice's own cancellation {answer.status} {'stops it' if stopped else 'does nothing'}"
    )
    running.close()


def called(t, who, ident, name="safe"):
    """Calls a tool in a session; the id of its stream's first event, behind which the result is stored."""
    stream = t.stream(Ask(tool(name), *session(ident)), who)
    first = stream.event()
    _, last = stream.message()
    stream.close()
    return first["id"] if first and "id" in first else None, last


@attack(134)
def attack_134_the_events_of_another(t):
    ident, own = t.session("A"), t.session("B")
    first, last = called(t, "A", ident)
    if not first:
        t.claim(False, "no event id", "the answer's events have no id")
        return
    for label, lines, who in (
        ("in alice's session", session(ident), "B"),
        ("in a session of his own", session(own), "B"),
        ("in no session", [LEGACY], "B"),
        ("in no session, alice herself", [LEGACY], "A"),
    ):
        for event in (first, last):
            t.refused(f"{label}: {event}", get(*lines, f"Last-Event-ID: {event}"), {403, 404}, who=who, path="mcp")
    answer = t.send(get(*session(ident), f"Last-Event-ID: {first}"), "A", "mcp")
    t.claim(answer.status == 200 and b"safe was run" in answer.body, "alice resumes", f"alice resumes her stream {answer.status}")
    # Straight at the server any session may resume any stream: one store for all.
    strange = exchange(t.upstream.port, INITIALIZE.raw(t.upstream.port, "/mcp")).get("mcp-session-id")
    answer = exchange(t.upstream.port, get(*session(strange), f"Last-Event-ID: {first}").raw(t.upstream.port, "/mcp"))
    t.claim(b"safe was run" in answer.body, "direct", f"direct: a stranger resumes it {answer.status}")


@attack(134)
def attack_134_the_events_of_another_at_another_process(t):
    """The second gateway has the session key and has relayed none of alice's events.

    Not tried: bob in a session of his own. Whose an event is that another process relayed cannot be told without a mark in the stream,
    and the stream's bytes are not ours to change; alice, who may well go on here, looks just the same. The server's check is the only one then.
    """
    ident = t.session("A")
    first, last = called(t, "A", ident)
    for label, lines in (("in alice's session", session(ident)), ("in no session", [LEGACY])):
        for event in (first, last):
            t.refused(f"{label}: {event}", get(*lines, f"Last-Event-ID: {event}"), {403, 404}, who="B", path="mcp", gateway="second")
    answer = t.send(get(*session(ident), f"Last-Event-ID: {first}"), "A", "mcp", gateway="second")
    t.claim(answer.status == 200, "alice goes on", f"alice goes on at the other process {answer.status}")


@attack(134, only="ts", why_not=ONCE)
def attack_134_the_events_of_another_with_ids_that_are_counters(t):
    """A server that counts all its events in one row, and lets every session resume behind each: the scripted one."""

    def counts(request, connection):
        body = json.loads(request["body"] or b"{}")
        if body.get("method") == "initialize":
            connection.sendall(reply(b'{"jsonrpc":"2.0","id":1,"result":{}}', "200 OK", "application/json", f"Mcp-Session-Id: {uuid.uuid4()}"))
        else:
            connection.sendall(
                chunked(b'id: 7\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"for alice"}]}}\n\n') + b"0\r\n\r\n"
            )

    t.world.raw.script = counts
    hers, his = (t.send(INITIALIZE, who, "/raw/mcp").get("mcp-session-id") for who in "AB")
    answer = t.send(Ask(tool("safe"), *session(hers)), "A", "/raw/mcp")
    t.claim(b"for alice" in answer.body, "alice", f"alice calls {answer.status}")
    for label, lines in (("in alice's session", session(hers)), ("in a session of his own", session(his)), ("in no session", [LEGACY])):
        t.world.raw.seen()
        answer = t.send(get(*lines, "Last-Event-ID: 7"), "B", "/raw/mcp")
        saw = t.world.raw.seen()
        t.claim(
            answer.status in (403, 404) and not saw and b"for alice" not in answer.body,
            label,
            f"bob {label} {answer}, upstream saw {len(saw) or 'nothing'}",
        )


@attack(135)
def attack_135_a_stream_with_the_result_of_a_tool_that_was_taken_away(t):
    ident = t.session("A wide")
    first, last = called(t, "A wide", ident, "danger")
    for event in filter(None, (first, last)):
        t.refused(f"after {event}", get(*session(ident), f"Last-Event-ID: {event}"), 403, who="A", path="mcp")
    answer = t.send(get(*session(ident), f"Last-Event-ID: {first}"), "A wide", "mcp")
    t.claim(answer.status == 200 and b"danger was run" in answer.body, "with the scope", f"with the scope {answer.status}")


@attack(154)
def attack_154_too_many_of_everything(t):
    """Past each limit of one caller's; the others must not notice. What the limits are, base/limits/held.rs says, but for the streams'."""
    own = [t.session("A", path="few") for _ in range(STREAMS_MAX + 1)]
    held = [t.stream(get(*session(ident)), "A", "few") for ident in own[:-1]]
    t.claim(all(stream.status == 200 for stream in held), "as many as allowed", f"{len(held)} streams open")
    answer = t.refused("one more", get(*session(own[-1])), 429, path="few")
    t.claim((answer.get("retry-after") or "").isdigit(), "when again", f"Retry-After: {answer.get('retry-after')}")
    other = t.session("B", path="few")
    theirs = t.stream(get(*session(other)), "B", "few")
    t.claim(theirs.status == 200, "others", f"bob's own stream {theirs.status}")
    t.alive(other, "B", path="few")
    for stream in (theirs, *held):
        stream.close()

    if t.u == "ts":
        many_sessions(t)
        many_tasks(t)


def often(t, ask, who, times):
    """The same request again and again on one connection, to the scripted upstream; how often it was answered 200, and the last answer."""
    connection, good, answer = Connection(t.port()), 0, None
    raw = ask.raw(t.port(), "/raw/mcp", t.token(who)).replace(b"Connection: close\r\n", b"")
    for _ in range(times):
        connection.until = time.monotonic() + TIMEOUT
        connection.send(raw)
        answer = connection.answer()
        good += answer.status == 200
        if answer.status != 200:
            break
    connection.close()
    return good, answer


def many_sessions(t):
    """Neither SDK would make thousands of sessions in seconds, so the scripted upstream does."""
    t.world.raw.script = lambda request, connection: connection.sendall(
        reply(b'{"jsonrpc":"2.0","id":1,"result":{}}', "200 OK", "application/json", f"Mcp-Session-Id: {uuid.uuid4()}")
    )
    gateway = t.world.gateways["main"].process
    before = gateway.memory()
    begun, answer = often(t, INITIALIZE, "C", TRIED)
    t.claim(answer.status == 429 and (answer.get("retry-after") or "").isdigit(), "sessions", f"after {begun} sessions {answer}")
    begun, answer = often(t, INITIALIZE, "B", 1)
    t.claim(begun == 1 and answer.get("mcp-session-id"), "sessions of others", f"bob begins one {answer}")
    grown = gateway.memory() - before
    t.claim(grown < 8, "memory", f"memory grew by {max(grown, 0)} MiB")


def many_tasks(t):
    def makes(request, connection):
        said = json.loads(request["body"])
        task = {
            "taskId": str(uuid.uuid4()),
            "status": "working",
            "ttlMs": 60_000,
            "createdAt": "2026-11-21T00:00:00Z",
            "lastUpdatedAt": "2026-11-21T00:00:00Z",
        }
        result = {"resultType": "task", **task} if said["method"] == "tools/call" else {"resultType": "complete", "status": "working"}
        connection.sendall(reply(json.dumps({"jsonrpc": "2.0", "id": said["id"], "result": result}).encode()))

    t.world.raw.script = makes
    gateway = t.world.gateways["main"].process
    before = gateway.memory()
    work = modern("tools/call", {"name": "work"}, name="work", meta=TASKS_META)
    _, answer = often(t, work, "A", 1)
    hers = answer.json()["result"]["taskId"]
    made, answer = often(t, work, "D", TRIED)
    t.claim(made == TRIED or answer.status == 429, "tasks", f"after {made} tasks {answer}")
    good, answer = often(t, modern("tasks/get", {"taskId": hers}, name=hers, meta=TASKS_META), "A", 1)
    t.claim(good == 1, "alice's task", f"alice's task is {'remembered' if good else f'forgotten: {answer}'}")
    grown = gateway.memory() - before
    t.claim(grown < 8, "memory", f"memory grew by {max(grown, 0)} MiB")
