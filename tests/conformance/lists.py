"""Asks for every list directly and through the gateway, and compares the messages byte for byte."""

import json
import urllib.request

LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "skills/list")
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "lists", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
SECS = 20


def post(url, message, **headers):
    """(message of the answer, its session)"""
    base = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    asked = urllib.request.Request(url, json.dumps(message).encode(), {**base, **headers}, method="POST")
    with urllib.request.urlopen(asked, timeout=SECS) as answer:
        body, session = answer.read(), answer.headers.get("Mcp-Session-Id")
        if "text/event-stream" in answer.headers.get("Content-Type", ""):
            data = [line[5:].removeprefix(b" ") for line in body.splitlines() if line.startswith(b"data:")]
            body = next((part for part in reversed(data) if part), b"")
    return body, session


def stateless(url):
    for method in LISTS:
        yield method, post(url, {"jsonrpc": "2.0", "id": method, "method": method, "params": {"_meta": META}},
                           **{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method})[0]


def in_session(url):
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "lists", "version": "1"}}
    _, session = post(url, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    headers = {"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": session}
    post(url, {"jsonrpc": "2.0", "method": "notifications/initialized"}, **headers)
    for method in LISTS:
        yield method, post(url, {"jsonrpc": "2.0", "id": method, "method": method, "params": {}}, **headers)[0]
    urllib.request.urlopen(urllib.request.Request(url, headers=headers, method="DELETE"), timeout=SECS).close()


def compared(judge, direct, ways):
    for era, ask in (("2026-07-28", stateless), ("2025-11-25", in_session)):
        here = dict(ask(direct))
        entries = [sum(isinstance(v, list) and len(v) for v in json.loads(body)["result"].values()) for body in here.values()]
        for name, url in ways.items():
            there = dict(ask(url))
            apart = [f"{method}: directly {here[method][:300]!r}; through the gateway {there[method][:300]!r}"
                     for method in LISTS if here[method] != there[method]]
            judge(not apart and all(entries), f"{era}: {len(here)} lists of {sum(entries)} entries at {name}, byte for byte", apart)
