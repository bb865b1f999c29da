"""People log in at the company's IdP, oidc-provider with registration off; clients register here, or bring a document."""

import http.server
import json
import os
import re
import secrets
import threading
import urllib.parse

import oauth
from parts.local import Inspector, player
from person import Browser
from world import PARTS, READ, RUN, WRITE, Ended, Process, free_ports, until

ALL = f"{READ} mcp:tools:read {WRITE}"
# What of the IdP's claims gives what; nothing else of them gives anything.
MAPPED = [{"claims": {"groups": ["staff"]}, "scopes": [READ]}, {"claims": {"groups": ["weather-writers"]}, "scopes": [WRITE]}]


def play(judge, world):
    folder, ports = RUN / "bridge", free_ports("GATEWAY", "ADMIN", "UPSTREAM", "IDP")
    folder.mkdir()
    base, idp = f"http://127.0.0.1:{ports['GATEWAY']}", f"http://127.0.0.1:{ports['IDP']}"
    issuer, issued = f"{base}/oauth", folder / "issued.jsonl"
    with Ended(judge) as started, Documents() as documents:
        login, secret = provider(world, started, folder, ports["IDP"], f"{issuer}/callback")
        world.upstream(ports["UPSTREAM"], started)
        gateway = world.gateway("gateway-bridge", started, folder, ports, LOGIN=login, GRANTS=MAPPED, STORE={"file": "as.db"},
                                REGISTRATION={"dynamic": "open", "client_id_documents": {"hosts": ["localhost"], "allow_loopback": True}})
        metadata = oauth.ask("GET", f"{idp}/.well-known/openid-configuration").json
        judge("registration_endpoint" not in metadata and oauth.post_form(f"{idp}/reg", {}).status == 404, "the IdP registers nobody")

        seen = registering(judge, world, started, folder, base)
        seen += documented(judge, world, started, folder, base, documents)
        seen += mapped(judge, issuer, f"{base}/mcp")
        swapped(judge, issuer, f"{base}/mcp", idp)
        seen += ended(judge, issuer, f"{base}/mcp", idp)
        nowhere(judge, folder, issued, seen, gateway.output(), secret)


def provider(world, started, folder, port, callback, host="127.0.0.1"):
    """Starts the IdP. (`login` of the configuration, our secret there)"""
    secret, base = secrets.token_urlsafe(32), f"http://{host}:{port}"
    (folder / "client.secret").write_text(secret)
    idp = Process(PARTS, f"idp-{folder.name}", [world.node, world.modules / "idp.mjs", "--host", host, "--port", port, "--callback", callback, "--issued", folder / "issued.jsonl"],
                  env={**os.environ, "CLIENT_SECRET": secret, "NODE_NO_WARNINGS": "1"})
    started.append(idp)
    idp.ready(f"{base}/.well-known/openid-configuration")
    return {"oidc": {"issuer": base, "client_id": "portcullis", "client_secret": "file:client.secret", "scopes": ["openid", "profile", "groups", "offline_access"],
                     "authorize_parameters": {"prompt": "consent"}}}, secret


def registering(judge, world, started, folder, base):
    """A client that insists on registering: an SDK, with the whole story, and one by hand."""
    client = player(world, folder, "ts1", base)
    started.append(client)
    until(lambda: client.child.poll() is not None, 90, 0.1)
    code, report = client.stop(), folder / "ts1.json"
    told = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "steps": []}
    steps = {step["name"]: step for step in told["steps"]}
    judge(code == 0 and [x["status"] for x in steps["login"]["exchanges"] if x["url"].endswith("/register")] == [201],
          f"a client that insists on registering gets in (TypeScript sdk {told['sdk']}): login, step-up, refresh, revocation",
          " · ".join(f"{name} {step.get('scope')}" for name, step in steps.items()) if code == 0 else next((s["error"] for s in told["steps"] if s.get("error")), client.tail()))
    kinds = [page["kind"] for page in steps.get("login", {"pages": []})["pages"]]
    judge(kinds and kinds[0] == "login" and kinds[-1] == "consent", "the person signs in at the IdP first, then is asked here what the client may do", kinds)
    return [report.read_text()] if report.exists() else []


