"""Requests without a token, changed at random: bodies by byte and by member, headers, methods and addresses. The same seed makes the same requests."""

import gzip
import json

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "lazy", "version": "1"}}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "lazy", "version": "1"}}
NAMES = ["safe", "danger", "hidden", "work", "greet", "forbidden", "file:///pub/a", "file:///secret/b", "file:///etc/passwd"]
METHODS = ["tools/call", "resources/read", "prompts/get", "initialize", "ping", "tools/list", "completion/complete", "tasks/get", "logging/setLevel"]
PIECES = ['"name":"danger",', ',"name":"danger"', ',"Name":"danger"', ',"method":"tools/call"', '"uri":"file:///secret/b",', ',"params":{"name":"danger"}',
          ',"params":{"name":"safe"}', ',"id":null', ',"task":{}', ',"result":{}', "danger", "safe", "\\u0064anger", "\\u0000", "../", "%2e%2e/", "secret/",
          "[", "]", "{", "}", "\ufeff", "\t", ",", '"']
VALUES = [None, True, 0, -1, 1.5, "", [], {}, "danger", ["danger"], {"name": "danger"}, 2**53 + 1]
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "2099-01-01", "x", ""]
FIELDS = [("X-Auth-Subject", "alice"), ("x_auth_subject", "alice"), ("X-HTTP-Method-Override", "DELETE"), ("X-Original-URL", "/ts/mcp"), ("Cookie", "session=1"),
          ("Proxy-Authorization", "Bearer x"), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-User", "alice"),
          ("Last-Event-ID", "1"), ("Mcp-Session-Id", ""), ("Mcp-Param-Tenant", "x"), ("Expect", "100-continue"), ("Connection", "mcp-session-id"),
          ("Content-Encoding", "identity"), ("Accept", "*/*")]
MEDIA = ["application/json; charset=utf-8", "application/json; charset=utf-16", "application/json;charset=utf-8;charset=utf-7", "text/json", "text/plain",
         "application/x-www-form-urlencoded", "APPLICATION/JSON", ""]
FRAMES = ["gzip", "chunked", "both", "short"]
ADDRESSES = ["?name=danger", "?access_token=x", "/", "?", "%2f", ";name=danger", "/../mcp", "#danger"]


def asked(method, params, ident=1):
    return {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}


def seeds():
    """Messages: those that pass without a token, and those that do not."""
    tools = [asked("tools/call", {"name": name, "arguments": {}}) for name in NAMES[:4]]
    reads = [asked("resources/read", {"uri": uri}) for uri in (*NAMES[6:], "file:///pub/../secret/b")]
    prompts = [asked("prompts/get", {"name": name, "arguments": {}}) for name in ("greet", "forbidden")]
    others = [asked("initialize", HELLO), asked("ping", {}), asked("tools/list", {}), asked("resources/list", {}), asked("logging/setLevel", {"level": "debug"}),
              asked("resources/subscribe", {"uri": "file:///pub/a"}), asked("tasks/get", {"taskId": "1"}), asked("tasks/list", {}),
              asked("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": ""}}),
              {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}, {"jsonrpc": "2.0", "id": 1, "result": {}}]
    batches = [[tools[0], {**one, "id": 2}] for one in (tools[1], reads[0], reads[1], prompts[0])]
    # What is public comes more often, or little would get past the first look.
    return [*[tools[0], reads[0], prompts[0]] * 3, *tools, *reads, *prompts, *others, *batches]


