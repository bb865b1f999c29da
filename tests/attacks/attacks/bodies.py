"""Attacks 1 to 36: bodies that two JSON readers read differently."""

import time

from case import DENIED, Ask, attack, call, message, tool
from http1 import Connection

DANGER = "tool danger"
SAFE = "tool safe"
REQUEST, PARSE, PARAMS = -32600, -32700, -32602


def envelope(members):
    return Ask("{" + members + "}")


@attack(1)
def attack_001_the_last_of_two_names_is_danger(t):
    twice = Ask(call('{"name":"safe","name":"danger"}'))
    t.refused("twice", twice, 400, REQUEST)
    t.refused("one escaped", Ask(call('{"name":"safe","n\\u0061me":"danger"}')), 400, REQUEST)
    t.refused("far apart", Ask(call('{"name":"safe","arguments":{"name":"safe"},"name":"danger"}')), 400, REQUEST)
    t.direct("twice", twice, DANGER)


@attack(2)
def attack_002_the_first_of_two_names_is_danger(t):
    twice = Ask(call('{"name":"danger","name":"safe"}'))
    t.refused("twice", twice, 400, REQUEST)
    t.direct("twice", twice, SAFE)


@attack(3)
def attack_003_two_params(t):
    twice = envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"params":{"name":"danger"}')
    t.refused("twice", twice, 400, REQUEST)
    t.refused("one escaped", Ask(twice.body.replace(b'"params":{"name":"danger"', b'"par\\u0061ms":{"name":"danger"')), 400, REQUEST)
    t.direct("twice", twice, DANGER)


@attack(4)
def attack_004_two_methods(t):
    twice = envelope('"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"danger"}')
    t.refused("twice", twice, 400, REQUEST)
    t.direct("twice", twice, DANGER)


@attack(5)
def attack_005_name_and_name_in_capitals(t):
    both = Ask(call('{"name":"safe","Name":"danger"}'))
    t.refused("Name", both, 400, REQUEST)
    t.refused("NAME", Ask(call('{"NAME":"danger","name":"safe"}')), 400, REQUEST)
    t.direct("Name", both, SAFE)


@attack(6)
def attack_006_only_the_name_in_capitals(t):
    only = Ask(call('{"Name":"danger"}'))
    method = envelope('"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"danger"}')
    t.refused("Name", only, 400, REQUEST)
    t.refused("METHOD", method, 400, REQUEST)
    t.refused("Params", envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"danger"}'), 400, REQUEST)
    t.direct("Name", only)
    t.direct("METHOD", method)


@attack(7)
def attack_007_a_nul_behind_the_name(t):
    nul = Ask(call('{"name":"safe","name\\u0000":"danger"}'))
    t.refused("name NUL", nul, 400, REQUEST)
    t.refused("method NUL", envelope('"jsonrpc":"2.0","id":1,"method":"ping","method\\u0000":"tools/call","params":{"name":"danger"}'), 400, REQUEST)
    t.direct("name NUL", nul, SAFE)


@attack(8)
def attack_008_a_long_s_in_params(t):
    both = envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"param\u017f":{"name":"danger"}')
    t.refused("beside params", both, 400, REQUEST)
    t.refused("alone", envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"danger"}'), 400, REQUEST)
    t.refused(
        "escaped", envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"param\\u017f":{"name":"danger"}'), 400, REQUEST
    )
    t.direct("beside params", both, *([SAFE] if t.u == "py" else []))


@attack(9)
def attack_009_an_escaped_key(t):
    escaped = Ask(call('{"n\\u0061me":"danger"}'))
    t.denied("escaped", escaped)
    t.direct("escaped", escaped, DANGER)


@attack(10)
def attack_010_an_escaped_value(t):
    escaped = Ask(call('{"name":"d\\u0061nger"}'))
    t.denied("escaped", escaped)
    t.direct("escaped", escaped, DANGER)


@attack(11)
def attack_011_an_escaped_slash_in_the_method(t):
    escaped = envelope('"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"danger"}')
    t.denied("escaped", escaped)
    t.direct("escaped", escaped, DANGER)


