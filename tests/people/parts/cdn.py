"""nginx that compresses, before the server and before the gateway; FastMCP mounted in Starlette; Node fetch, httpx and the Python SDK as clients."""

import json
import os
import secrets
import sys

from world import HERE, PARTS, RUN, Ended, Process, find, free_ports, log_lines, until

sys.path.append(str(HERE.parent / "login"))
import oauth  # noqa: E402

ROBOT, SECRET = "robot", secrets.token_urlsafe(24)
SERVERS = ("cdn", "json", "mount")
SHOWN = ["get_forecast", "slow_count"]
# CDN asks the next one for gzip whatever it was asked for; COMPRESSES obliges. PUBLIC is in front of a gateway.
NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection "";
    gzip_types *; gzip_proxied any; gzip_min_length 1;
    server {{ listen 127.0.0.1:{CDN}; location / {{ proxy_pass http://127.0.0.1:{COMPRESSES}; proxy_set_header Accept-Encoding gzip; }} }}
    server {{ listen 127.0.0.1:{COMPRESSES}; gzip on; location / {{ proxy_pass http://127.0.0.1:{SERVER}; }} }}
    server {{ listen 127.0.0.1:{PUBLIC}; gzip on; location / {{ proxy_pass http://127.0.0.1:{GATEWAY_2}; proxy_set_header Host $http_host; }} }}
}}
"""


def play(judge, world):
    folder, ports = RUN / "cdn", free_ports("SERVER", "CDN", "COMPRESSES", "PUBLIC", "GATEWAY", "GATEWAY_2", "ADMIN", "ADMIN_2")
    folder.mkdir()
    with Ended(judge) as started:
        server = Process(PARTS, "cdn-server", [world.programs.python, HERE / "cdn/server.py", ports["SERVER"]])
        started.append(server)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, **ports))
        started.append(Process(PARTS, "cdn-nginx", [find("nginx"), "-p", folder, "-c", folder / "nginx.conf"]))
        asked = (400, 405, 406)
        server.ready(f"http://127.0.0.1:{ports['SERVER']}/sse/mcp", good=lambda status: status in asked)
        server.ready(f"http://127.0.0.1:{ports['CDN']}/sse/mcp", good=lambda status: status in asked)
        compressed_anyway(judge, ports)
        for way, public, gateway, admin in (("direct", "GATEWAY", "GATEWAY", "ADMIN"), ("nginx", "PUBLIC", "GATEWAY_2", "ADMIN_2")):
            base, child = f"http://127.0.0.1:{ports[public]}", start(world, started, folder, way, ports, ports[public], ports[gateway], ports[admin])
            clients(judge, world, started, folder, way, base)
            lines = [line for line in log_lines(child) if "requests go there until" in line.get("message", "")]
            judge(len(lines) == 1 and f"http://127.0.0.1:{ports['SERVER']}/mcp/" in json.dumps(lines), f"{way}: the redirect of the mount is one line in the log, with the URL to write", [line["message"] for line in lines])


def compressed_anyway(judge, ports):
    """That the parts behind are what they are for. http.client asks for `identity`."""
    hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}})
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    for name, port, path in (("the CDN", "CDN", "/sse/mcp"), ("the server", "SERVER", "/json/mcp")):
        answer = oauth.ask("POST", f"http://127.0.0.1:{ports[port]}{path}", hello, headers)
        judge.same((answer.status, answer.headers.get("content-encoding")), (200, "gzip"), f"{name} compresses although it was asked not to")
    answer = oauth.ask("POST", f"http://127.0.0.1:{ports['SERVER']}/mcp", hello, headers)
    judge.same((answer.status, answer.headers.get("location")), (307, f"http://127.0.0.1:{ports['SERVER']}/mcp/"), "the mount redirects")


def start(world, started, folder, way, ports, public, gateway, admin):
    (folder / "session.key").write_text(secrets.token_hex(32))
    hashed = PARTS.command("hash-password", world.binary, "hash-password", input="it is never typed here\n").strip()
    (folder / "accounts.yaml").write_text(json.dumps({"accounts": [{"name": "alice", "password": hashed}]}))
    embedded = {"path": "/oauth", "login": {"accounts": "accounts.yaml"}, "grants": [{"clients": [ROBOT], "scopes": ["mcp:connect"]}], "store": {"memory": True},
                "clients": [{"id": ROBOT, "secret": "env:ROBOT_SECRET", "grant_types": ["client_credentials"]}]}
    upstreams = {"cdn": f"http://127.0.0.1:{ports['CDN']}/sse/mcp", "json": f"http://127.0.0.1:{ports['SERVER']}/json/mcp", "mount": f"http://127.0.0.1:{ports['SERVER']}/mcp"}
    servers = {name: {"path": f"/{name}/mcp", "upstream": {"url": upstreams[name]}, "scopes": ["mcp:connect"], "rules": [{"tools": ["delete_*"], "deny": True}, {"tools": ["*"]}]}
               for name in SERVERS}
    config = folder / f"gateway-{way}.yaml"
    config.write_text(json.dumps({
        "public_url": f"http://127.0.0.1:{public}", "trusted_proxies": ["127.0.0.1"], "listen": [{"address": f"127.0.0.1:{gateway}"}], "admin": {"address": f"127.0.0.1:{admin}"},
        "authorization_servers": {"own": {"embedded": embedded}}, "servers": servers, "session_keys": ["file:session.key"], "log": {"format": "json"}}))
    env = {**os.environ, "ROBOT_SECRET": SECRET}
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", config, env=env)
    child = Process(PARTS, f"gateway-cdn-{way}", [world.binary, "run", "--config", config], env=env)
    started.append(child)
    child.ready(f"http://127.0.0.1:{admin}/readyz", 30)
    return child


def clients(judge, world, started, folder, way, base):
    pairs = []
    for name in SERVERS:
        url = f"{base}/{name}/mcp"
        answer = oauth.post_form(f"{base}/oauth/token", {"grant_type": "client_credentials", "client_id": ROBOT, "client_secret": SECRET, "resource": url, "scope": "mcp:connect"})
        pairs += [url, answer.json.get("access_token", str(answer))]
    python, script = world.programs.python, HERE / "cdn/client.py"
    commands = {"fetch": [world.programs.node, HERE / "cdn/client.mjs"], **{name: [python, script, name] for name in ("httpx", "identity", "sdk")}}
    for name, command in commands.items():
        child = Process(PARTS, f"cdn-{way}-{name}", [*command, *pairs])
        started.append(child)
        until(lambda: child.child.poll() is not None, 90, 0.1)
        child.stop()
        said = {one["url"].split("/")[3]: one for one in log_lines(child)}
        if not judge(set(said) == set(SERVERS), f"{way}: {name} plays to the end", child.tail(5) if set(said) != set(SERVERS) else ""):
            continue
        for server, one in said.items():
            judged(judge, way, name, server, one)


def judged(judge, way, name, server, said):
    what = f"{way}: {said['client']} at {server}"
    good = (said.get("tools"), said.get("called"), said.get("counted")) == (SHOWN, "Oslo: sunny", "Counted to 4.")
    judge(good, f"{what}: initializes, gets the list without what is denied, and calls", said.get("error") or (said.get("codings", "") if good else said))
    if not good:
        return
    if server != "json":
        steps = said["progress"]
        early = [after["sent"] - before["arrived"] > 0 for before, after in zip(steps, steps[1:])]
        judge(len(steps) == 4 and all(early), f"{what}: each progress notification is here before the next one is sent",
              f"{len(steps)}, after {', '.join(str(round(1000 * (one['arrived'] - one['sent']))) for one in steps)} ms")
    if way == "direct" and "codings" in said:
        coded = "gzip" if server != "mount" and name != "identity" else None
        found = [said["codings"].get(one) for one in ("get_forecast", "slow_count", "tools/list")]
        judge.same(found, [coded, coded, None], f"{what}: calls leave as they came where the client reads that, lists uncompressed")
