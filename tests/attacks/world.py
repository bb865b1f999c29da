"""The world of the attack run: two real upstreams, one scripted one, the gateways before them, and the tokens of alice and bob."""

import base64
import json
import os
import pathlib
import queue
import re
import socket
import sys
import threading
import time

from http1 import Connection
from install import HERE, PARTS, real_parts
from real_tokens import Issuer

RUN = PARTS.run
AUDIENCE = "https://attacks.test"
STREAMS_MAX = 8

# `danger` needs a scope that the attackers do not have, `hidden` is denied to all, and what no rule names is refused.
RULES = [
    {"tools": ["safe", "slow", "ask", "sample", "announce", "work"]},
    {"tools": ["danger", "danger_work"], "scopes": ["danger:run"]},
    {"tools": ["hidden"], "deny": True},
    {"resources": ["file:///pub/**"]},
    {"resources": ["file:///secret/**"], "scopes": ["secret:read"]},
    {"prompts": ["greet"]},
]


class Process(real_parts.Process):
    """One child, which is asked for by what it says and uses."""

    def __init__(self, name, args):
        super().__init__(PARTS, name, args, cwd=RUN)

    def says(self, pattern, secs=30):
        """Waits until its output matches."""
        until = time.monotonic() + secs
        while time.monotonic() < until:
            if found := re.search(pattern, self.output()):
                return found
            if self.child.poll() is not None:
                raise Ended(f"{self.name} ended with {self.child.returncode}: {self.output()[-2000:].strip()}")
            time.sleep(0.02)
        raise Ended(f"{self.name} did not say {pattern!r} within {secs} s: {self.output()[-2000:].strip()}")

    def memory(self):
        """The most that it ever used, in MiB, or 0 where the system does not say."""
        try:
            status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        except OSError:
            return 0
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


class Ended(Exception):
    """A process that is not there."""


class Upstream:
    """A real server, and what it wrote down."""

    def __init__(self, name, args):
        self.name, self.notes = name, RUN / f"{name}.jsonl"
        self.notes.touch()
        self.process = Process(name, [*args, self.notes])
        self.port = 0

    def ready(self):
        self.port = int(self.process.says(r"port (\d+)")[1])

    def mark(self):
        return self.notes.stat().st_size

    def since(self, mark):
        """What it saw and did since then."""
        with open(self.notes, "rb") as file:
            file.seek(mark)
            return [json.loads(line) for line in file.read().splitlines()]

    def wait(self, mark, wanted, secs=5):
        """The first such record, as soon as it is there; None where it does not come."""
        until = time.monotonic() + secs
        while time.monotonic() < until:
            for record in self.since(mark):
                if wanted(record):
                    return record
            time.sleep(0.01)
        return None