@attack(12)
def attack_012_a_byte_order_mark(t):
    marked = Ask(b"\xef\xbb\xbf" + call('{"name":"danger"}'))
    t.refused("UTF-8", marked, 400, PARSE)
    t.direct("UTF-8", marked, *([DANGER] if t.u == "ts" else []))


@attack(13)
def attack_013_utf_16_that_says_so(t):
    said = Ask(tool("danger").encode("utf-16"), media="application/json; charset=utf-16")
    t.refused("with a mark", said, 415)
    t.refused("without", Ask(tool("danger").encode("utf-16-le"), media="application/json; charset=utf-16le"), 415)
    t.direct("with a mark", said, *([DANGER] if t.u == "ts" else []))


@attack(14)
def attack_014_utf_16_and_utf_32_that_do_not_say_so(t):
    for coding in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be", "utf-32"):
        t.refused(coding, Ask(tool("danger").encode(coding)), 400, PARSE)
    t.direct("utf-16-le", Ask(tool("danger").encode("utf-16-le")))


@attack(15)
def attack_015_other_charsets(t):
    for charset in ("utf-7", "iso-8859-1", "us-ascii", '"utf-7"'):
        t.refused(charset, Ask(tool("danger"), media=f"application/json; charset={charset}"), 415)


@attack(16)
def attack_016_invalid_utf_8_in_a_string(t):
    for label, text in (("a lone byte", b"\xff"), ("overlong", b"\xc0\xaf"), ("a surrogate", b"\xed\xa0\x80"), ("broken off", b"\xe2\x82")):
        t.refused(label, Ask(call(b'{"name":"danger","arguments":{"a":"' + text + b'"}}')), 400, PARSE)
    t.refused("in the name", Ask(call(b'{"name":"danger\xff"}')), 400, PARSE)
    t.direct("a lone byte", Ask(call(b'{"name":"danger","arguments":{"a":"\xff"}}')), *([DANGER] if t.u == "ts" else []))


@attack(17)
def attack_017_a_lone_surrogate_in_the_name(t):
    for label, name in (
        ("high", "danger\\ud800"),
        ("low", "danger\\udc00"),
        ("the wrong way round", "danger\\udc00\\ud800"),
        ("before", "\\ud800danger"),
    ):
        t.refused(label, Ask(call('{"name":"' + name + '"}')), 400)


@attack(18)
def attack_018_nan_and_infinity(t):
    for number in ("NaN", "Infinity", "-Infinity"):
        t.refused(number, Ask(call('{"name":"danger","arguments":{"a":' + number + "}}")), 400, PARSE)
    t.direct("NaN", Ask(call('{"name":"danger","arguments":{"a":NaN}}')), *([DANGER] if t.u == "py" else []))


@attack(19)
def attack_019_comments_commas_and_single_quotes(t):
    good = call('{"name":"danger"}')
    for label, body in (
        ("comment", b"/* */" + good),
        ("line comment", b"// x\n" + good),
        ("a comma more", good[:-1] + b",}"),
        ("single quotes", good.replace(b'"', b"'")),
        ("no quotes", good.replace(b'"name"', b"name")),
        ("a comma more in a list", call('{"name":"danger","arguments":{"a":[1,]}}')),
    ):
        t.refused(label, Ask(body), 400, PARSE)
        t.direct(label, Ask(body))


@attack(20)
def attack_020_a_raw_control_character(t):
    for code in (0, 1, 9, 10, 13, 31):
        t.refused(f"{code}", Ask(call('{"name":"danger","arguments":{"a":"' + chr(code) + '"}}')), 400, PARSE)
    t.direct("newline", Ask(call('{"name":"danger","arguments":{"a":"\n"}}')))


@attack(21)
def attack_021_more_than_one_document(t):
    good = call('{"name":"danger"}')
    for label, body in (
        ("two", good + good),
        ("lines", good + b"\n" + good + b"\n"),
        ("garbage", good + b"x"),
        ("a NUL", good + b"\0"),
        ("a bracket", good + b"]"),
        ("a record separator", b"\x1e" + good),
    ):
        t.refused(label, Ask(body), 400, PARSE)
        t.direct(label, Ask(body))


