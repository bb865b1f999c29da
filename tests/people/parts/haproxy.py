"""haproxy in front, over HTTP/1.1, HTTP/2 and TLS of its own; FastMCP behind; Node fetch, httpx, the Python SDK and curl as clients."""

import collections
import json
import secrets
import signal
import subprocess
import sys
import urllib.request

from parts import cdn
from world import HERE, PARTS, RUN, Ended, Process, find, free_ports, log_lines, until

sys.path.append(str(HERE.parent / "login"))
import oauth  # noqa: E402

KIB, MIB = 1024, 1024 * 1024
# How each front speaks to its gateway. `tls` encrypts anew: it asks for a name of its own, and passes on the Host of its client.
WAYS = {"http/1.1": "", "http/2": "proto h2", "tls": "ssl verify none sni str(gateway.svc) alpn h2,http/1.1 check-sni gateway.svc check-alpn http/1.1"}
CLIENT, TIMES = "192.0.2.7", 10
HAPROXY = """global
  stats socket {folder}/haproxy.sock
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option httpchk GET /healthz
"""
FRONT = """listen {name}
  bind 127.0.0.1:{public}
  http-request set-header X-Forwarded-For {client}
  server gateway 127.0.0.1:{gateway} check inter 200ms {options}
"""


def play(judge, world):
    folder = RUN / "haproxy"
    folder.mkdir()
    names = [f"{kind}_{at}" for at in range(len(WAYS)) for kind in ("PUBLIC", "GATEWAY", "ADMIN")]
    ports = free_ports("SERVER", "STATS", *names)
    with Ended(judge) as started:
        server = Process(PARTS, "haproxy-server", [world.programs.python, HERE / "cdn/server.py", ports["SERVER"]])
        started.append(server)
        server.ready(f"http://127.0.0.1:{ports['SERVER']}/json/mcp", good=lambda status: status in (400, 405, 406))
        PARTS.command("openssl", find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=gateway.svc",
                      "-addext", "subjectAltName=DNS:gateway.svc,IP:127.0.0.1", "-days", "2", "-keyout", folder / "tls.key", "-out", folder / "tls.crt")
        key, entry = PARTS.command("key new", world.binary, "key", "new", "--name", "haproxy", "--servers", "mount,json").splitlines()[:2]
        (folder / "keys.yaml").write_text(f"keys:\n{entry}\n")
        (folder / "session.key").write_text(secrets.token_hex(32))
        written, gateways = HAPROXY.format(folder=folder), {}
        for at, (way, options) in enumerate(WAYS.items()):
            public, gateway, admin = (ports[f"{kind}_{at}"] for kind in ("PUBLIC", "GATEWAY", "ADMIN"))
            written += FRONT.format(name=f"front{at}", public=public, gateway=gateway, client=CLIENT, options=options)
            gateways[way] = start(world, started, folder, way, ports["SERVER"], public, gateway, admin)
        written += f"frontend stats\n  bind 127.0.0.1:{ports['STATS']}\n  stats enable\n  stats uri /\n"
        (folder / "haproxy.cfg").write_text(written)
        haproxy = Process(PARTS, "haproxy", [find("haproxy"), "-db", "-f", folder / "haproxy.cfg"])
        started.append(haproxy)
        haproxy.ready(f"http://127.0.0.1:{ports['STATS']}/")
        for at, way in enumerate(WAYS):
            base = f"http://127.0.0.1:{ports[f'PUBLIC_{at}']}"
            if way == "tls":
                asked_by_another_name(judge, gateways[way], folder, base, key)
            checked(judge, way, ports["STATS"], f"front{at}")
            clients(judge, world, started, way, base, key)
            lines = [line for line in log_lines(gateways[way]) if line.get("verdict") == "allowed"]
            judge(lines and all(line["peer"] == CLIENT for line in lines), f"{way}: the audit lines have the address of the client", f"{len(lines)} lines")
            refused(judge, world, way, base, key)


def start(world, started, folder, way, server, public, gateway, admin):
    name = way.replace("/", "")
    listen = {"address": f"127.0.0.1:{gateway}", "health": "/healthz"}
    if way == "tls":
        listen["tls"] = {"certificate": "tls.crt", "key": "tls.key"}
    rules = [{"tools": ["delete_*"], "deny": True}, {"tools": ["*"]}]
    servers = {one: {"path": f"/{one}/mcp", "upstream": {"url": f"http://127.0.0.1:{server}{path}"}, "rules": rules} for one, path in (("mount", "/mcp/"), ("json", "/json/mcp"))}
    config = folder / f"gateway-{name}.yaml"
    config.write_text(json.dumps({
        # No loopback name, or every name of this machine would do in TLS.
        "public_url": "https://mcp.example.com", "hosts": [f"127.0.0.1:{public}"], "trusted_proxies": ["127.0.0.1"], "listen": [listen],
        "admin": {"address": f"127.0.0.1:{admin}"}, "keys": {"file": "keys.yaml"}, "servers": servers, "session_keys": ["file:session.key"], "log": {"format": "json"}}))
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", config)
    child = Process(PARTS, f"gateway-haproxy-{name}", [world.binary, "run", "--config", config])
    started.append(child)
    child.ready(f"http://127.0.0.1:{admin}/readyz", 30)
    return child


