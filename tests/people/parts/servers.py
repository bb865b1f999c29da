"""Five public MCP servers as they are, and one of the Python SDK, each behind nginx with a path prefix: health pages, streams, the check of the host."""

import http.client
import json
import os
import secrets
import sys
import urllib.parse

from world import HERE, PARTS, RUN, Ended, Process, find, free_ports, log_lines, until

sys.path.append(str(HERE.parent / "login"))
import oauth  # noqa: E402

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "servers", "version": "1"}}
# What each is asked, what it says, how many tools it has, and whether it keeps sessions.
ASKED = {
    "everything": ("echo", {"message": "hello"}, "Echo: hello", 13, True),
    "memory": ("read_graph", {}, '"entities"', 9, False),
    "thinking": ("sequentialthinking", {"thought": "so far so good", "nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 1}, '"thoughtNumber": 1', 1, True),
    "time": ("get_current_time", {"timezone": "Europe/Oslo"}, "Europe/Oslo", 2, True),
    "playwright": ("browser_navigate", {"url": "http://127.0.0.1:{NGINX}/page"}, "Tomorrow: sunny", 25, True),
    "named": ("get_forecast", {"city": "Oslo"}, "Oslo: sunny", 1, True),
    "rewritten": ("browser_navigate", {"url": "http://127.0.0.1:{NGINX}/page"}, "Tomorrow: sunny", 25, True),
}
# nginx sends the address of `proxy_pass` as Host. `strict` and `rewritten` are one server, which was not told of that address. `named` and `unnamed`
# get another name: the first one was told of it.
STRANGE, NAME = ("strict", "unnamed"), "weather.internal:8000"
LOCATION = "location /{name}/ {{ proxy_pass http://127.0.0.1:{port}/; {more}}}"
NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection "";
    server {{
        listen 127.0.0.1:{NGINX};
        location = /page {{ default_type text/html; return 200 "<title>Tomorrow: sunny</title><p>21 degrees"; }}
        {locations}
    }}
}}
"""
SAID = "refuses the first request of a client"


def play(judge, world):
    folder, ports = RUN / "servers", free_ports("NGINX", "GATEWAY", "ADMIN", "everything", "memory", "thinking", "time", "playwright", "strict", "named", "unnamed")
    folder.mkdir()
    python = PARTS.environment("servers-python", "requirements-servers.txt", "constraints-servers.txt")
    modules = PARTS.npm_ci("servers", "servers", said="npm packages of tests/people/servers/package-lock.json") / "node_modules"
    ports["rewritten"] = ports["strict"]
    with Ended(judge) as started:
        for name, (command, env) in commands(world, folder, ports, python, modules).items():
            started.append(Process(PARTS, f"servers-{name}", command, env={**os.environ, **env}, cwd=folder))
        more = {"rewritten": f"proxy_set_header Host localhost:{ports['strict']}; ", **{name: f"proxy_set_header Host {NAME}; " for name in ("named", "unnamed")}}
        locations = "\n        ".join(LOCATION.format(name=name, port=ports[name], more=more.get(name, "")) for name in [*ASKED, *STRANGE])
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, NGINX=ports["NGINX"], locations=locations))
        nginx = Process(PARTS, "servers-nginx", [find("nginx"), "-p", folder, "-c", folder / "nginx.conf"])
        started.append(nginx)
        for name in [*ASKED, *STRANGE]:
            nginx.ready(f"http://127.0.0.1:{ports['NGINX']}/{name}/mcp", good=lambda status: status < 500)
        gateway, key = begin(world, started, folder, ports)
        base, inner = f"http://127.0.0.1:{ports['GATEWAY']}", f"http://127.0.0.1:{ports['NGINX']}"
        for name in ASKED:
            called(judge, world, folder, name, base, key, ports)
            streams(judge, name, f"{base}/{name}/mcp", f"{inner}/{name}/mcp", key)
        health(judge, base, key)
        host(judge, gateway, base, key, ports)


def commands(world, folder, ports, python, modules):
    node, bridge = world.programs.node, modules / "supergateway/dist/index.js"
    script = lambda name: modules / f"@modelcontextprotocol/server-{name}/dist/index.js"  # noqa: E731
    bridged = lambda name, port, *more: [  # noqa: E731
        node, bridge, "--stdio", f"{node} {script(name)}", "--port", port, "--outputTransport", "streamableHttp", "--healthEndpoint", "/healthz", *more]
    browser = lambda port, *more: [  # noqa: E731
        node, modules / "@playwright/mcp/cli.js", "--port", port, "--headless", "--isolated", "--no-sandbox", "--executable-path", find("chromium"), *more]
    return {
        "everything": ([node, script("everything"), "streamableHttp"], {"PORT": str(ports["everything"])}),
        "memory": (bridged("memory", ports["memory"]), {"MEMORY_FILE_PATH": str(folder / "memory.json")}),
        "thinking": (bridged("sequential-thinking", ports["thinking"], "--stateful"), {}),
        "time": ([python.parent / "mcp-proxy", "--port", ports["time"], "--", python, "-m", "mcp_server_time"], {}),
        "playwright": (browser(ports["playwright"], "--allowed-hosts", f"127.0.0.1:{ports['playwright']}"), {}),
        "strict": (browser(ports["strict"]), {}),
        "named": ([world.programs.python1, HERE / "servers/named.py", ports["named"], NAME], {}),
        "unnamed": ([world.programs.python1, HERE / "servers/named.py", ports["unnamed"]], {}),
    }


def begin(world, started, folder, ports):
    """The gateway, with an API key alone, and the key."""
    names = [*ASKED, *STRANGE]
    key, entry = PARTS.command("key new", world.binary, "key", "new", "--name", "servers", "--servers", ",".join(names)).splitlines()[:2]
    (folder / "keys.yaml").write_text(f"keys:\n{entry}\n")
    (folder / "session.key").write_text(secrets.token_hex(32))
    paths = {"memory": [{"path": "/memory/healthz", "access": "public"}], "thinking": [{"path": "/thinking/healthz"}], "time": [{"path": "/time/status", "access": "public"}]}
    servers = {name: {"path": f"/{name}/mcp", "upstream": {"url": f"http://127.0.0.1:{ports['NGINX']}/{name}/mcp"}, "access": "authenticated",
                      **({"paths": paths[name]} if name in paths else {})} for name in names}
    config = folder / "gateway.yaml"
    config.write_text(json.dumps({
        "public_url": f"http://127.0.0.1:{ports['GATEWAY']}", "listen": [{"address": f"127.0.0.1:{ports['GATEWAY']}"}], "admin": {"address": f"127.0.0.1:{ports['ADMIN']}"},
        "keys": {"file": "keys.yaml"}, "servers": servers, "session_keys": ["file:session.key"], "log": {"format": "json"}}))
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", config)
    gateway = Process(PARTS, "gateway-servers", [world.binary, "run", "--config", config])
    started.append(gateway)
    gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz", 30)
    return gateway, key


def called(judge, world, folder, name, base, key, ports):
    tool, arguments, expected, tools, _ = ASKED[name]
    child = Process(PARTS, f"servers-client-{name}", [world.programs.python1, HERE / "servers/client.py", f"{base}/{name}/mcp", key, tool, json.dumps(arguments).replace("{NGINX}", str(ports["NGINX"]))])
    until(lambda: child.child.poll() is not None, 60, 0.1)
    child.stop()
    said = (log_lines(child) or [{}])[0]
    good = len(said.get("tools", [])) == tools and not said.get("failed") and expected in said.get("text", "")
    judge(good, f"{name}: the SDK initializes, lists {tools} tools, and calls {tool}", said.get("server") if good else said or child.tail(5))


def streams(judge, name, url, straight, key):
    """GET and DELETE of a session; where the server keeps none, what the server itself says."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {key}", "mcp-protocol-version": HELLO["protocolVersion"]}
    begun = oauth.ask("POST", url, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}), headers)
    session = begun.headers.get("mcp-session-id")
    judge.same((begun.status, bool(session)), (200, ASKED[name][-1]), f"{name}: {'begins a session' if ASKED[name][-1] else 'keeps no sessions'}")
    if not session:
        found, own = ([oauth.ask(method, at, None, headers).status for method in ("GET", "DELETE")] for at in (url, straight))
        judge.same(found, own, f"{name}: GET and DELETE are answered as the server answers them")
        return
    headers["mcp-session-id"] = session
    oauth.ask("POST", url, json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), headers)
    status, kind = opened(url, headers)
    judge(status == 200 and kind.startswith("text/event-stream"), f"{name}: the GET stream opens", (status, kind))
    ended = oauth.ask("DELETE", url, None, headers)
    after = oauth.ask("POST", url, json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}), headers)
    judge(ended.status in (200, 202, 204) and after.status in (400, 404), f"{name}: DELETE ends the session", (ended.status, after.status))