@attack(22)
def attack_022_nesting(t):
    for depth in (65, 200, 5_000, 40_000):
        for left, right in (("[", "]"), ('{"a":', "}")):
            inner = left * depth + ("1" if left != "[" else "") + right * depth
            began = time.monotonic()
            t.refused(f"{depth} of {left}", Ask(call('{"name":"danger","arguments":{"a":' + inner + "}}")), 400)
            spent = time.monotonic() - began
    t.note(f"the deepest took {spent * 1000:.0f} ms with the check of the log")
    deep = Ask(call('{"name":"danger","arguments":{"a":' + "[" * 40_000 + "]" * 40_000 + "}}"))
    t.direct("40000", deep, *([DANGER] if t.u == "ts" else []))


@attack(23)
def attack_023_enormous_numbers(t):
    """Refused, or the upstream gets the bytes as they are."""
    for label, number in (("1e400", "1e400"), ("10000 digits", "9" * 10_000), ("a long fraction", "0." + "1" * 10_000), ("-1e-400", "-1e-400")):
        ask, mark = Ask(call('{"name":"safe","arguments":{"a":' + number + "}}")), t.upstream.mark()
        answer = t.send(ask)
        bodies = [r["body"].encode("latin-1") for r in t.seen(mark) if r["kind"] == "request"]
        t.claim(
            (answer.status == 400 and not bodies) or bodies == [ask.body],
            label,
            f"{answer}, upstream got {'the same bytes' if bodies == [ask.body] else 'nothing' if not bodies else 'other bytes'}",
        )


@attack(24)
def attack_024_an_id_beyond_2_to_the_53(t):
    ask, mark = Ask(call('{"name":"safe"}', "9007199254740993")), t.upstream.mark()
    answer = t.send(ask)
    bodies = [r["body"].encode("latin-1") for r in t.seen(mark) if r["kind"] == "request"]
    if t.u == "ts":
        # This SDK refuses the id: its answer must come through as it is.
        good = answer.status == 400
    else:
        good = answer.status == 200 and answer.json().get("id") == 9007199254740993
    t.claim(
        good and bodies == [ask.body],
        "id",
        f"{answer}, upstream got {'the same bytes' if bodies == [ask.body] else bodies}, id back {(answer.json() or {}).get('id')}",
    )


@attack(25)
def attack_025_ids_that_are_none(t):
    for ident in ("null", "true", "1.5", "{}", "[]", "1e400", "1e2", "-0", "18446744073709551616"):
        t.refused(ident, Ask(call('{"name":"danger"}', ident)), 400, REQUEST)
    t.direct("null", Ask(call('{"name":"danger"}', "null")))


@attack(26)
def attack_026_a_call_without_an_id(t):
    ask = Ask(message("tools/call", {"name": "danger"}, None))
    t.denied("no id", ask)
    t.direct("no id", ask)


@attack(27)
def attack_027_a_method_and_a_result(t):
    hybrid = envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"},"result":{}')
    t.refused("result behind", hybrid, 400, REQUEST)
    t.refused("result before", envelope('"result":{},"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"}'), 400, REQUEST)
    t.direct("result behind", hybrid, *([DANGER] if t.u == "py" else []))


@attack(28)
def attack_028_a_method_and_an_error(t):
    hybrid = envelope('"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"},"error":{"code":1,"message":""}')
    t.refused("error behind", hybrid, 400, REQUEST)


@attack(29)
def attack_029_another_jsonrpc(t):
    for label, version in (
        ("missing", ""),
        ("1.0", '"jsonrpc":"1.0",'),
        ("a number", '"jsonrpc":2.0,'),
        ("spaces", '"jsonrpc":"2.0 ",'),
        ("null", '"jsonrpc":null,'),
    ):
        t.refused(label, envelope(version + '"id":1,"method":"tools/call","params":{"name":"danger"}'), 400, REQUEST)


@attack(30)
def attack_030_params_of_the_wrong_type(t):
    for params in ('["danger"]', '{"name":["danger"]}', '{"name":{}}', '{"name":null}', '{"name":1}', "{}", '"danger"', "null"):
        t.refused(params, Ask(call(params)), 400, PARAMS)
        t.direct(params, Ask(call(params)))


