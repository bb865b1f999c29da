"""Attacks 37 to 49: media types, codings and batches."""

import gzip
import zlib

from case import DENIED, LEGACY, Ask, attack, message, tool
from http1 import Connection

DANGER = "tool danger"
REQUEST = -32600
BODY = tool("danger").encode()


def br(data):
    """A brotli stream of one uncompressed meta-block (RFC 7932 §9.2), for fewer than 65536 bytes."""
    # A window of 16 bits is one 0, ISLAST another, four nibbles are 00; then the length less one, and ISUNCOMPRESSED.
    head = (len(data) - 1) << 4 | 1 << 20
    return head.to_bytes(3, "little") + data + b"\x03"


def zstd(data):
    """A zstd frame of one raw block (RFC 8878 §3.1.1), for fewer than 256 bytes."""
    return b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)]) + (1 | len(data) << 3).to_bytes(3, "little") + data


def unread(t, label, ask, statuses=415):
    answer = t.refused(label, ask, statuses)
    t.claim(answer.get("accept-encoding") == "identity", f"{label}: what is accepted", f"Accept-Encoding: {answer.get('accept-encoding')}")


@attack(37)
def attack_037_gzip_hides_the_call(t):
    hidden = Ask(gzip.compress(BODY), "Content-Encoding: gzip")
    unread(t, "gzip", hidden)
    t.direct("gzip", hidden, *([DANGER] if t.u == "ts" else []))


@attack(38)
def attack_038_other_codings_hide_the_call(t):
    packed = gzip.compress(BODY)
    for label, body, *lines in (
        ("deflate", zlib.compress(BODY), "Content-Encoding: deflate"),
        ("br", br(BODY), "Content-Encoding: br"),
        ("zstd", zstd(BODY), "Content-Encoding: zstd"),
        ("a list", packed, "Content-Encoding: gzip, identity"),
        ("capitals", packed, "Content-Encoding: GZIP"),
        ("x-gzip", packed, "Content-Encoding: x-gzip"),
        ("two lines", packed, "Content-Encoding: identity", "Content-Encoding: gzip"),
        ("two layers", gzip.compress(packed), "Content-Encoding: gzip, gzip"),
    ):
        unread(t, label, Ask(body, *lines))
    for label, body in (("deflate", zlib.compress(BODY)), ("br", br(BODY))):
        t.direct(label, Ask(body, f"Content-Encoding: {label}"), *([DANGER] if t.u == "ts" else []))


@attack(39)
def attack_039_a_gzip_bomb(t):
    gateway = t.world.gateways["main"].process
    before = gateway.memory()
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezed.compress(bytes(1 << 20)) for _ in range(512)) + squeezed.flush()
    unread(t, "512 MiB in half a MiB", Ask(bomb, "Content-Encoding: gzip"))
    grown = gateway.memory() - before
    t.claim(grown < 16, "memory", f"memory grew by {grown} MiB at most" if grown >= 1 else "memory did not grow")


