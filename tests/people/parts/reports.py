"""Public reports of people whose client or proxy failed with other gateways, tried here: redirect URIs of clients, discovery behind nginx, refreshes, errors."""

import concurrent.futures
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
        refreshes(judge, base, path)
        requests_of_clients(judge, base, path)
        before_anybody_agrees(judge, base, path)
        restarted(judge, world, started, folder, ports, server, base, path)


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
    code = {"redirect_uris": ["http://localhost:8787/callback"], "token_endpoint_auth_method": "none"}
    for report, asked, granted in (
            ("better-auth#11175: Claude's registration, with a grant that is not supported", ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"], ["authorization_code", "refresh_token"]),
            ("fastmcp#2460: a registration for codes alone", ["authorization_code"], ["authorization_code"])):
        answer = oauth.Client(issuer, resource).register(grant_types=asked, **code)
        judge.same((answer.status, sorted(answer.json.get("grant_types", []))), (201, granted), f"{report}, gets what is supported")
    answer = oauth.Client(issuer, resource).register(grant_types=["password"], response_types=[], **code)
    judge.same((answer.status, answer.error), (400, "invalid_client_metadata"), "insforge-mcp#104: a grant that no client gets is not confirmed")
    answer = oauth.Client(issuer, resource).register(resource=resource, software_id="x", tos_uri=None, contacts=[], jwks_uri="", **code)
    judge.same(answer.status, 201, "turnstone#1082: members that registration does not know do not hinder it")
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


def signed_in(base, path, scope="weather:read", **more):
    """(a client that has registered, the answer of the token endpoint)"""
    client = oauth.Client(f"{base}/team/oauth", f"{base}{path}")
    client.register()
    return client, client.tokens(Browser(), scope, PASSWORD, **more)


def refreshes(judge, base, path):
    client, tokens = signed_in(base, path)
    session = Session(f"{base}{path}", tokens["access_token"])
    fresh = client.refresh(tokens["refresh_token"]).json
    judge(fresh["access_token"] != tokens["access_token"] and session.forecast(fresh["access_token"]) == "Oslo: sunny",
          "toolhive#5306: a session goes on when its access token is refreshed")
    judge.same((set(fresh["scope"].split()), client.refresh(fresh["refresh_token"], scope="").status), (set(tokens["scope"].split()), 200),
               "toolhive#4427: a refresh that names no scope, or an empty one, keeps the scopes")
    judge.same((tokens["scope"], bool(tokens.get("refresh_token"))), ("weather:read", True), "toolhive#3776: a client that asks for the published scopes alone gets a refresh token")

    client, tokens = signed_in(base, path)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: client.refresh(tokens["refresh_token"]), range(5)))
    again = [client.refresh(answer.json.get("refresh_token", "")).status for answer in answers]
    judge.same(([answer.status for answer in answers], again), ([200] * 5, [200] * 5), "opencode#34074: five calls that refresh at once leave each of them a token that lives on")

    other, _ = signed_in(base, path)
    client.revoke(tokens["refresh_token"])
    dead = {"revoked": client.refresh(tokens["refresh_token"]), "invented": client.refresh(secrets.token_urlsafe(32)), "another client's": other.refresh(answers[0].json["refresh_token"])}
    judge(all((answer.status, answer.error) == (400, "invalid_grant") for answer in dead.values()),
          "obot#7501, metabase#80389: a refresh token that is no longer good is invalid_grant, so that a client signs in again", {name: str(answer) for name, answer in dead.items()})


def requests_of_clients(judge, base, path):
    challenge = oauth.call(f"{base}{path}", None).headers.get("www-authenticate", "")
    judge('scope="weather:read"' in challenge, "toolhive#3779: the challenge names the scopes to ask for", challenge)
    names = (f"oauth-protected-resource{path}", "oauth-protected-resource", "oauth-authorization-server/team/oauth")
    found = {(name, accept): oauth.ask("GET", f"{base}/.well-known/{name}", None, {"accept": accept}).status for name in names for accept in ("*/*", "text/html", "text/event-stream", "application/json")}
    judge(set(found.values()) == {200}, "agentgateway#347: the metadata is given whatever `Accept` says", {key: status for key, status in found.items() if status != 200} or len(found))
    client = oauth.Client(f"{base}/team/oauth", f"{base}{path}")
    client.register()
    url, verifier, _ = client.authorize("weather:read")
    came = oauth.came_with(Browser().go(url.replace("scope=weather%3Aread&", ""), client.redirect, "alice", PASSWORD), client.redirect)
    tokens = client.redeem(came.get("code", ""), verifier).json
    judge.same((tokens.get("scope"), Session(f"{base}{path}", tokens.get("access_token")).forecast()), ("weather:read", "Oslo: sunny"),
               "pi-mcp-adapter#133: a client that asks for no scope gets those of the server")
    with_query = f"{base}{path}?kb_name=test"
    found = oauth.ask("GET", f"{base}/.well-known/oauth-protected-resource{path}?kb_name=test")
    client.resource = with_query
    try:
        tokens = client.tokens(Browser(), "weather:read", PASSWORD)
    except RuntimeError as fault:
        tokens = {"fault": str(fault)}
    judge(found.status == 200 and Session(with_query, tokens.get("access_token")).forecast() == "Oslo: sunny", "fastmcp#2966: a client whose URL has a query, and which sends it in `resource`, gets in",
          f"{found.json.get('resource')} {tokens.get('fault', '')[:200]}")
    form, endpoint = {"content-type": "application/x-www-form-urlencoded"}, client.token_endpoint
    wrong = {"nothing": oauth.ask("POST", endpoint, "", form), "JSON": oauth.ask("POST", endpoint, "{}", {"content-type": "application/json"}), "GET": oauth.ask("GET", endpoint),
             "another grant": oauth.post_form(endpoint, {"grant_type": "password", "client_id": client.client_id})}
    judge(all(400 <= answer.status < 500 and answer.error and "json" in answer.headers.get("content-type", "") for answer in wrong.values()),
          "claude-ai-mcp#134: whatever is wrong, the token endpoint says so in JSON", {name: str(answer) for name, answer in wrong.items()})
    lost = oauth.Client(f"{base}/team/oauth", f"{base}{path}", client_id=secrets.token_urlsafe(16))
    answer, page = lost.refresh("x"), Browser().open(lost.authorize("weather:read")[0], lost.redirect)
    judge((answer.status, answer.error) == (401, "invalid_client") and page.status >= 400 and not page.location and "register" in page.words.lower(),
          "fastmcp#2027: a client id that is not known here is invalid_client, and the page says to register again", f"{answer}; {page.status} {page.words[:300]}")


