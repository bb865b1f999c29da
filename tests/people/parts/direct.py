"""Real authorization servers as direct issuers: Canaille, and django-oauth-toolkit with opaque tokens and with JWTs, each as its recipe says."""

import base64
import http.client
import json
import os
import secrets
import sys
import threading
import time
import urllib.parse

from world import HERE, INTEROP, LOGIN, PARTS, RUN, Ended, Guide, Process, free_ports, log_lines, sdk_client, until

sys.path.append(str(HERE.parent / "login"))
import oauth  # noqa: E402
from person import Browser  # noqa: E402

PASSWORD, READ, ALL = "wonderland-2026", "mcp:read", "mcp:read mcp:write"
CLIENTS = {"py2": "Python mcp", "py1": "Python mcp", "ts2": "TypeScript client", "ts1": "TypeScript sdk"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "direct", "version": "1"}}
INACTIVE = "the token is not active: it has ended or was revoked"
INTROSPECTION = 'introspection: {client_id: GATEWAY_CLIENT, client_secret: "env:GATEWAY_SECRET", only: true}'
CACHE = 2               # seconds: how long an answer of the issuer counts


def play(judge, world):
    canaille(judge, world)
    django(judge, world)


def canaille(judge, world):
    python = LOGIN.environment("canaille", "idp/requirements.txt", "idp/constraints.txt")
    with Ended(judge) as started:
        company = Company(judge, world, started, "canaille", "Canaille", free_ports("IDP")["IDP"], "")
        idp = company.serve([python, LOGIN.folder / "idp/company_canaille.py", company.idp_port, "http://127.0.0.1:1/callback", "RS256"])
        company.begin("https://canaille.example.com", "portcullis", "idp-secret", INTROSPECTION.replace("only: true", f"only: true, cache: {CACHE}s"))
        tokens = company.sign_in(f"openid {ALL}")[1]
        said = oauth.claims(tokens["access_token"])
        judge(said["aud"] == ["desktop", "portcullis"] and "scope" not in said, "canaille: its access token is a JWT without scope, for the clients that may introspect it", said["aud"])
        company.works("a user who signed in", tokens["access_token"])
        company.refuses("an ID token", tokens["id_token"], "token_inactive", INACTIVE)
        company.refuses("a refresh token", tokens["refresh_token"], "token_inactive", INACTIVE)
        company.refuses("a token that the gateway's client may not introspect", company.sign_in(ALL, "elsewhere")[1]["access_token"], "token_inactive", INACTIVE)
        company.asks_for_more("a user's token", company.sign_in(READ)[1]["access_token"])
        # Its tokens of machines have no sub: their client names them.
        company.says_so("a machine's token", company.machine("machine-secret", READ))
        company.works("a machine", company.machine("machine-secret", ALL))
        # As an administrator does: clients without a secret cannot revoke there.
        company.loses_stream(tokens["access_token"], lambda: oauth.ask("GET", f"{company.origin}/control?do=revoke"))

        tokens = company.sign_in(ALL)[1]
        company.works("another sign-in", tokens["access_token"])
        oauth.ask("GET", f"{company.origin}/control?do=expire")
        until(lambda: company.status(tokens["access_token"]) == 401, 20, 0.2)
        company.refuses("an expired token", tokens["access_token"], "token_inactive", INACTIVE)
        company.away(idp, company.machine("machine-secret", ALL))


