"""Attacks 140 to 145: retries, subscriptions, completions, resources, and tools that no list shows."""

import json

from case import Ask, attack, message, modern, session, tool

LISTEN = "subscriptions/listen"


@attack(140, only="py", why_not="MRTR belongs to 2026-07-28, which this SDK does not serve")
def attack_140_the_request_state_of_another(t):
    """The gateway does not wrap the state, so the server must learn who came back with it."""
    answer = t.send(modern("tools/call", {"name": "ask"}, name="ask"), "A", "mcp")
    result = (answer.json() or {}).get("result", {})
    state = result.get("requestState")
    t.claim(state, "alice is asked", f"alice {answer.status} {result.get('resultType')}")
    key = next(iter(result.get("inputRequests", {"": None})))
    params = {"name": "ask", "requestState": state, "inputResponses": {key: {"action": "accept", "content": {"which": "bob"}}}}
    mark = t.upstream.mark()
    answer = t.send(modern("tools/call", params, "X-Auth-Subject: alice", name="ask", ident=2), "B", "mcp")
    records = t.seen(mark)
    subjects = {v for r in records for h, v in zip(r.get("headers", [])[::2], r.get("headers", [])[1::2]) if h.lower() == "x-auth-subject"}
    if records:
        t.claim(
            subjects == {"bob"}, "forwarded as bob's", f"bob's retry {answer}, the server was told it is {' and '.join(sorted(subjects)) or 'nobody'}"
        )
    else:
        t.claim(answer.status in (400, 403), "refused", f"bob's retry {answer}, upstream saw nothing")


@attack(141)
def attack_141_a_retry_that_switches_to_another_tool(t):
    state = "v1.made-up"
    if t.u == "py":
        answer = t.send(modern("tools/call", {"name": "ask"}, name="ask"), "A", "mcp")
        state = answer.json()["result"]["requestState"]
    retry = {"requestState": state, "inputResponses": {"which": {"action": "accept", "content": {"which": "x"}}}}
    t.denied("danger", modern("tools/call", {"name": "danger", **retry}, name="danger", ident=2), path="mcp")
    t.refused("danger, named ask", modern("tools/call", {"name": "danger", **retry}, name="ask", ident=2), 400, -32020, path="mcp")
    t.denied("a prompt", modern("prompts/get", {"name": "forbidden", **retry}, name="forbidden", ident=2), path="mcp")
    if t.u == "py":
        t.direct("danger", modern("tools/call", {"name": "danger"}, name="danger", ident=2), "tool danger", path="mcp")


@attack(142)
def attack_142_a_subscription_with_one_forbidden_resource(t):
    def listen(*uris):
        return modern(LISTEN, {"notifications": {"resourceSubscriptions": list(uris)}})

    t.denied("the second", listen("file:///pub/a", "file:///secret/b"), path="mcp")
    t.denied("the first", listen("file:///secret/b", "file:///pub/a"), path="mcp")
    t.denied("the last of many", listen(*(f"file:///pub/{n}" for n in range(50)), "file:///etc/passwd"), path="mcp")
    t.refused("with dots", listen("file:///pub/a", "file:///pub/../secret/b"), 403, path="mcp")
    t.denied("the old way", Ask(message("resources/subscribe", {"uri": "file:///secret/b"})), path="open")
    if t.u == "py":
        mark = t.upstream.mark()
        stream = t.stream(listen("file:///pub/a"))
        event = stream.event()
        t.claim(stream.status == 200 and "acknowledged" in json.dumps(event), "allowed alone", f"the allowed alone {stream.status}")
        t.claim(t.upstream.since(mark), "seen", "and the server saw it")
        stream.close()


