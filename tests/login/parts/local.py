"""Four SDK clients and MCP Inspector log in with a local account, step up, refresh and are revoked.

The pages are fetched and the forms posted by person.py, as a browser without scripts would.
"""

import json
import os
import re
import sys
import time

import oauth
from person import Browser
from world import ALICE, ALICES, BOB, BOBS, FORECASTS, HERE, PARTS, READ, RUN, WRITE, Ended, Process, free_ports, until

CLIENTS = {"py2": "Python mcp", "py1": "Python mcp", "ts2": "TypeScript client", "ts1": "TypeScript sdk"}
CALLS = [["list_stations", {}], ["delete_station", {"id": "north"}]]     # the second needs a scope more
WORDS = {READ: "See which weather stations there are", FORECASTS: "Read forecasts", WRITE: "Remove weather stations"}


def play(judge, world):
    folder, ports = RUN / "local", free_ports("GATEWAY", "ADMIN", "UPSTREAM")
    folder.mkdir()
    hashes = world.accounts(folder)
    judge(all(text.startswith("$argon2id$") and secret not in text for text, secret in zip(hashes.values(), (ALICES, BOBS))),
          "hash-password makes an argon2id hash of what it reads", hashes[ALICE][:30])
    with Ended(judge) as started:
        world.upstream(ports["UPSTREAM"], started)
        gateway = world.gateway("gateway-local", started, folder, ports)
        base = f"http://127.0.0.1:{ports['GATEWAY']}"
        playing = {name: (player(world, folder, name, base), time.time()) for name in CLIENTS}
        started += [client for client, _ in playing.values()]
        for name, (client, since) in playing.items():
            until(lambda: client.child.poll() is not None, 90, 0.1)
            story(judge, base, name, folder, client.stop(), time.time() - since, client)
        inspector(judge, world, started, folder, base)
        by_hand(judge, base)
        log = gateway.output()
        judge(not any(secret in log for secret in (ALICES, BOBS, hashes[ALICE])), "no password and no hash is in the gateway's log")


def player(world, folder, name, base, account=ALICE, password=ALICES, calls=CALLS):
    """Starts a client of that SDK; it plays its story and writes {name}.json."""
    told = ["--url", f"{base}/mcp", "--report", folder / f"{name}.json", "--jar", folder / f"{name}.jar", "--name", f"login {name}", "--account", account,
            "--calls", json.dumps(calls)]
    if name.startswith("py"):
        program = [world.python2 if name == "py2" else world.python1, HERE / "sdk/flow.py", *told]
    else:
        program = [world.node, world.modules / "flow.mjs", "--sdk", name[-1], "--python", sys.executable, "--person", HERE / "person.py", *told]
    return Process(PARTS, f"client-{name}", program, env={**os.environ, "PASSWORD": password, "NODE_NO_WARNINGS": "1"})