def documented(judge, world, started, folder, base, documents):
    """A client that is described by its own document: by hand, and MCP Inspector's CLI."""
    url = documents.serve("plain.json", "Documented", [oauth.REDIRECT])
    client, browser = oauth.Client(f"{base}/oauth", f"{base}/mcp", url), Browser()
    tokens = client.tokens(browser, READ, "any")
    words = next(page.words for page in browser.pages if page.kind == "consent")
    judge("Documented" in words and "localhost" in words, "the consent page of a client with a document names the host that vouches for it")
    judge(oauth.call(f"{base}/mcp", tokens["access_token"]).status == 200 and oauth.claims(tokens["access_token"])["client_id"] == url,
          "a client that brings its Client ID Metadata Document gets in", url)
    inspects = Inspector(world, started, folder / "inspector", base)
    url = documents.serve("inspector.json", "MCP Inspector", [inspects.callback])
    child = inspects.start("document", "--client-metadata-url", url, "--callback-url", inspects.callback, "--method", "tools/call", "--tool-name", "list_stations")
    address = inspects.asks(child)
    if judge(address and urllib.parse.quote(url, safe="") in address, "MCP Inspector with --client-metadata-url brings its document", "" if address else child.tail()):
        person = Browser()
        last = person.go(address, inspects.callback, "alice", "any")
        if last.location:
            person.request("GET", last.location)
    code, output = inspects.ended(child)
    judge(code == 0 and "south" in output, "and gets in", output[-300:] if code else url)
    wrong = documents.serve("lying.json", "Lying", [oauth.REDIRECT], client_id="http://localhost:1/other.json")
    page = Browser().open(oauth.Client(f"{base}/oauth", f"{base}/mcp", wrong).authorize(READ)[0], oauth.REDIRECT)
    judge(page.status == 400 and not page.location, "a document that names another client_id is refused on a page", page.status)
    return [json.dumps(tokens)]


def mapped(judge, issuer, resource):
    """What the IdP says of somebody becomes scopes by configuration alone."""
    seen = []
    for account, expected in (("alice", {READ, WRITE}), ("bob", {READ})):
        client = oauth.Client(issuer, resource)
        client.register()
        tokens = client.tokens(Browser(), ALL, "any", account=account)
        judge.same(set(tokens["scope"].split()), expected, f"{account} gets what the configuration makes of the groups, whatever else the ID token says")
        says = oauth.claims(tokens["access_token"])
        judge(says["iss"] == issuer and "alice" not in (says["client_id"],) and says["aud"] == resource, f"{account}'s token is ours", f"iss {says['iss']}, sub {says['sub']}")
        seen.append(json.dumps(tokens))
    client = oauth.Client(issuer, resource)
    client.register()
    browser = Browser()
    page = browser.go(client.authorize(ALL)[0], client.redirect, "mallory", "any")
    judge("cannot get access" in page.words and WRITE in page.words and not page.button("allow"), "who is in no mapped group is told what the account cannot give")
    came = oauth.came_with(browser.press(page, "deny"))
    judge.same((came.get("error"), came.get("iss")), ("access_denied", issuer), "and gets nothing")
    return seen