def django(judge, world):
    python, port = PARTS.environment("django", "requirements-django.txt", "constraints-django.txt"), free_ports("IDP")["IDP"]
    with Ended(judge) as started:
        opaque, signed = (Company(judge, world, started, f"django, {kind}", "django-oauth-toolkit", port, "/o") for kind in ("opaque tokens", "JWTs"))
        machine, gateway = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        idp = opaque.serve([python, HERE / "direct/company_django.py", port, opaque.folder, signed.base], MACHINE_SECRET=machine, GATEWAY_SECRET=gateway)
        opaque.begin("https://login.example.com/o", "gateway", gateway, INTROSPECTION.replace("only: true", f"only: true, cache: {CACHE}s"))
        # The bullet about JWTs: neither of the two keys.
        signed.begin("https://login.example.com/o", "gateway", gateway, "clock_skew: 0s", dropped="    subject_claims: [username, client_id]   # introspection gives no sub\n")
        do = lambda what: oauth.ask("GET", f"{opaque.origin}/control?do={what}")  # noqa: E731

        client, tokens = opaque.sign_in(f"openid {ALL}")
        judge.same(tokens["access_token"].count("."), 0, "django, opaque tokens: an access token is not a JWT")
        opaque.works("a user who signed in", tokens["access_token"])
        opaque.refuses("an ID token", tokens["id_token"], "token_inactive", INACTIVE)
        opaque.refuses("a refresh token", tokens["refresh_token"], "token_inactive", INACTIVE)
        opaque.refuses("a token for another server", opaque.sign_in(ALL, resource=f"{opaque.base}/other")[1]["access_token"], "token_audience", "aud")
        opaque.refuses("a token for the server's URL with a query", opaque.sign_in(ALL, resource=f"{opaque.resource}?toolsets=repos")[1]["access_token"], "token_audience", "aud")
        opaque.refuses("a token of a client that sent no resource", opaque.machine(machine, ALL, resource=None), "token_no_audience", "aud")
        opaque.asks_for_more("a user's token", opaque.sign_in(READ)[1]["access_token"])
        opaque.says_so("a machine's token", opaque.machine(machine, READ))
        fresh = client.refresh(tokens["refresh_token"]).json
        opaque.works("a user whose token was refreshed", fresh.get("access_token"))
        opaque.loses_stream(fresh.get("access_token"), lambda: client.revoke(fresh["access_token"]))

        sdks(judge, world, started, opaque)

        tokens = signed.sign_in(f"openid {ALL}")[1]
        judge.same(tokens["access_token"].count("."), 2, "django, JWTs: an access token is a JWT")
        signed.works("a user who signed in", tokens["access_token"])
        signed.refuses("an ID token", tokens["id_token"], "token_type", "")
        signed.refuses("a refresh token", tokens["refresh_token"], "token_malformed", "")
        signed.refuses("a token for another server", signed.sign_in(ALL, resource=f"{signed.base}/other")[1]["access_token"], "token_audience", "aud")
        signed.asks_for_more("a user's token", signed.sign_in(READ)[1]["access_token"])
        signed.says_so("a machine's token", signed.machine(machine, READ))
        do("short")
        for company, reason, words in ((opaque, "token_inactive", INACTIVE), (signed, "token_expired", "")):
            ended = company.machine(machine, ALL)
            time.sleep(2)
            company.refuses("an expired token", ended, reason, words)
        do("long")

        do("rotate")
        fresh = signed.machine(machine, ALL)
        signed.works("a token of before the rotation", tokens["access_token"])
        until(lambda: signed.status(fresh) == 200, 30, 0.2)
        signed.works("a token that a new key signed", fresh)
        known = opaque.machine(machine, ALL)
        opaque.works("a machine", known)
        opaque.away(idp, known)
        signed.works("while the issuer is down, a user", tokens["access_token"])
        signed.works("while the issuer is down, a machine whose key is new", fresh)


def sdks(judge, world, started, company):
    """Clients that know nothing of the product: discovery, registration, sign-in, calls, refresh and revocation are those of each SDK."""
    calls = ["--calls", json.dumps([["get_forecast", {"city": "Oslo"}], ["delete_station", {"id": "north"}]])]
    for name, sdk in CLIENTS.items():
        client = sdk_client(world, company.folder, name, "direct", company.resource, PASSWORD, *calls)
        started.append(client)
        until(lambda: client.child.poll() is not None, 90, 0.1)
        code, report = client.stop(), company.folder / f"{name}.json"
        told = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "steps": []}
        who, steps = f"{company.name}: {sdk} {told['sdk']}", {step["name"]: step for step in told["steps"]}
        wrong = [f"{step['name']}: {step['error']}" for step in told["steps"] if step.get("error")]
        judge(code == 0 and not wrong, f"{who} plays its story to the end", wrong or ("" if code == 0 else client.tail()))
        login, renewal = (steps.get(step, {"exchanges": []}) for step in ("login", "refresh"))
        made = [(x["url"], x["status"]) for x in login["exchanges"]]
        judge((company.metadata["registration_endpoint"], 201) in made and "Oslo" in login.get("result", ""), f"{who} registers at the issuer, signs in there, and calls", login.get("scope"))
        judge(renewal.get("renewed"), f"{who} refreshes there", renewal.get("scope"))


