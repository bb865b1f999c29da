"""The world of the URI run: three real servers, one scripted upstream, the gateway before them, and keep-alive clients for all."""

import json
import pathlib
import re
import socket
import sys
import threading
import time
from urllib.parse import unquote, urlsplit

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402
from real_tokens import Issuer  # noqa: E402

from corpus import ALLOWED, DENIED  # noqa: E402
from policies import FILES, POLICIES, generated  # noqa: E402

PARTS = real_parts.Parts(HERE)
RUN = PARTS.run
AUDIENCE = "https://uris.test"
CONNECT = "mcp:connect"
REALS = ["ts", "py1", "py2"]


def marker(uri):
    return f"MARKER {DENIED.index(uri)}" if uri in DENIED else f"open {ALLOWED.index(uri)}"


def resources():
    """What every server has, and what its file and web servers find by path."""
    table = {"static": {}, "posix": {}, "windows": {}, "web": {}}
    for uri in DENIED + ALLOWED:
        table["static"][uri] = marker(uri)
        scheme, host, path, query, _ = urlsplit(uri)
        if scheme in ("http", "https"):
            table["web"][f"{scheme}://{host}{unquote(path)}{'?' if query else ''}{query}"] = marker(uri)
        elif scheme == "file":
            if not host:
                table["posix"][unquote(path)] = marker(uri)
            if host or ":" in path:
                share = "\\\\" + host + unquote(path) if host else unquote(path)[1:]
                table["windows"][share.replace("/", "\\")] = marker(uri)
    return table


class Client:
    """One kept connection. What it sends is a request to the end; what comes back is a status and a body."""

    def __init__(self, port, path, token=None):
        self.port, self.socket, self.buffer = port, None, b""
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: application/json, text/event-stream"]
        lines += ["Content-Type: application/json", "MCP-Protocol-Version: 2025-06-18", *([f"Authorization: Bearer {token}"] if token else [])]
        self.head = "\r\n".join(lines).encode() + b"\r\nContent-Length: "

    def connect(self):
        self.socket, self.buffer = socket.create_connection(("127.0.0.1", self.port), 30), b""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, method, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        for attempt in (1, 2):
            try:
                if self.socket is None:
                    self.connect()
                self.socket.sendall(self.head + str(len(body)).encode() + b"\r\n\r\n" + body)
                return self.answer()
            except OSError:
                self.close()
                if attempt == 2:
                    raise
        return None

    def more(self):
        read = self.socket.recv(65536)
        if not read:
            raise ConnectionError("hung up")
        self.buffer += read

    def until(self, end):
        while (at := self.buffer.find(end)) < 0:
            self.more()
        taken, self.buffer = self.buffer[:at], self.buffer[at + len(end) :]
        return taken

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def answer(self):
        head = self.until(b"\r\n\r\n").decode("latin-1").lower()
        status, body = int(head.split(" ", 2)[1]), b""
        if length := re.search(r"\ncontent-length: *(\d+)", head):
            body = self.take(int(length[1]))
        elif "transfer-encoding: chunked" in head:
            while size := int(self.until(b"\r\n"), 16):
                body += self.take(size)
                self.take(2)
            self.until(b"\r\n")
        if "\nconnection: close" in head:
            self.close()
        return status, body.decode("utf-8", "replace")

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


class Server:
    """A real server, and what it wrote down."""

    def __init__(self, name, args):
        self.name, self.notes = name, RUN / f"{name}.jsonl"
        self.notes.touch()
        self.process = real_parts.Process(PARTS, name, [*args, RUN / "resources.json", self.notes])

    def ready(self):
        until = time.monotonic() + 60
        while not (found := re.search(r"port (\d+)", self.process.output())):
            if self.process.child.poll() is not None or time.monotonic() > until:
                PARTS.fail(f"{self.name} did not start:\n{self.process.tail()}")
            time.sleep(0.05)
        self.port = int(found[1])

    def mark(self):
        return self.notes.stat().st_size

    def since(self, mark):
        """Every reading that it wrote down since then."""
        with open(self.notes, "rb") as file:
            file.seek(mark)
            return [json.loads(line) for line in file.read().splitlines()]


class Scripted:
    """An upstream that answers everything at once, and keeps the URIs that reach it."""

    def __init__(self):
        self.listener, self.bodies = socket.create_server(("127.0.0.1", 0)), []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            taken, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(taken,), daemon=True).start()

    def serve(self, taken):
        reader = Client(0, "/")
        reader.socket = taken
        try:
            while True:
                head = reader.until(b"\r\n\r\n").decode("latin-1").lower()
                self.bodies.append(reader.take(int(re.search(r"\ncontent-length: *(\d+)", head)[1])))
                body = b'{"jsonrpc":"2.0","id":1,"result":{"contents":[]}}'
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except OSError:
            taken.close()


def slug(policy):
    return re.sub(r"[^a-z0-9]+", "-", policy.lower().replace("**", "all").replace("*", "star")).strip("-")


class World:
    def __init__(self, binary, node, server_mjs, sdk1, random):
        self.running = []
        (RUN / "resources.json").write_text(json.dumps(resources()))
        self.issuer, self.scripted = Issuer(RUN, AUDIENCE), Scripted()
        self.generated = generated(random, 12)
        self.servers = {
            "ts": Server("ts", [node, server_mjs]),
            "py1": Server("py1", [sdk1, HERE / "servers/sdk1_server.py"]),
            "py2": Server("py2", [sys.executable, HERE / "servers/sdk2_server.py"]),
        }
        self.running += [server.process for server in self.servers.values()]
        for server in self.servers.values():
            server.ready()
        self.start_gateway(binary)

    def start_gateway(self, binary):
        ports = real_parts.free_ports("PUBLIC", "ADMIN")
        self.port = ports["PUBLIC"]
        upstreams = {**{name: server.port for name, server in self.servers.items()}, "scripted": self.scripted.port}
        lines = []
        for policy, rules in {**POLICIES, **self.generated}.items():
            for name, port in upstreams.items():
                if policy in self.generated and name != "scripted":
                    continue
                server = {
                    "path": self.path(policy, name),
                    "upstream": {"url": f"http://127.0.0.1:{port}/mcp"},
                    "audiences": [AUDIENCE],
                    "scopes": [CONNECT],
                    "rules": rules,
                }
                lines.append(f"  {slug(policy)}-{name}: {json.dumps(server)}\n")
        config = RUN / "gateway.yaml"
        config.write_text(real_parts.filled(HERE / "gateway.yaml.in", ports) + "".join(lines))
        self.gateway = real_parts.Process(PARTS, "gateway", [binary, "run", "--config", config], cwd=RUN)
        self.running.append(self.gateway)
        self.gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz")

    def path(self, policy, upstream):
        return f"/{slug(policy)}/{upstream}"

    def direct(self, name):
        return Client(self.servers[name].port, "/mcp")

    def through(self, policy, upstream, scope=f"{CONNECT} {FILES}", **claims):
        return Client(self.port, self.path(policy, upstream), self.issuer.token("alice", scope, **claims))

    def stop(self):
        return {process.name: process.stop(10) for process in reversed(self.running)}