@attack(31)
def attack_031_names_that_look_like_another(t):
    """Other names: no rule knows them, and so they are refused like `danger` itself."""
    for name in (
        "danger ",
        " danger",
        "Danger",
        "DANGER",
        "\uff44\uff41\uff4e\uff47\uff45\uff52",
        "dan\u200dger",
        "d\u0430nger",
        "da\u0301nger",
        "safe ",
        "Safe",
        "s\u0430fe",
        "safe\u200b",
        "sa\ufb00e",
        "safe\x00",
    ):
        t.denied(repr(name), Ask(tool(name)))


@attack(32)
def attack_032_more_than_memory(t):
    gateway = t.world.gateways["main"].process
    before = gateway.memory()
    t.refused("a name of a million bytes", Ask(tool("d" * 1_000_000)), {400, 413})
    keys = ",".join(f'"k{n}":0' for n in range(1_000_000))
    t.refused("a million keys", Ask(call('{"name":"danger","arguments":{' + keys + "}}")), {400, 413})
    t.refused("a million values", Ask(call('{"name":"danger","arguments":{"a":[' + "0," * 1_000_000 + "0]}}")), 400)
    t.refused("a length of 100 MB", Ask(b"", framing="Content-Length: 104857600"), 413)
    # As much as it takes until nobody listens any more; the gateway may hang up at any time.
    connection = Connection(t.port())
    mark, sent = t.upstream.mark(), 0
    try:
        connection.socket.sendall(Ask(b"", framing="Transfer-Encoding: chunked").raw(t.port(), t.at("open"), t.token("A")))
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        while sent < 100 << 20:
            connection.socket.sendall(chunk)
            sent += 65536
    except OSError:
        pass
    answer = connection.answer()
    connection.close()
    t.judge("an endless body", answer, t.seen(mark), {413, 0})
    t.claim(sent < 100 << 20, "the endless body was cut off", f"an endless body was cut off after {sent >> 20} MiB")
    grown = gateway.memory() - before
    t.claim(grown < 64, "memory", f"memory grew by {grown} MiB at most" if grown >= 1 else "memory did not grow")


@attack(33)
def attack_033_one_byte_at_a_time(t):
    whole = Ask(tool("danger")).raw(t.port(), t.at("open"), t.token("A"))
    head, body = whole.split(b"\r\n\r\n", 1)
    chunked = Ask(b"", framing="Transfer-Encoding: chunked").raw(t.port(), t.at("open"), t.token("A"))
    for label, pieces in (
        ("bytes of a head and a body", [whole[at : at + 1] for at in range(len(whole))]),
        ("chunks of one byte", [chunked, *(b"1\r\n%c\r\n" % byte for byte in body), b"0\r\n\r\n"]),
        ("chunks of one byte in one segment", [chunked + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"]),
    ):
        connection, mark = Connection(t.port()), t.upstream.mark()
        connection.send(*pieces)
        answer = connection.answer()
        connection.close()
        t.judge(label, answer, t.seen(mark), 403, reasons=DENIED)


@attack(34)
def attack_034_no_message(t):
    for body in ("", " \r\n\t", "null", '"x"', "[]", "{}", "0", "true", "[[]]", "[null]"):
        t.refused(repr(body), Ask(body), 400, {REQUEST, PARSE})


@attack(35)
def attack_035_two_members_inside_arguments(t):
    twice = Ask(call('{"name":"safe","arguments":{"path":"a","path":"b"}}'))
    t.refused("twice", twice, 400, REQUEST)
    t.refused("deep", Ask(call('{"name":"safe","arguments":{"a":[{"b":1,"b":2}]}}')), 400, REQUEST)
    t.direct("twice", twice, SAFE)


@attack(36)
def attack_036_other_places_that_name_a_tool(t):
    meta = Ask(tool("danger", _meta={"name": "safe"}))
    t.denied("_meta.name", meta)
    t.denied("arguments.name", Ask(tool("danger", arguments={"name": "safe"})))
    t.direct("_meta.name", meta, DANGER)
    t.passes("_meta.name of the allowed", Ask(tool("safe", _meta={"name": "danger"}, arguments={"name": "danger"})))