def story(judge, base, name, folder, code, took, client):
    report = folder / f"{name}.json"
    told = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "steps": []}
    who = f"{CLIENTS[name]} {told['sdk']}"
    steps = {step["name"]: step for step in told["steps"]}
    if not judge(code == 0, f"{who} played its story to the end", f"{took:.0f} s"):
        print("\n".join([f"     {step['name']}: {step['error']}" for step in told["steps"] if step.get("error")] or [client.tail()]))
    login, up, renewal, end = (steps.get(step, {"exchanges": [], "pages": []}) for step in ("login", "step-up", "refresh", "revoke"))

    # -- in the order of the specification --
    issuer = f"{base}/oauth"
    expected = [("POST", f"{base}/mcp", 401), ("GET", f"{base}/.well-known/oauth-protected-resource/mcp", 200),
                ("GET", f"{base}/.well-known/oauth-authorization-server/oauth", 200), ("POST", f"{issuer}/register", 201),
                ("BROWSER", f"{issuer}/authorize", 200), ("POST", f"{issuer}/token", 200), ("POST", f"{base}/mcp", 200)]
    made = [(x["method"], x["url"], x["status"]) for x in login["exchanges"]]
    judge(made[:len(expected)] == expected, f"{who}: 401, resource metadata, server metadata, registration, browser, token, call",
          " ".join(str(status) for *_, status in made[:len(expected)]) if made[:len(expected)] == expected else made)
    asked = next((x for x in login["exchanges"] if x["method"] == "BROWSER"), {})
    token = next((x for x in login["exchanges"] if x.get("grant_type") == "authorization_code"), {})
    judge(asked.get("code_challenge_method") == "S256" and token.get("pkce") and asked.get("resource") == token.get("resource") == f"{base}/mcp",
          f"{who}: PKCE and the resource at both endpoints", asked.get("resource"))
    judge.same(login.get("came_with"), ["code", "iss", "state"], f"{who}: comes home with code, state and iss")
    judge([page["kind"] for page in login["pages"]] == ["login", "consent"], f"{who}: a login page, then a consent page", [page["kind"] for page in login["pages"]])
    words = "\n".join(login["pages"][-1]["words"]) if login["pages"] else ""
    judge(f"login {name}" in words and "127.0.0.1" in words and WORDS[READ] in words and WORDS[WRITE] not in words,
          f"{who}: the consent page names client, redirect host and the scope in words")
    judge("list_stations" in login.get("tools", []) and "reset_everything" not in login.get("tools", []) and "south" in login.get("result", ""),
          f"{who}: lists tools and calls one ({login.get('agreed')})", login.get("scope"))

    refused = next((x for x in up["exchanges"] if x["status"] == 403), {})
    judge('error="insufficient_scope"' in (refused.get("challenge") or "") and WRITE in (refused.get("challenge") or ""),
          f"{who}: 403 names the scope that is missing", refused.get("challenge"))
    kinds = [page["kind"] for page in up["pages"]]
    grants = [(x["grant_type"], x["status"]) for x in up["exchanges"] if x.get("grant_type")]
    before = [("refresh_token", 400)] if name == "ts1" else []
    judge(grants == [*before, ("authorization_code", 200)],
          f"{who}: {'it only refreshes, is refused once, and authorizes' if before else 'it authorizes by itself'}", grants)
    judge(kinds == ["consent"], f"{who}: the step-up asks for consent and for no password", kinds)
    new, old = split_scopes("\n".join(up["pages"][-1]["words"]) if up["pages"] else "")
    judge(WORDS[WRITE] in new and WORDS[READ] not in new, f"{who}: only the new scope is shown as new", WORDS[WRITE] if new else "no such page")
    judge(WORDS[READ] in old, f"{who}: the other is told as allowed already")
    # Newer SDKs also request the advertised `offline_access`; what is requested is echoed.
    judge("gone" in up.get("result", "") and set((up.get("scope") or "").split()) - {"offline_access"} == {READ, WRITE},
          f"{who}: the call succeeds then, with both scopes", up.get("scope"))

    grants = [x.get("grant_type") for x in renewal["exchanges"] if x.get("grant_type")]
    judge(grants == ["refresh_token"] and renewal.get("renewed") and renewal.get("rotated") and "gone" in renewal.get("result", "") and not renewal["pages"],
          f"{who}: refreshes without a person, and both tokens are new", grants)
    judge((end.get("before"), end.get("revoked"), end.get("after")) == (200, 200, 401) and 'error="invalid_token"' in (end.get("challenge") or ""),
          f"{who}: revoking the refresh token refuses the access token at once", f"{end.get('before')} {end.get('revoked')} {end.get('after')}, client auth {end.get('method')}")
    judge(not any(page["scripts"] for step in told["steps"] for page in step["pages"]), f"{who}: no page has a script or a frame")