class Scripted:
    """An upstream that answers as it is told, for what real servers cannot be made to do. `script(request, connection)` writes the answer."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = queue.SimpleQueue()
        self.script = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, taken):
        reader = Connection.__new__(Connection)
        reader.socket, reader.buffer, reader.until = taken, b"", time.monotonic() + 60
        with taken:
            while start := reader.line():
                headers = {}
                while line := reader.line():
                    name, _, value = line.partition(b":")
                    headers[name.decode().lower()] = value.decode("latin-1").strip()
                body = reader.take(int(headers.get("content-length", 0)))
                if "transfer-encoding" in headers:
                    while piece := reader.chunk():
                        body += piece
                method, path, _ = start.decode().split(" ")
                request = {"method": method, "path": path, "headers": headers, "body": body}
                self.requests.put(request)
                try:
                    if self.script(request, taken) is False:
                        return
                except OSError:
                    return

    def seen(self):
        """What came since this was asked last."""
        seen = []
        while not self.requests.empty():
            seen.append(self.requests.get())
        return seen


class Gateway:
    """One gateway process over its own configuration."""

    def __init__(self, binary, name, public, listen, servers):
        self.port = listen
        text = real_parts.filled(HERE / "gateway.yaml.in", {"PUBLIC": public, "LISTEN": listen, **real_parts.free_ports("ADMIN")})
        config = RUN / f"{name}.yaml"
        config.write_text(text + "".join(f"  {name}: {json.dumps(server)}\n" for name, server in servers.items()))
        self.process = Process(name, [binary, "run", "--config", config])

    def ready(self):
        self.process.says(r"(?m)^ready|\"ready\"|ready$")


def servers(ports, raw):
    """The servers of the main gateways: for each upstream one with sessions, one without, and the variations that single attacks need."""

    def server(path, url, **more):
        return {
            "path": path,
            "upstream": {"url": url},
            "audiences": [AUDIENCE],
            "scopes": ["mcp:connect"],
            "rules": RULES,
            "identity_headers": {"x-auth-subject": "sub"},
            **more,
        }

    all_servers = {}
    for name, port in ports.items():
        url = f"http://127.0.0.1:{port}"
        all_servers[f"{name}-mcp"] = server(f"/{name}/mcp", f"{url}/mcp")
        all_servers[f"{name}-open"] = server(f"/{name}/open", f"{url}/open")
        # The same upstream behind a route that asks for less.
        loose = server(f"/{name}/loose", f"{url}/mcp", access="authenticated")
        del loose["rules"]
        all_servers[f"{name}-loose"] = loose
        all_servers[f"{name}-batch"] = server(f"/{name}/batch", f"{url}/open", batches="2025-03-26")
        all_servers[f"{name}-hide"] = server(f"/{name}/hide", f"{url}/open", hide="unauthorized")
        all_servers[f"{name}-hide-mcp"] = server(f"/{name}/hide-mcp", f"{url}/mcp", hide="unauthorized")
        all_servers[f"{name}-few"] = server(f"/{name}/few", f"{url}/mcp", limits={"streams_per_caller": STREAMS_MAX})
    all_servers["raw"] = server("/raw/mcp", f"http://127.0.0.1:{raw}/mcp", hide="unauthorized")
    return all_servers


def old_servers(ports, raw):
    """The servers of the gateway with the transport of 2024-11-05."""
    return {
        name: {
            "path": f"/{name}/old",
            "upstream": {"url": f"http://127.0.0.1:{port}/mcp"},
            "audiences": [AUDIENCE],
            "scopes": ["mcp:connect"],
            "rules": RULES,
            "legacy_sse": {"path": f"/{name}/sse", "upstream": f"http://127.0.0.1:{port}/sse"},
        }
        for name, port in {**ports, "raw": raw}.items()
    }


class World:
    """All of it, up and running."""

    def __init__(self):
        self.running, self.gateways, self.broken = [], {}, {}
        self.issuer, self.raw = Issuer(RUN, AUDIENCE), Scripted()
        (RUN / "session.key").write_bytes(base64.b64encode(os.urandom(48)))

    def start(self, binary, node, folder):
        self.upstreams = {}
        for name, args in (("ts", [node, folder / "server.mjs"]), ("py", [sys.executable, HERE / "upstreams/py_server.py"])):
            self.upstreams[name] = Upstream(name, args)
            self.running.append(self.upstreams[name].process)
        for upstream in self.upstreams.values():
            upstream.ready()
        ports = {name: upstream.port for name, upstream in self.upstreams.items()}
        listens = real_parts.free_ports("main", "second", "old")
        self.public = listens["main"]
        main = servers(ports, self.raw.port)
        # The second one shares the session key and nothing else: another replica, or the first one after a restart.
        for name, served in (("main", main), ("second", main), ("old", old_servers(ports, self.raw.port))):
            gateway = self.gateways[name] = Gateway(binary, f"gateway-{name}", self.public, listens[name], served)
            self.running.append(gateway.process)
        for name, gateway in self.gateways.items():
            try:
                gateway.ready()
            except Ended as why:
                self.broken[name] = str(why)

    def stop(self):
        return {process.name: process.stop(10) for process in reversed(self.running)}
