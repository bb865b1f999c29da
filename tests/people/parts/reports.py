"""Public reports of people whose client or proxy failed with other gateways, tried here: Cline, Claude, VS Code, Codex, Cursor, FastMCP, a path behind nginx."""

import json
import secrets
import sys
import urllib.parse

from world import HERE, PARTS, RUN, Ended, Process, find, free_ports

sys.path.append(str(HERE.parent / "login"))
import oauth  # noqa: E402
from person import Browser  # noqa: E402

PASSWORD = "correct horse battery staple"
SERVER = '''from fastmcp import FastMCP
mcp = FastMCP("weather")


@mcp.tool
def get_forecast(city: str) -> str:
    """Tomorrow's weather."""
    return f"{city}: sunny"


mcp.run(transport="http", host="127.0.0.1", port=%d, show_banner=False)
'''
NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{public};
        location /team/weather/ {{ proxy_pass http://127.0.0.1:{gateway}; proxy_set_header Host $http_host; proxy_buffering off; }}
        location /team/oauth {{ proxy_pass http://127.0.0.1:{gateway}; proxy_set_header Host $http_host; }}
        location /.well-known/ {{ proxy_pass http://127.0.0.1:{gateway}; proxy_set_header Host $http_host; }}
        location / {{ return 200 "<html>another site</html>"; }}
    }}
}}
"""


def play(judge, world):
    folder, ports = RUN / "reports", free_ports("PUBLIC", "GATEWAY", "ADMIN", "SERVER")
    folder.mkdir()
    base, path = f"http://127.0.0.1:{ports['PUBLIC']}", "/team/weather/mcp"
    with Ended(judge) as started:
        (folder / "server.py").write_text(SERVER % ports["SERVER"])
        server = Process(PARTS, "reports-server", [world.programs.python, folder / "server.py"])
        started.append(server)
        server.ready(f"http://127.0.0.1:{ports['SERVER']}/mcp", good=lambda status: status in (400, 405, 406))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, public=ports["PUBLIC"], gateway=ports["GATEWAY"]))
        nginx = Process(PARTS, "reports-nginx", [find("nginx"), "-p", folder, "-c", folder / "nginx.conf"])
        started.append(nginx)
        gateway = Process(PARTS, "gateway-reports", [world.binary, "run", "--config", configure(world, folder, ports, base, path)])
        started.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz", 30)
        nginx.ready(base)
        discovery(judge, base, path)
        registrations(judge, base, path)
        whole_login(judge, base, path)


def configure(world, folder, ports, base, path):
    hashed = PARTS.command("hash-password", world.binary, "hash-password", input=f"{PASSWORD}\n").strip()
    (folder / "accounts.yaml").write_text(json.dumps({"accounts": [{"name": "alice", "password": hashed}]}))
    (folder / "session.key").write_text(secrets.token_hex(32))
    embedded = {"path": "/team/oauth", "login": {"accounts": "accounts.yaml"}, "registration": {"dynamic": "open"},
                "grants": [{"scopes": ["weather:*"]}], "store": {"memory": True}}
    server = {"path": path, "upstream": {"url": f"http://127.0.0.1:{ports['SERVER']}/mcp"}, "scopes": ["weather:read"],
              "rules": [{"tools": ["get_*"]}]}
    written = {"public_url": base, "trusted_proxies": ["127.0.0.1"], "listen": [{"address": f"127.0.0.1:{ports['GATEWAY']}"}],
               "admin": {"address": f"127.0.0.1:{ports['ADMIN']}"}, "authorization_servers": {"own": {"embedded": embedded}},
               "servers": {"weather": server}, "session_keys": ["file:session.key"]}
    config = folder / "gateway.yaml"
    config.write_text(json.dumps(written))
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", config)
    return config


def discovery(judge, base, path):
    challenge = oauth.call(f"{base}{path}", None)
    metadata = f"{base}/.well-known/oauth-protected-resource{path}"
    judge(challenge.status == 401 and f'resource_metadata="{metadata}"' in challenge.headers.get("www-authenticate", ""),
          "google_workspace_mcp#182, mesh-mcp#20: behind nginx the challenge names the public address, without an inner port", challenge.headers.get("www-authenticate"))
    documents = [oauth.ask("GET", url) for url in (metadata, f"{base}/.well-known/oauth-protected-resource")]
    judge(all(document.json.get("resource") == f"{base}{path}" for document in documents),
          "fastmcp#2077: the metadata is at the form with the path and at the root form", [document.status for document in documents])
    issuer = documents[0].json["authorization_servers"][0]
    at = urllib.parse.urlsplit(issuer).path
    found = oauth.ask("GET", f"{base}/.well-known/oauth-authorization-server{at}")
    judge(found.json.get("issuer") == issuer == f"{base}/team/oauth" and found.json.get("registration_endpoint", "").startswith(f"{base}/team/oauth/"),
          "python-sdk#1335: with a path in front of everything, the issuer's metadata is at the host's well-known address and names endpoints below the path", found.json.get("issuer"))
    misses = {name: oauth.ask("GET", f"{base}/.well-known/{name}") for name in ("oauth-authorization-server/nowhere", "openid-configuration/nowhere", "nothing")}
    judge(all(answer.status == 404 and answer.json for answer in misses.values()),
          "claude-code#46640: a probe that finds nothing gets 404 with a JSON body, which SDKs can parse", {name: answer.status for name, answer in misses.items()})


def registrations(judge, base, path):
    issuer, resource = f"{base}/team/oauth", f"{base}{path}"
    for report, uris in (
            ("cline#8103: Cline's redirect URI with a hash of the address", ["vscode://saoudrizwan.claude-dev/mcp-auth/callback/9f86d081884c7d65"]),
            ("claude-code#93671: the scheme of Claude's desktop program", ["claude://claude.ai/mcp-auth-callback"]),
            ("accounted#2225: Cursor's three redirect URIs in one registration",
             ["cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"]),
            ("vscode#278512: VS Code's redirect URIs", ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"])):
        answer = oauth.Client(issuer, resource).register(redirect_uris=uris)
        judge.same((answer.status, answer.json.get("redirect_uris")), (201, uris), f"{report} registers whole")
    client = oauth.Client(issuer, resource, redirect="http://127.0.0.1:59656/")
    client.register(redirect_uris=["https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"])
    code, _ = client.code(Browser(), "weather:read", PASSWORD)
    judge(code, "vscode#278512: another loopback port than the registered ones gets its code")


def whole_login(judge, base, path):
    client, browser = oauth.Client(f"{base}/team/oauth", f"{base}{path}"), Browser()
    client.register()
    url, verifier, _ = client.authorize("weather:read")
    came = oauth.came_with(browser.go(url, client.redirect, "alice", PASSWORD), client.redirect)
    judge.same(came.get("iss"), client.issuer, "codex#41836: the answer at the redirect URI names the issuer (RFC 9207)")
    tokens = client.redeem(came["code"], verifier).json
    judge.same(forecast(f"{base}{path}", tokens.get("access_token")), "Oslo: sunny", "obsidian-web-mcp#18: after the login behind nginx the tools answer")


def forecast(url, token):
    """What the tool says in a session of 2025-11-25."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {token}"}

    def post(message):
        answer = oauth.ask("POST", url, json.dumps({"jsonrpc": "2.0", **message}), headers)
        data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
        return answer, json.loads(data[-1]) if data else answer.json

    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "reports", "version": "1"}}
    begun, _ = post({"id": 1, "method": "initialize", "params": hello})
    headers |= {"mcp-session-id": begun.headers.get("mcp-session-id", ""), "mcp-protocol-version": "2025-11-25"}
    post({"method": "notifications/initialized"})
    _, said = post({"id": 2, "method": "tools/call", "params": {"name": "get_forecast", "arguments": {"city": "Oslo"}}})
    content = said.get("result", {}).get("content") or [{}]
    return content[0].get("text", said)