@attack(143)
def attack_143_completions_of_what_is_forbidden(t):
    def complete(**ref):
        return Ask(message("completion/complete", {"ref": ref, "argument": {"name": "who", "value": "y"}}))

    t.denied("a prompt", complete(type="ref/prompt", name="forbidden"))
    t.denied("a template over everything", complete(type="ref/resource", uri="file:///{+path}"))
    t.denied("a template that begins right", complete(type="ref/resource", uri="file:///secret/{name}"))
    t.denied("a prompt with the URI of a resource", complete(type="ref/prompt", name="forbidden", uri="file:///pub/a"))
    t.refused("another type", complete(type="ref/tool", name="greet"), 400, -32602)
    t.refused(
        "two names",
        Ask(
            '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","name":"forbidden"},"argument":{"name":"who","value":""}}}'
        ),
        400,
        -32600,
    )
    t.direct("a prompt", complete(type="ref/prompt", name="forbidden"), "completion")
    t.passes("the allowed one", complete(type="ref/prompt", name="greet"), did=["completion"])


@attack(144)
def attack_144_resources_by_other_spellings(t):
    def read(uri):
        return Ask(message("resources/read", {"uri": uri}))

    for uri in (
        "file:///pub/../secret/b",
        "file:///pub/./../secret/b",
        "file:///pub/%2e%2e/secret/b",
        "file:///pub/%2E%2E/secret/b",
        "file:///pub/..%2fsecret/b",
        "file:///pub/%252e%252e/secret/b",
        "FILE:///secret/b",
        "File:///pub/../secret/b",
        "file:////pub/a",
        "file:////secret/b",
        "file://user@host/pub/a",
        "file://localhost/secret/b",
        "file:///pub\\..\\secret\\b",
        "file:///pub/a\x00",
        "file:///pub/a\n",
        "file:///secret/b",
        "file:///pub",
        "file:///pub/a/../../secret/b",
        "file:pub/a",
        "file:///./pub/a",
    ):
        t.refused(uri.encode("unicode_escape").decode(), read(uri), {400, 403})
    direct = {"py": ["resource file:///secret/b"], "ts": ["resource file:///secret/b"]}[t.u]
    t.direct("file:///secret/b", read("file:///secret/b"), *direct)
    t.passes("the allowed one", read("file:///pub/a"), did=["resource file:///pub/a"])


@attack(145)
def attack_145_a_tool_that_no_list_shows(t):
    for who, path, missing in (
        ("A", "open", {"hidden"}),
        ("A", "hide", {"hidden", "danger", "danger_work"}),
        ("A", "hide-mcp", {"hidden", "danger", "danger_work"}),
        ("A wide", "hide", {"hidden"}),
    ):
        lines = session(t.session(who, path)) if path == "hide-mcp" else ()
        answer = t.send(Ask(message("tools/list", {}), *lines), who, path)
        listed = {tool["name"] for m in answer.results() for tool in m.get("result", {}).get("tools", [])} if answer.status == 200 else set()
        carried = (answer.get("content-type") or "").split(";")[0]
        shown = f"shows {' '.join(sorted(missing & listed))}" if missing & listed else "shows nothing hidden" if "safe" in listed else "shows nothing"
        t.claim("safe" in listed and not missing & listed, f"{who}'s list at {path}", f"{who}'s list ({carried}) {shown}")
    answer = t.send(Ask(message("prompts/list", {})), "A", "hide")
    t.claim(
        b"greet" in answer.body and b"forbidden" not in answer.body,
        "prompts",
        "prompts are filtered" if b"forbidden" not in answer.body else "prompts are not filtered",
    )
    answer = t.send(Ask(message("resources/list", {})), "A", "hide")
    t.claim(
        b"file:///pub/a" in answer.body and b"file:///secret/b" not in answer.body,
        "resources",
        "resources are filtered" if b"file:///secret/b" not in answer.body else "resources are not filtered",
    )
    for who in ("A", "A wide"):
        t.denied(f"{who} calls it", Ask(tool("hidden")), who=who)
        t.denied(f"{who} calls it, where it is not shown", Ask(tool("hidden")), who=who, path="hide")
    t.denied("a tool that another token would see", Ask(tool("danger")), path="hide")
    t.direct("it is there", Ask(tool("hidden")), "tool hidden")