def opened(url, headers):
    """(status, media type) of a stream, which is left at once."""
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    connection.request("GET", at.path, headers=headers)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.headers.get("content-type", "")


def health(judge, base, key):
    bearer = {"authorization": f"Bearer {key}"}
    for path in ("/memory/healthz", "/time/status"):
        judge.same(oauth.ask("GET", f"{base}{path}").status, 200, f"{path}, public, needs no key")
    found = [oauth.ask("GET", f"{base}/thinking/healthz", None, headers).status for headers in ((), bearer)]
    judge.same(found, [401, 200], "/thinking/healthz, without `access`, needs the key")
    judge.same(oauth.ask("GET", f"{base}/everything/healthz", None, bearer).status, 404, "a path that no line names is not there")


def host(judge, gateway, base, key, ports):
    """Playwright without `--allowed-hosts`, the SDK without `allowed_hosts`: the refusal reaches the client, and the log says what to do."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {key}"}
    hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
    for name, status, words in (("strict", 403, "only allowed at"), ("unnamed", 421, "Invalid Host header")):
        answers = [oauth.ask("POST", f"{base}/{name}/mcp", hello, headers) for _ in range(3)]
        judge(all(answer.status == status and words in answer.text for answer in answers), f"{name}: the server refuses a host that it was not told of, and says so to the client", f"{status} {answers[0].text}")
        lines = until(lambda: [line for line in log_lines(gateway) if SAID in line.get("message", "") and line["server"] == name], 5) or []
        judge(len(lines) == 1 and (lines[0]["status"], lines[0]["host"]) == (status, f"127.0.0.1:{ports['NGINX']}") and "`--allowed-hosts`, `allowed_hosts`" in lines[0]["message"],
              f"{name}: the log names server, status and host once, and what to do", lines)