@attack(40)
def attack_040_other_media_types(t):
    for media in (
        "text/plain",
        "text/json",
        "application/json-patch+json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "*/*",
    ):
        t.refused(media, Ask(BODY, media=media), 415)


@attack(41)
def attack_041_media_types_that_begin_like_json(t):
    for media in ("application/jsonx", "application/json-rpc", "application/jsonrequest", "application/json5", "application/json/x"):
        t.refused(media, Ask(BODY, media=media), 415)


@attack(42)
def attack_042_json_in_other_spellings(t):
    for media in ("application/JSON", "application/json ;charset=UTF-8", 'APPLICATION/json;charset="utf-8"'):
        t.denied(media, Ask(BODY, media=media))
    t.direct("capitals", Ask(BODY, media="application/JSON"), *([DANGER] if t.u == "ts" else []))


@attack(43)
def attack_043_two_media_types(t):
    json_line, plain = "Content-Type: application/json", "Content-Type: text/plain"
    t.refused("json, then plain", Ask(BODY, json_line, plain, media=None), 400)
    t.refused("plain, then json", Ask(BODY, plain, json_line, media=None), 400)
    t.refused("twice the same", Ask(BODY, json_line, json_line, media=None), 400)
    t.refused("joined", Ask(BODY, media="text/plain, application/json"), {400, 415})
    t.refused("joined the other way", Ask(BODY, media="application/json, text/plain"), {400, 415})


@attack(44)
def attack_044_no_media_type(t):
    t.refused("none", Ask(BODY, media=None), 415)
    t.refused("empty", Ask(BODY, "Content-Type:", media=None), {400, 415})


@attack(45)
def attack_045_a_coding_in_transfer_encoding(t):
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    packed = gzip.compress(BODY)
    for label, body, coding in (
        ("gzip, chunked", chunks, "gzip, chunked"),
        ("really packed", b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed), "gzip, chunked"),
        ("deflate, chunked", chunks, "deflate, chunked"),
        ("chunked, gzip", chunks, "chunked, gzip"),
    ):
        ask, mark = Ask(body, framing=f"Transfer-Encoding: {coding}"), t.upstream.mark()
        raw = ask.raw(t.port(), t.at("open"), t.token("A")).replace(b"Connection: close\r\n", b"")
        connection = Connection(t.port())
        connection.send(raw)
        answer = connection.answer()
        # Whatever stands behind such a body must not be taken for a request.
        ended = connection.ends()
        connection.close()
        t.judge(label, answer, t.seen(mark), 400)
        t.claim(ended, f"{label}: the connection ends", "connection closed" if ended else "connection left open")
    t.direct("gzip, chunked", Ask(chunks, framing="Transfer-Encoding: gzip, chunked"), *([DANGER] if t.u == "ts" else []))


def batch(*items):
    return "[" + ",".join(items) + "]"


@attack(46)
def attack_046_a_batch(t):
    ask = Ask(batch(tool("danger")))
    answer = t.refused("one call", ask, 400, REQUEST)
    t.claim("id" not in (answer.json() or {}), "no id", "without an id")
    t.direct("one call", ask, *([DANGER] if t.u == "ts" else []))


@attack(47)
def attack_047_a_batch_under_a_version_that_has_none(t):
    ask = Ask(batch(tool("safe"), message("tools/call", {"name": "danger"}, 2)), LEGACY)
    t.refused("two calls", ask, 400, REQUEST)
    t.refused("under 2025-03-26", Ask(ask.body, "MCP-Protocol-Version: 2025-03-26"), 400, REQUEST)
    t.direct("two calls", ask, *(["tool safe", DANGER] if t.u == "ts" else []))


@attack(48)
def attack_048_batches_where_they_are_allowed(t):
    """This server is set to `batches: 2025-03-26`."""
    version = "MCP-Protocol-Version: 2025-03-26"
    mixed = Ask(batch(tool("safe"), message("tools/call", {"name": "danger"}, 2)), version)
    answer = t.refused("allowed and denied", mixed, 403, reasons=DENIED, path="batch")
    challenge = answer.get("www-authenticate") or ""
    t.claim(
        'error="insufficient_scope"' in challenge and "mcp:connect" in challenge and "danger:run" in challenge,
        "the union of scopes",
        f"challenge {challenge or 'absent'}",
    )
    t.refused("nested", Ask(batch(batch(tool("danger"))), version), 400, path="batch")
    t.refused("51 calls", Ask(batch(*(message("tools/call", {"name": "safe"}, n) for n in range(51))), version), 400, path="batch")
    t.refused("with initialize", Ask(batch(tool("safe"), message("initialize", {"protocolVersion": "2025-03-26"}, 2)), version), 400, path="batch")
    t.refused("empty", Ask("[]", version), 400, path="batch")
    t.refused("requests and responses", Ask(batch(tool("safe"), '{"jsonrpc":"2.0","id":9,"result":{}}'), version), 400, path="batch")
    t.refused(
        "twice the same member",
        Ask(batch(tool("safe"), '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"safe","name":"danger"}}'), version),
        400,
        path="batch",
    )
    good = Ask(batch(tool("safe"), message("tools/call", {"name": "safe"}, 2)), version)
    if t.u == "ts":
        answer, _ = t.passes("two allowed calls", good, did=("tool safe", "tool safe"), path="batch")
        t.claim(len(answer.results()) == 2, "both answers", f"{len(answer.results())} answers")
    else:
        mark = t.upstream.mark()
        answer = t.send(good, path="batch")
        bodies = [r["body"].encode("latin-1") for r in t.seen(mark) if r["kind"] == "request"]
        t.claim(bodies == [good.body] and answer.status == 400, "two allowed calls", f"this SDK refuses every batch itself: {answer}")


@attack(49)
def attack_049_a_batch_of_a_notification_and_a_denied_call(t):
    body = batch(message("notifications/progress", {"progressToken": 1, "progress": 1}, None), tool("danger"))
    t.refused("where none are allowed", Ask(body), 400, REQUEST)
    t.refused("where they are", Ask(body, "MCP-Protocol-Version: 2025-03-26"), 403, reasons=DENIED, path="batch")
    hidden = batch(tool("safe"), message("tools/call", {"name": "danger"}, None))
    t.refused("the denied call as a notification", Ask(hidden, "MCP-Protocol-Version: 2025-03-26"), 403, reasons=DENIED, path="batch")