def swapped(judge, issuer, resource, idp):
    """A login begun in one browser is finished in another, or with another login's state."""
    client = oauth.Client(issuer, resource)
    client.register()

    def at_idp(browser, account="alice"):
        """As far as the IdP's address, and as far as the callback that it leads to."""
        sent = browser.request("GET", client.authorize(READ)[0])
        while not sent.location.startswith(idp):
            sent = browser.request("GET", sent.location)
        return sent.location

    def back(browser, address, account):
        return browser.go(address, f"{issuer}/callback", account, "any").location

    victim, attacker = Browser(), Browser()
    address = at_idp(attacker)
    callback = back(victim, address, "alice")
    page = victim.open(callback, client.redirect)
    judge(page.status in (400, 403) and not page.location and "text/html" in page.headers["content-type"],
          "the IdP address of one browser, opened in another, leads to a page and to no code", page.status)

    one, other = Browser(), Browser()
    first, second = at_idp(one), at_idp(other)
    mine, theirs = back(one, first, "alice"), back(other, second, "bob")
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(mine).query))["state"]
    mixed = re.sub(r"([?&]state=)[^&]*", lambda found: found[1] + urllib.parse.quote(state), theirs)
    page = one.open(mixed, client.redirect)
    judge("code" not in oauth.came_with(page), "the state of one login with the IdP's code of another gives no code", f"{page.status} {oauth.came_with(page).get('error', '')}")
    page = one.open(mine, client.redirect)
    judge("code" not in oauth.came_with(page), "and that state is spent", f"{page.status} {oauth.came_with(page).get('error', '')}")
    page = other.go(theirs, client.redirect)
    judge("code" in oauth.came_with(page), "while the other login goes on", page.status)
    page = other.open(theirs, client.redirect)
    judge(page.status == 400 and not page.location, "once: the same callback again is refused", page.status)
    page = other.open(re.sub(r"([?&])state=[^&]*&?", r"\1", theirs), client.redirect)
    judge(page.status == 400 and not page.location, "as is one without a state", page.status)


def ended(judge, issuer, resource, idp):
    """The session ends at the IdP."""
    client = oauth.Client(issuer, resource)
    client.register()
    tokens = client.tokens(Browser(), READ, "any")
    renewed = client.refresh(tokens["refresh_token"])
    judge(renewed.status == 200 and renewed.json["refresh_token"] != tokens["refresh_token"], "while the session at the IdP lasts, ours is renewed", renewed)
    renewed = client.refresh(renewed.json.get("refresh_token"))
    judge.same(renewed.status, 200, "and again, with what the IdP gave the last time")
    oauth.ask("POST", f"{idp}/control/end?account=alice")
    refused = client.refresh(renewed.json.get("refresh_token"))
    judge((refused.status, refused.error) == (400, "invalid_grant"), "when it has ended there, our refresh is invalid_grant", refused)
    after = until(lambda: oauth.call(resource, renewed.json["access_token"]).status == 401, 5)
    judge(after, "and our access token is taken back")
    return [json.dumps(tokens), renewed.text]


def nowhere(judge, folder, issued, seen, log, secret):
    tokens = [json.loads(line) for line in issued.read_text().splitlines()]
    kept = b"".join(file.read_bytes() for file in sorted(folder.glob("as.db*")))
    judge(len(kept) > 4096 and len(tokens) > 10, "the store file is looked into for every token of the IdP", f"{len(kept)} bytes, {len(tokens)} tokens")
    judge(not [token for token in tokens if token.encode() in kept] and secret.encode() not in kept, "none of them is in it, nor our secret at the IdP")
    judge(not [token for token in tokens if any(token in text for text in seen)], "none of them came to a client", f"{len(seen)} transcripts and answers")
    judge(not [token for token in tokens if token in log] and secret not in log, "none of them is in the gateway's log")
    ours = [json.loads(text)[name] for text in seen if text.startswith('{"access_token"') for name in ("access_token", "refresh_token")]
    judge(ours and not [token for token in ours if token.encode() in kept], "and none of our own is in the store file", f"{len(ours)} tokens")
    judge.same({oct(file.stat().st_mode & 0o777) for file in folder.glob("as.db*")}, {"0o600"}, "the store file is its owner's alone")


class Documents:
    """Serves Client ID Metadata Documents on the loopback."""

    def __enter__(self):
        self.held, self.down, self.asked, documents = {}, False, 0, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents.asked += 1
                body = None if documents.down else documents.held.get(self.path)
                self.send_response(503 if documents.down else 200 if body else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, name, title, redirects, **more):
        url = f"http://localhost:{self.server.server_address[1]}/{name}"
        document = {"client_id": url, "client_name": title, "redirect_uris": redirects, "token_endpoint_auth_method": "none",
                    "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], **more}
        self.held[f"/{name}"] = json.dumps(document).encode()
        return url
