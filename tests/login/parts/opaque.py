"""A machine calls with opaque tokens of oidc-provider, with JWTs of the same one, and with an API key."""

import base64
import json
import os
import secrets
import urllib.parse

import oauth
from world import PARTS, RUN, Ended, Process, free_ports, log_lines, until

GATEWAY = """public_url: http://127.0.0.1:{GATEWAY}
listen:
  - {{address: "127.0.0.1:{GATEWAY}"}}
admin: {{address: "127.0.0.1:{ADMIN}"}}
authorization_servers:
  company:
    issuer: http://127.0.0.1:{IDP}
    subject_claims: [sub, client_id]
    introspection: {{client_id: gateway, client_secret: "file:gateway.secret", cache: 2s}}
keys: {{file: keys.yaml}}
servers:
  opaque: {{path: /mcp, upstream: {{url: "http://127.0.0.1:{UPSTREAM}/mcp"}}, scopes: [mcp:connect], rules: {RULES}}}
  signed: {{path: /signed, upstream: {{url: "http://127.0.0.1:{UPSTREAM}/mcp"}}, scopes: [mcp:connect], rules: {RULES}}}
  keyed: {{path: /keyed, upstream: {{url: "http://127.0.0.1:{UPSTREAM}/mcp"}}, authorization_servers: [], rules: {RULES}}}
"""
RULES = [{"tools": ["list_stations", "get_request_headers"]}, {"tools": ["get_*"], "scopes": ["mcp:tools:read"]}, {"tools": ["delete_*"], "scopes": ["mcp:tools:write"]}]


def play(judge, world):
    folder, ports = RUN / "opaque", free_ports("GATEWAY", "ADMIN", "UPSTREAM", "IDP")
    folder.mkdir()
    base, idp = f"http://127.0.0.1:{ports['GATEWAY']}", f"http://127.0.0.1:{ports['IDP']}"
    machine, gateway_secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    (folder / "gateway.secret").write_text(gateway_secret)
    key, entry = PARTS.command("key new", world.binary, "key", "new", "--name", "cron", "--servers", "keyed").splitlines()[:2]
    (folder / "keys.yaml").write_text(f"keys:\n{entry}\n")
    (folder / "gateway.yaml").write_text(GATEWAY.format(**ports, RULES=json.dumps(RULES)))
    with Ended(judge) as started:
        server = Process(PARTS, "idp-opaque", [world.node, world.modules / "opaque.mjs", "--port", ports["IDP"], "--opaque", f"{base}/mcp"],
                         env={**os.environ, "MACHINE_SECRET": machine, "GATEWAY_SECRET": gateway_secret, "NODE_NO_WARNINGS": "1"})
        started.append(server)
        server.ready(f"{idp}/.well-known/openid-configuration")
        world.upstream(ports["UPSTREAM"], started)
        PARTS.command("check", world.binary, "check", "--config", folder / "gateway.yaml")
        gateway = world.run("gateway-opaque", started, folder / "gateway.yaml", ports)
        ask = lambda path, **pairs: oauth.ask("POST", f"{idp}{path}", urllib.parse.urlencode(pairs), {  # noqa: E731
            "content-type": "application/x-www-form-urlencoded", "authorization": "Basic " + base64.b64encode(f"machine:{machine}".encode()).decode()})
        token = lambda at, scope: ask("/token", grant_type="client_credentials", resource=f"{base}{at}", scope=scope).json.get("access_token", "")  # noqa: E731
        asked = lambda: [line for line in log_lines(server) if line.get("path") == "/token/introspection"]  # noqa: E731

        narrow, wide, signed = token("/mcp", "mcp:connect"), token("/mcp", "mcp:connect mcp:tools:read"), token("/signed", "mcp:connect")
        judge(narrow and narrow.count(".") == 0 and signed.count(".") == 2, "the same authorization server issues opaque tokens and JWTs")
        called = oauth.call(f"{base}/mcp", narrow)
        judge(called.status == 200, "an opaque token opens what its scope allows", called)
        refused = oauth.call(f"{base}/mcp", narrow, "get_forecast", station="a")
        judge(refused.status in (200, 403) and "mcp:tools:read" in refused.text, "and nothing more", refused)
        judge(oauth.call(f"{base}/mcp", wide, "get_request_headers").status == 200, "another token is introspected by itself")
        subject = oauth.call(f"{base}/mcp", narrow, "get_request_headers").text
        judge(narrow not in subject and "authorization" not in subject.lower(), "the MCP server does not get the token")
        judge(all(line.get("client") == "gateway" for line in asked()) and len(asked()) >= 2, "the gateway introspects as its own client", len(asked()))

        before = len(asked())
        judge(oauth.call(f"{base}/signed", signed).status == 200, "a JWT of it passes")
        judge(len(asked()) == before, "without introspection")
        crossed = [oauth.call(f"{base}/signed", narrow), oauth.call(f"{base}/mcp", signed)]
        judge([answer.status for answer in crossed] == [401, 401], "neither opens the other's server", crossed)
        unknown = oauth.call(f"{base}/mcp", secrets.token_urlsafe(32))
        judge(unknown.status == 401 and "not active" in unknown.text, "an invented token is not active", unknown)

        ask("/token/revocation", token=narrow)
        until(lambda: oauth.call(f"{base}/mcp", narrow).status == 401, 20, 0.2)
        judge(oauth.call(f"{base}/mcp", narrow).status == 401, "a revoked token is refused once its answer is old")
        judge(oauth.call(f"{base}/mcp", wide).status == 200, "and the other one is not")

        judge(oauth.call(f"{base}/keyed", key).status == 200, "an API key opens the server that it names")
        judge([oauth.call(f"{base}{path}", key).status for path in ("/mcp", "/signed")] == [401, 401], "and no other")
        bare = oauth.call(f"{base}/keyed", None)
        judge(bare.status == 401 and "resource_metadata" not in bare.headers.get("www-authenticate", ""), "a server with keys alone names no metadata", bare.headers.get("www-authenticate"))
        (folder / "keys.yaml").write_text("keys: []\n")
        until(lambda: oauth.call(f"{base}/keyed", key).status == 401, 20, 0.2)
        judge(oauth.call(f"{base}/keyed", key).status == 401, "a removed key is refused")

        server.stop()
        until(lambda: oauth.call(f"{base}/mcp", wide).status == 503, 20, 0.2)
        down = oauth.call(f"{base}/mcp", wide)
        judge(down.status == 503 and down.headers.get("retry-after"), "while it is down, opaque tokens get 503", down)
        judge(oauth.call(f"{base}/signed", signed).status == 200, "and its JWTs still pass")
        said = gateway.output()
        leaked = [name for name, secret in {"opaque token": narrow, "wide token": wide, "JWT": signed, "key": key, "secret": gateway_secret}.items() if secret in said]
        judge(not leaked, "no log line holds a token, a key or a secret", leaked)