class Mutator:
    """Requests to `address`, as (bytes, what is to be told of them); `sessions` are ids that they may name."""

    def __init__(self, dice, address, host, sessions):
        self.dice, self.address, self.host, self.sessions, self.seeds = dice, address, host, sessions, seeds()

    def one(self):
        dice = self.dice
        message = json.loads(json.dumps(dice.choice(self.seeds)))
        modern = dice.random() < 0.25 and isinstance(message, dict)
        fields = [("Host", self.host), ("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]
        if modern:
            params = message.setdefault("params", {})
            params["_meta"] = META
            fields += [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", message.get("method", ""))]
            fields += [("Mcp-Name", params[key]) for key in ("name", "uri") if key in params]
        else:
            fields.append(("MCP-Protocol-Version", "2025-03-26" if isinstance(message, list) else "2025-11-25"))
            if self.sessions and dice.random() < 0.9:
                fields.append(("Mcp-Session-Id", self.sessions[0] if dice.random() < 0.7 else self.session()))
        body, kinds = message, dice.choices(("member", "byte", "header"), (4, 4, 3), k=dice.randint(1, 3))
        for _ in range(kinds.count("member")):
            body = self.member(body)
        body = json.dumps(body, separators=(",", ":"), ensure_ascii=dice.random() < 0.5).encode()
        for _ in range(kinds.count("byte")):
            body = self.bytes(body)
        method, address, frame = "POST", self.address, None
        for _ in range(kinds.count("header")):
            kind = dice.randrange(8)
            if kind == 0:
                frame = dice.choice(FRAMES)
            elif kind == 1 and dice.random() < 0.3:
                method = dice.choice(["GET", "DELETE", "PUT", "PATCH", "OPTIONS"])
            elif kind == 2 and dice.random() < 0.5:
                address = self.address + dice.choice(ADDRESSES)
            else:
                self.header(fields)
        return framed(f"{method} {address} HTTP/1.1", fields, body, frame), frame is not None

    def session(self):
        one, dice = self.dice.choice(self.sessions), self.dice
        at = dice.randrange(len(one))
        return dice.choice([one, one, one[:at] + dice.choice("Aa0_-.") + one[at + 1:], one[:at], f"{one}, {self.sessions[0]}", one.upper()])

    def header(self, fields):
        dice, kind = self.dice, self.dice.randrange(6)
        if kind == 0:
            return fields.append(dice.choice(FIELDS))
        if kind == 1 and self.sessions:
            return fields.append(("Mcp-Session-Id", self.session()))
        name, value = [("Mcp-Name", dice.choice(NAMES)), ("Mcp-Method", dice.choice(METHODS)), ("MCP-Protocol-Version", dice.choice(VERSIONS)),
                       ("Content-Type", dice.choice(MEDIA))][dice.randrange(4)]
        if dice.random() < 0.7:
            fields[:] = [field for field in fields if field[0] != name]
        if dice.random() < 0.9:
            fields.append((name, value))

    def member(self, message):
        """One change of the tree: a name, a method, a value, a member more, a step deeper, a batch."""
        dice, kind = self.dice, self.dice.randrange(8)
        if kind == 0:
            return [message] if dice.random() < 0.5 else [message, asked("tools/call", {"name": dice.choice(NAMES), "arguments": {}}, 3)]
        target = message[dice.randrange(len(message))] if isinstance(message, list) and message else message
        if not isinstance(target, dict):
            return message
        held = target.get("params") if isinstance(target.get("params"), dict) else {}
        params = held or target
        if kind == 1:
            params[dice.choice(["name", "uri"])] = dice.choice(NAMES)
        elif kind == 2:
            target["method"] = dice.choice(METHODS)
        elif kind == 3:
            inside = dice.choice([target, params])
            inside[dice.choice(list(inside) or ["x"])] = dice.choice(VALUES)
        elif kind == 4:
            inside = dice.choice([target, params])
            inside[dice.choice(["name ", "Name", "NAME", "na\u006de\u0000", "uri\u200b", "params ", "task", "cursor", "__proto__", "toString", "_meta"])] = dice.choice(VALUES)
        elif kind == 5:
            params["arguments"] = {"name": "danger", "params": {"name": "danger"}, "deep": [[[message.get("method") if isinstance(message, dict) else 1]]]}
        elif kind == 6:
            inside = dice.choice([target, params])
            inside.pop(dice.choice(list(inside) or ["x"]), None)
        else:
            target["params"] = dice.choice([[held], {"params": held}, {"0": held}, None, []])
        return message

    def bytes(self, body):
        dice, at = self.dice, self.dice.randrange(len(body) + 1)
        kind = dice.randrange(6)
        if kind == 0:
            return body[:at] + dice.choice(PIECES).encode() + body[at:]
        if kind == 1:
            return body[:at] + bytes([dice.randrange(256)]) + body[at + 1:]
        if kind == 2:
            return body[:at] + body[at + dice.randrange(8):]
        if kind == 3:
            other = json.dumps(dice.choice(self.seeds), separators=(",", ":")).encode()
            return body[:at] + other[dice.randrange(len(other)):]
        if kind == 4:
            return body[:at] + body[at:at + dice.randrange(24)] + body[at:]
        return body.replace(dice.choice(NAMES).encode(), dice.choice(NAMES).encode(), 1)


def framed(start, fields, body, frame=None):
    """The bytes of a request. `both` has a length beside the chunks; `short` a length that is smaller than the body."""
    ends = []
    if frame == "gzip":
        body = gzip.compress(body, mtime=0)
        ends.append(("Content-Encoding", "gzip"))
    if frame in ("chunked", "both"):
        ends += [("Transfer-Encoding", "chunked"), *([("Content-Length", len(body))] if frame == "both" else [])]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:]) if part) + b"0\r\n\r\n"
    else:
        ends.append(("Content-Length", max(0, len(body) - 3) if frame == "short" else len(body)))
    head = "\r\n".join([start, *(f"{name}: {value}" for name, value in [*fields, *ends])])
    return head.encode("latin-1", errors="replace") + b"\r\n\r\n" + body