def asked_by_another_name(judge, gateway, folder, base, key):
    """haproxy asks for `gateway.svc`, which the gateway learns from its configuration."""
    def ping():
        return oauth.ask("POST", f"{base}/json/mcp", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
                         {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {key}"})

    answer = ping()
    told = "asked for gateway.svc, which is not a name of this gateway"
    judge(answer.status == 421 and told in str(answer.json), "tls: a server name that the gateway does not have is 421, and the answer names it", (answer.status, answer.json))
    lines = until(lambda: [line for line in log_lines(gateway) if line.get("found") == "gateway.svc" and line.get("advice")])
    judge(lines and "hosts" in lines[0]["advice"], "tls: the log says what to do", lines and lines[0]["advice"])
    path = folder / "gateway-tls.yaml"
    config = json.loads(path.read_text())
    config["hosts"].append("gateway.svc")
    path.write_text(json.dumps(config))
    gateway.child.send_signal(signal.SIGHUP)
    judge(until(lambda: ping().status != 421), "tls: after that line in `hosts` the name is accepted", ping().status)


def checked(judge, way, stats, front):
    """The probe comes by address, with no Host or that of the check."""
    def state():
        rows = urllib.request.urlopen(f"http://127.0.0.1:{stats}/;csv", timeout=5).read().decode().splitlines()
        names = rows[0].removeprefix("# ").split(",")
        found = [dict(zip(names, row.split(","))) for row in rows[1:]]
        return next((row["status"], row["check_status"]) for row in found if (row["pxname"], row["svname"]) == (front, "gateway"))

    until(lambda: state() == ("UP", "L7OK"))
    judge.same(state(), ("UP", "L7OK"), f"{way}: haproxy's health check is answered")


def clients(judge, world, started, way, base, key):
    pairs = [word for name in ("mount", "json") for word in (f"{base}/{name}/mcp", key)]
    script = HERE / "cdn/client.py"
    commands = {"fetch": [world.programs.node, HERE / "cdn/client.mjs"], **{name: [world.programs.python, script, name] for name in ("httpx", "sdk")}}
    for name, command in commands.items():
        child = Process(PARTS, f"haproxy-{way.replace('/', '')}-{name}", [*command, *pairs])
        started.append(child)
        until(lambda: child.child.poll() is not None, 90, 0.1)
        child.stop()
        said = {one["url"].split("/")[3]: one for one in log_lines(child)}
        if judge(set(said) == {"mount", "json"}, f"{way}: {name} plays to the end", child.tail(5) if len(said) != 2 else ""):
            for server, one in said.items():
                cdn.judged(judge, way, name, server, one)


def refused(judge, world, way, base, key):
    """Who still sends a body of 5 MiB, or one of 40 bytes, reads why it is refused."""
    for what, status, path, token in (("no token", 401, "/json/mcp", "-"), ("a wrong key", 401, "/json/mcp", "wrong"), ("a body above the limit", 413, "/json/mcp", key),
                                      ("no such path", 404, "/nothing", "-")):
        for size in (5 * MIB,) if status == 413 else (40, 100 * KIB, 5 * MIB):
            seen = curl(base + path, token, size)
            judge.same(seen, {str(status): TIMES}, f"{way}: curl reads {status}, {what}, {size} bytes")
        said = PARTS.command("Node", world.programs.node, HERE / "haproxy/refused.mjs", base + path, token, 5 * MIB, TIMES)
        judge.same(json.loads(said), {"buffer": {str(status): TIMES}, "stream": {str(status): TIMES}}, f"{way}: Node fetch reads {status}, {what}, 5 MiB")


def curl(url, token, size):
    body = RUN / "haproxy/body"
    body.write_bytes(b" " * size)
    credential = [] if token == "-" else ["-H", f"Authorization: Bearer {token}"]
    seen = collections.Counter()
    for _ in range(TIMES):
        said = subprocess.run([find("curl"), "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/json", *credential, "--data-binary", f"@{body}", url],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seen[said.stdout.strip()] += 1
    return dict(seen)
