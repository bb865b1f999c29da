"""Headless Chromium: pages of allowed and other origins call the gateway, and a page of the upstream attacks the sign-in at its own origin."""

import json
import os
import secrets

from world import HERE, PARTS, RUN, Ended, Process, find, free_ports, log_lines, until

ACCOUNT, PASSWORD = "alice", "correct horse battery staple"
FILES = HERE / "browser"
# In front: files of the upstream with the gateway between, and without it at the same origin.
NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
    log_format seen '$request_method $status $http_origin $uri'; access_log {folder}/seen.log seen; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{PUBLIC};
        location /bare/files/ {{ proxy_pass http://127.0.0.1:{SERVER}/files/; }}
        location /loose/files/ {{
            proxy_pass http://127.0.0.1:{SERVER}/files/; proxy_hide_header Set-Cookie; proxy_hide_header Content-Security-Policy;
            add_header Content-Security-Policy "sandbox allow-scripts allow-forms";
        }}
        location / {{ proxy_pass http://127.0.0.1:{GATEWAY}; proxy_set_header Host $http_host; proxy_buffering off; }}
    }}
}}
"""


def play(judge, world):
    folder, ports = RUN / "browser", free_ports("PUBLIC", "GATEWAY", "ADMIN", "SERVER")
    folder.mkdir()
    base = f"http://127.0.0.1:{ports['PUBLIC']}"
    with Ended(judge) as started:
        server = Process(PARTS, "browser-server", [world.programs.python, FILES / "server.py", ports["SERVER"], FILES])
        started.append(server)
        server.ready(f"http://127.0.0.1:{ports['SERVER']}/mcp", good=lambda status: status in (400, 405, 406))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, **ports))
        nginx = Process(PARTS, "browser-nginx", [find("nginx"), "-p", folder, "-c", folder / "nginx.conf"])
        started.append(nginx)
        gateway = Process(PARTS, "gateway-browser", [world.binary, "run", "--config", configure(world, folder, ports, base)])
        started.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz", 30)
        nginx.ready(f"{base}/.well-known/oauth-protected-resource/mcp")
        walk = Process(PARTS, "browser-walk", [world.programs.node, world.programs.modules / "browser.mjs", "--base", base, "--chromium", find("chromium")],
                       env={**os.environ, "ACCOUNT": ACCOUNT, "PASSWORD": PASSWORD, "HOME": str(folder)})
        started.append(walk)
        until(lambda: walk.child.poll() is not None, 150, 0.1)
        code = walk.stop()
        said = log_lines(walk)
        for line in said:
            if "claim" in line:
                judge(line["good"], line["claim"], line["evidence"])
        judge(code == 0 and said, "every page was opened", f"exit code {code}" if code == 0 else walk.tail())
        sites = next((line for line in said if "foreign" in line), {})
        foreign = sites.get("foreign")
        seen = [line.split() for line in (folder / "seen.log").read_text().splitlines()]
        preflights = {which: {status for method, status, origin, at in seen if method == "OPTIONS" and at == "/mcp" and origin == sites.get(which)} for which in ("allowed", "foreign")}
        judge.same(preflights, {"allowed": {"204"}, "foreign": {"403"}}, "preflights of the allowed page are answered, and those of the other are refused")
        told = [line for line in log_lines(gateway) if "browser page of another origin" in line.get("message", "")]
        judge(foreign and told and told[0].get("found") == foreign and foreign in told[0].get("advice", ""), "the log names the refused origin and the line to add", told[:1])


def configure(world, folder, ports, base):
    hashed = PARTS.command("hash-password", world.binary, "hash-password", input=f"{PASSWORD}\n").strip()
    (folder / "accounts.yaml").write_text(json.dumps({"accounts": [{"name": ACCOUNT, "password": hashed}]}))
    (folder / "session.key").write_text(secrets.token_hex(32))
    embedded = {"path": "/oauth", "login": {"accounts": "accounts.yaml"}, "registration": {"dynamic": "open"}, "grants": [{"scopes": ["mcp:*"]}], "store": {"memory": True}}
    server = {"path": "/mcp", "upstream": {"url": f"http://127.0.0.1:{ports['SERVER']}/mcp"}, "scopes": ["mcp:connect"], "rules": [{"tools": ["get_*"]}],
              "allowed_origins": ["http://localhost:*"], "paths": [{"path": "/files/*", "access": "public", "methods": ["GET", "POST"]}]}
    config = folder / "gateway.yaml"
    config.write_text(json.dumps({
        "public_url": base, "trusted_proxies": ["127.0.0.1"], "listen": [{"address": f"127.0.0.1:{ports['GATEWAY']}"}], "admin": {"address": f"127.0.0.1:{ports['ADMIN']}"},
        "authorization_servers": {"own": {"embedded": embedded}}, "servers": {"files": server}, "session_keys": ["file:session.key"], "log": {"format": "json"}}))
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", config)
    return config