class Company:
    """One gateway in front of one product, configured as the recipe under `heading` of the page says."""

    def __init__(self, judge, world, started, name, heading, idp_port, path):
        self.judge, self.world, self.started, self.name, self.heading = judge, world, started, name, heading
        self.idp_port, self.origin, self.ports = idp_port, f"http://127.0.0.1:{idp_port}", free_ports("GATEWAY", "ADMIN", "UPSTREAM")
        self.issuer, self.base = f"{self.origin}{path}", f"http://127.0.0.1:{self.ports['GATEWAY']}"
        self.resource, self.slug = f"{self.base}/mcp", "".join(letter if letter.isalnum() else "-" for letter in name)
        self.folder = RUN / f"direct-{self.slug}"
        self.folder.mkdir()

    # ---- what runs ----

    def serve(self, command, **env):
        idp = Process(PARTS, f"direct-idp-{self.slug}", command, env={**os.environ, **env})
        self.started.append(idp)
        idp.ready(f"{self.issuer}/.well-known/openid-configuration")
        return idp

    def begin(self, issuer, client, secret, introspection, dropped=None):
        """The recipe with the places of this run, in front of FastMCP."""
        places = {"https://mcp.example.com": self.base, '"0.0.0.0:8443", tls: {certificate: tls/tls.crt, key: tls/tls.key}': f'"127.0.0.1:{self.ports["GATEWAY"]}"',
                  "127.0.0.1:8000": f"127.0.0.1:{self.ports['UPSTREAM']}", issuer: self.issuer, INTROSPECTION: introspection, "GATEWAY_CLIENT": client}
        page = Guide("direct-issuers.md", {**({dropped: ""} if dropped else {}), **places})
        self.page = page.text.split(f"\n## {self.heading}\n")[1].split("\n## ")[0]
        config = self.folder / "gateway.yaml"
        config.write_text(page.block("yaml", f"issuer: {self.issuer}\n") + f"admin: {{address: \"127.0.0.1:{self.ports['ADMIN']}\"}}\n")
        env = {**os.environ, "SESSION_KEY": secrets.token_hex(32), "GATEWAY_SECRET": secret}
        server = Process(PARTS, f"direct-server-{self.slug}", [self.world.programs.python2, INTEROP.folder / "servers/fastmcp_server.py", self.ports["UPSTREAM"]])
        self.started.append(server)
        server.ready(f"http://127.0.0.1:{self.ports['UPSTREAM']}/mcp", good=lambda status: status in (400, 405, 406))
        PARTS.command("check of gateway.yaml", self.world.binary, "check", "--config", config, env=env)
        self.gateway = Process(PARTS, f"gateway-direct-{self.slug}", [self.world.binary, "run", "--config", config], env=env)
        self.started.append(self.gateway)
        self.gateway.ready(f"http://127.0.0.1:{self.ports['ADMIN']}/readyz", 30)
        self.metadata = oauth.ask("GET", f"{self.issuer}/.well-known/openid-configuration").json | oauth.ask("GET", f"{self.issuer}/.well-known/oauth-authorization-server").json

    # ---- tokens ----

    def sign_in(self, scope, client="desktop", resource=None):
        """(the client, the answer of the token endpoint) of a person at a browser: code with PKCE, at the product."""
        client = oauth.Client(self.issuer, resource or self.resource, client, metadata=self.metadata)
        url, verifier, _ = client.authorize(scope, nonce=secrets.token_hex(8))
        came = oauth.came_with(Browser().go(url, client.redirect, "alice", PASSWORD), client.redirect)
        return client, client.redeem(came["code"], verifier).json

    def machine(self, secret, scope, **more):
        """An access token of client credentials."""
        asked = {"grant_type": "client_credentials", "scope": scope, "resource": self.resource, **more}
        basic = base64.b64encode(f"machine:{secret}".encode()).decode()
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": f"Basic {basic}"}
        form = urllib.parse.urlencode({name: value for name, value in asked.items() if value is not None})
        return oauth.ask("POST", self.metadata["token_endpoint"], form, headers).json["access_token"]

    # ---- claims ----

    def status(self, token, tool="get_forecast", **arguments):
        return oauth.call(self.resource, token, tool, **(arguments or {"city": "Oslo"})).status

    def works(self, who, token):
        found = [self.status(token), self.status(token, "delete_station", id="north")]
        self.judge.same(found, [200, 200], f"{self.name}: {who} may call")

    def refuses(self, who, token, reason, words):
        """401, with words for the client, the reason in the audit, and a row of the page that explains it."""
        answer = oauth.call(self.resource, token, "get_forecast", city="Oslo")
        challenge = answer.headers.get("www-authenticate", "")
        written = until(lambda: [line for line in log_lines(self.gateway) if line.get("reason") == reason], 5)
        self.judge(answer.status == 401 and 'error="invalid_token"' in challenge and words in challenge and written and f"`{reason}`" in self.page,
                   f"{self.name}: {who} is refused as {reason}, which the recipe explains", challenge)

    def asks_for_more(self, who, token):
        """The challenge that a client steps up with."""
        answer = oauth.call(self.resource, token, "delete_station", id="north")
        challenge = answer.headers.get("www-authenticate", "")
        self.judge(self.status(token) == 200 and answer.status == 403 and 'error="insufficient_scope"' in challenge and "mcp:write" in challenge,
                   f"{self.name}: {who} without the scope gets the challenge", challenge)

    def says_so(self, who, token):
        """The result that a model reads."""
        answer = oauth.call(self.resource, token, "delete_station", id="north")
        said = answer.json.get("result", {})
        self.judge(self.status(token) == 200 and answer.status == 200 and said.get("isError") and "mcp:write" in answer.text,
                   f"{self.name}: {who} without the scope gets a result that says so", said.get("content") or answer)

    def loses_stream(self, token, revoke):
        """A stream that is open ends when the token is revoked, and calls do."""
        stream = Stream(self.resource, token)
        self.judge(stream.status == 200 and not stream.over.wait(2 * CACHE), f"{self.name}: an open stream stays open while the token is valid", stream.status)
        revoked = revoke()
        self.judge(revoked.status == 200 and stream.over.wait(20), f"{self.name}: once the token is revoked, the stream ends", revoked)
        until(lambda: self.status(token) == 401, 20, 0.2)
        self.refuses("a revoked token", token, "token_inactive", INACTIVE)

    def away(self, idp, token):
        """Without the issuer, nothing is known about an opaque token."""
        self.works("a token that the issuer knows", token)
        idp.stop()
        until(lambda: self.status(token) == 503, 20, 0.2)
        answer = oauth.call(self.resource, token, "get_forecast", city="Oslo")
        self.judge(answer.status == 503 and answer.json["error"]["data"]["reason"] == "introspection_unavailable" and answer.headers.get("retry-after") and "`introspection_unavailable`" in self.page,
                   f"{self.name}: while the issuer is down, a token that must be introspected gets 503, which the recipe explains", answer)
        self.judge(token not in self.gateway.output(), f"{self.name}: the log never holds an opaque token")


class Stream:
    """The GET stream of a session of 2025-11-25."""

    def __init__(self, url, token):
        self.over, at = threading.Event(), urllib.parse.urlsplit(url)
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {token}", "mcp-protocol-version": "2025-11-25"}
        begun = oauth.ask("POST", url, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}), headers)
        headers["mcp-session-id"] = begun.headers.get("mcp-session-id", "")
        oauth.ask("POST", url, json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), headers)
        self.connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        self.connection.request("GET", at.path, headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        try:
            while self.answer.read1(4096):
                pass
        except (OSError, http.client.HTTPException):
            pass
        self.over.set()