def split_scopes(words):
    """(what a consent page says is new, what it says is allowed already)"""
    parts = re.split(r"(?im)^.*already.*$", words, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


class Inspector:
    """The CLI of MCP Inspector, with a home of its own. It asks for a browser by printing an address and waits for it at `callback`."""

    def __init__(self, world, started, home, base):
        self.world, self.started, self.home, self.base = world, started, home, base
        self.callback = f"http://127.0.0.1:{free_ports('CALLBACK')['CALLBACK']}/oauth/callback"
        home.mkdir()

    def start(self, name, *more):
        program = self.world.modules / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        # It logs in only where it may open a browser; this one opens nothing.
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "BROWSER": "/bin/true", "MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}
        child = Process(PARTS, f"inspector-{name}", [self.world.node, program, "--cli", "--server-url", f"{self.base}/mcp", "--transport", "http", "--format", "json", *more], env=env)
        self.started.append(child)
        return child

    def asks(self, child):
        """The address that it wants opened."""
        return until(lambda: (re.search(rf"{re.escape(self.base)}/oauth/authorize\?\S+", child.output()) or [None])[0] or child.child.poll() and "", 30, 0.1)

    def ended(self, child, secs=40):
        until(lambda: child.child.poll() is not None, secs, 0.1)
        return child.stop(), child.output()


def inspector(judge, world, started, folder, base):
    """With its own login, with what it stored, and with a token that it is given."""
    inspects = Inspector(world, started, folder / "inspector", base)
    call = ["--method", "tools/call", "--tool-name", "list_stations"]
    child = inspects.start("login", "--callback-url", inspects.callback, *call)
    url = inspects.asks(child)
    if judge(url, "Inspector's CLI registers and prints an address to log in at", "" if url else child.tail()):
        browser = Browser()
        last = browser.go(url, inspects.callback, ALICE, ALICES)
        if judge(last.location is not None, "Inspector: login and consent send the browser to it", "" if last.location else last.words[:200]):
            browser.request("GET", last.location)
    code, output = inspects.ended(child)
    judge(code == 0 and "south" in output, "Inspector: calls a tool with what its login brought", output[-300:] if code else "")
    code, output = inspects.ended(inspects.start("stored", "--stored-auth-only", *call))
    judge(code == 0 and "south" in output, "Inspector: calls again with what it stored", output[-300:] if code else "")

    client, browser = oauth.Client(f"{base}/oauth", f"{base}/mcp"), Browser()
    client.register()
    token = client.tokens(browser, READ, ALICES)["access_token"]
    for era in ("legacy", "modern"):
        code, output = inspects.ended(inspects.start(f"bearer-{era}", "--stored-auth-only", "--protocol-era", era, "--header", f"Authorization: Bearer {token}", "--method", "tools/list"))
        judge(code == 0 and "list_stations" in output, f"Inspector: lists tools with a token that it is given ({era})", output[-300:] if code else "")


def by_hand(judge, base):
    """What the SDKs do not try."""
    client, browser = oauth.Client(f"{base}/oauth", f"{base}/mcp"), Browser()
    answer = client.register()
    judge(answer.status == 201 and answer.headers.get("cache-control") == "no-store" and not answer.json["client_id"].startswith("http"),
          "a registration is 201 and not to be stored", answer)
    code, verifier = client.code(browser, f"{READ} {WRITE}", BOBS, account=BOB)
    granted = client.redeem(code, verifier)
    judge.same(granted.json.get("scope"), READ, "bob is no writer: he gets what he may have, and is told")
    judge.same([oauth.call(f"{base}/mcp", granted.json.get("access_token"), name, **more).status
                for name, more in (("list_stations", {}), ("delete_station", {"id": "x"}))], [200, 403], "and his token does just that")
    again = client.redeem(code, verifier)
    judge(again.status == 400 and again.error == "invalid_grant", "a code is taken once", again)
    judge.same(oauth.call(f"{base}/mcp", granted.json.get("access_token")).status, 401, "and its second use takes back what the first gave")
    judge.same(client.refresh(granted.json.get("refresh_token")).error, "invalid_grant", "with its refresh token")

    url, *_ = client.authorize(READ)
    wrong, stranger = Browser(), Browser()
    page = wrong.open(url, client.redirect)
    known, unknown = (wrong.follow(wrong.log_in(page, account, "wrong"), client.redirect) for account in (ALICE, "nobody"))
    judge(known.status == unknown.status and known.words.replace(ALICE, "") == unknown.words.replace("nobody", "") and known.kind == "login",
          "a wrong password and an unknown account are answered alike", f"{known.status} {unknown.status}")
    form = page.read.forms[0]
    stranger.jar = {}
    taken = stranger.submit(page, form, None, text=ALICE, password=ALICES)
    judge(taken.status in (400, 403) and not taken.location, "a login form posted by another browser is refused", taken.status)
    form["fields"] = [field for field in form["fields"] if field["kind"] != "hidden" or field["name"] == "flow"]
    taken = wrong.submit(page, form, None, text=ALICE, password=ALICES)
    judge(taken.status in (400, 403) and not taken.location, "and one without its anti-forgery value", taken.status)
    page = wrong.open(url, client.redirect)
    foreign = page.read.forms[0]
    body = oauth.urllib.parse.urlencode([(f["name"], {"text": ALICE, "password": ALICES}.get(f["kind"], f["value"])) for f in foreign["fields"]])
    taken = wrong.request("POST", oauth.urllib.parse.urljoin(page.url, foreign["action"] or page.url), body, origin="https://evil.example")
    judge(taken.status in (400, 403) and not taken.location, "and one whose Origin is another page's", taken.status)
    page = browser.go(client.authorize(READ)[0], client.redirect, answer="deny")
    judge.same(oauth.came_with(page).get("error"), "access_denied", "who denies sends the client access_denied")
    page = browser.open(url.replace("33418%2Fcallback", "33418%2Fcallback2"), client.redirect)
    judge(page.status == 400 and not page.location and "text/html" in page.headers["content-type"], "a redirect URI that is not registered gets a page, no redirect", page.status)