def before_anybody_agrees(judge, base, path):
    """What a client that registered by itself can have done to a browser that only opens a link."""
    client = oauth.Client(f"{base}/team/oauth", f"{base}{path}", redirect="https://evil.example/callback")
    judge.same(client.register().status, 201, "any https redirect URI registers")
    shown = {}
    for what, more in (("a response type that is not known", {"response_type": "INVALID"}), ("no response type", {"response_type": ""}), ("a scope that is not known", {"scope": "no:such"}),
                       ("no PKCE", {"code_challenge": ""}), ("another resource", {"resource": "https://other.example/mcp"}), ("prompt=none", {"prompt": "none"})):
        shown[what] = Browser().open(client.authorize(**{"scope": "weather:read", **more})[0], "https://")
    judge(not any(page.location for page in shown.values()), "coroot#929: before anybody signs in and agrees, no mistake in the request sends the browser to the client",
          {what: f"{page.status} {page.location or page.kind}" for what, page in shown.items()})
    refused = {uri: oauth.Client(f"{base}/team/oauth", f"{base}{path}").register(redirect_uris=[uri]) for uri in (
        "javascript:alert(1)//", "http://chat.example.com/callback", "data:text/html,x", "https://chat.example.com/callback#part")}
    judge(all((answer.status, answer.error) == (400, "invalid_redirect_uri") for answer in refused.values()),
          "fastmcp#3037, plane-mcp-server#220: what cannot be used is refused when it is registered, not when a user connects", {uri: str(answer) for uri, answer in refused.items()})


def restarted(judge, world, started, folder, ports, server, base, path):
    """The MCP server is deployed again: its sessions are gone."""
    _, tokens = signed_in(base, path)
    session = Session(f"{base}{path}", tokens["access_token"])
    before = session.forecast()
    server.stop()
    again = Process(PARTS, "reports-server-again", [world.programs.python, folder / "server.py"])
    started.append(again)
    again.ready(f"http://127.0.0.1:{ports['SERVER']}/mcp", good=lambda status: status in (400, 405, 406))
    lost, _ = session.post({"id": 3, "method": "tools/list"})
    judge.same((before, lost.status, forecast(f"{base}{path}", tokens["access_token"])), ("Oslo: sunny", 404, "Oslo: sunny"),
               "agentgateway#3622, agentarea#339: after the server restarts, a session is 404, and a new one begins with the same token")


def forecast(url, token):
    """What the tool says in a session of its own."""
    return Session(url, token).forecast()


class Session:
    """A session of 2025-11-25."""

    def __init__(self, url, token):
        self.url, self.headers = url, {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {token}"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "reports", "version": "1"}}
        begun, _ = self.post({"id": 1, "method": "initialize", "params": hello})
        self.headers |= {"mcp-session-id": begun.headers.get("mcp-session-id", ""), "mcp-protocol-version": "2025-11-25"}
        self.post({"method": "notifications/initialized"})

    def post(self, message):
        answer = oauth.ask("POST", self.url, json.dumps({"jsonrpc": "2.0", **message}), self.headers)
        data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
        return answer, json.loads(data[-1]) if data else answer.json

    def forecast(self, token=None):
        """What the tool says, to this token from now on."""
        self.headers |= {"authorization": f"Bearer {token}"} if token else {}
        _, said = self.post({"id": 2, "method": "tools/call", "params": {"name": "get_forecast", "arguments": {"city": "Oslo"}}})
        content = said.get("result", {}).get("content") or [{}]
        return content[0].get("text", said)
