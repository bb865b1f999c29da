"""Sign-in when a call needs it (`public: true`): 5,000 mutated requests without a token at two real servers, and the whole flow with four SDK clients."""

import json
import posixpath
import random
import secrets
import sys
import threading
import time
import urllib.parse

from mutate import HELLO, Mutator, asked, framed
from world import ATTACKS, LOGIN, PARTS, RUN, Ended, Process, free_ports, sdk_client, until

sys.path += [str(LOGIN.folder), str(ATTACKS.folder)]
import oauth  # noqa: E402
from http1 import Connection  # noqa: E402
from person import Browser  # noqa: E402

PASSWORD = "correct horse battery staple"
CLIENTS = {"py2": "Python mcp", "py1": "Python mcp", "ts2": "TypeScript client", "ts1": "TypeScript sdk"}
SERVERS = {"ts": "TypeScript SDK server", "py": "Python SDK server"}
BODIES, DIRECTLY, SEED = 5000, 300, 20261129
RULES = [
    {"tools": ["hidden"], "deny": True},
    {"tools": ["safe"], "public": True},
    {"tools": ["danger", "danger_work"], "scopes": ["danger:run"]},
    {"tools": ["work", "announce"]},
    {"resources": ["file:///pub/**"], "public": True},
    {"resources": ["file:///secret/**"], "scopes": ["secret:read"]},
    {"prompts": ["greet"], "public": True},
    {"prompts": ["forbidden"], "scopes": ["danger:run"]},
]
CONNECT, RUNS = "mcp:connect", "danger:run"
# What passes without a token and names no target.
OPEN = {"initialize", "server/discover", "ping", "notifications/initialized", "notifications/cancelled", "tools/list", "prompts/list", "resources/list",
        "resources/templates/list"}


def play(judge, world):
    folder, ports = RUN / "lazy", free_ports("GATEWAY", "ADMIN")
    folder.mkdir()
    base = f"http://127.0.0.1:{ports['GATEWAY']}"
    with Ended(judge) as started:
        servers = {"ts": Server("ts", world.programs.server, started),
                   "py": Server("py", [world.programs.python2, ATTACKS.folder / "upstreams/py_server.py"], started)}
        gateway = Process(PARTS, "gateway-lazy", [world.binary, "run", "--config", configure(world, folder, ports, base, servers)])
        started.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz", 30)
        hostile(judge, base, ports, servers, gateway)
        for name, server in servers.items():
            clients(judge, world, started, folder / name, base, server)
        judge(PASSWORD not in gateway.output(), "no password is in the gateway's log")


class Server:
    """One of the attack run's: it knows nothing of users, and writes down what reaches it and what it does."""

    def __init__(self, name, program, started):
        self.name, self.notes = name, RUN / f"lazy-{name}.jsonl"
        self.notes.touch()
        process = Process(PARTS, f"lazy-{name}", [*program, self.notes])
        started.append(process)
        said = until(lambda: next((line for line in process.output().splitlines() if line.startswith("port ")), None), 30)
        self.port = int(said.split()[1]) if said else PARTS.fail(f"{process.name} did not start:\n{process.tail()}")

    def mark(self):
        return self.notes.stat().st_size

    def since(self, mark, kind=None):
        with open(self.notes, "rb") as file:
            file.seek(mark)
            records = [json.loads(line) for line in file.read().splitlines()]
        return [record for record in records if kind in (None, record["kind"])]


def configure(world, folder, ports, base, servers):
    hashed = PARTS.command("hash-password", world.binary, "hash-password", input=f"{PASSWORD}\n").strip()
    (folder / "accounts.yaml").write_text(json.dumps({"accounts": [{"name": "alice", "password": hashed}]}))
    (folder / "session.key").write_text(secrets.token_hex(32))
    embedded = {"path": "/oauth", "login": {"accounts": "accounts.yaml"}, "registration": {"dynamic": "open"},
                "grants": [{"scopes": ["mcp:*", "danger:*", "secret:*"]}], "store": {"memory": True}}

    def served(server, path):
        open_too = {"batches": "2025-03-26"} if path == "open" else {}
        return {"path": f"/{server.name}/{path}", "upstream": {"url": f"http://127.0.0.1:{server.port}/{path}"}, "scopes": [CONNECT], "rules": RULES,
                "identity_headers": {"x-auth-subject": "sub"}, **open_too}

    written = {"public_url": base, "listen": [{"address": f"127.0.0.1:{ports['GATEWAY']}"}], "admin": {"address": f"127.0.0.1:{ports['ADMIN']}"},
               "authorization_servers": {"own": {"embedded": embedded}}, "session_keys": ["file:session.key"], "log": {"format": "json", "level": "warn"},
               "servers": {f"{name}-{path}": served(server, path) for name, server in servers.items() for path in ("mcp", "open")}}
    config = folder / "gateway.yaml"
    config.write_text(json.dumps(written))
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", config)
    return config


# ---- mutated requests ----

def hostile(judge, base, ports, servers, gateway):
    """Both servers at once, from one connection each."""
    victims = {name: Victim(judge, base, server) for name, server in servers.items()}
    marks, results, began = {name: server.mark() for name, server in servers.items()}, {}, time.time()
    senders = [threading.Thread(target=lambda name=name: results.update({name: send(base, ports["GATEWAY"], name, victims[name])})) for name in servers]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took = time.time() - began
    for name, server in servers.items():
        judged(judge, SERVERS[name], results.get(name), server.since(marks[name]), victims[name])
        victims[name].still(judge)
        control(judge, server)
    ready = oauth.ask("GET", f"http://127.0.0.1:{ports['ADMIN']}/readyz").status
    judge(gateway.child.poll() is None and ready == 200, "the gateway is up and ready after all of them", f"{took:.0f} s")


class Victim:
    """alice, with a session that began with her token and one that she took over; `ids` are all names that these have anywhere."""

    def __init__(self, judge, base, server):
        self.server, self.path, self.url = server, f"/{server.name}/mcp", f"{base}/{server.name}/mcp"
        client = oauth.Client(f"{base}/oauth", self.url)
        client.register()
        self.token = client.tokens(Browser(), f"{CONNECT} {RUNS}", PASSWORD)["access_token"]
        mark = server.mark()
        self.sessions = [begin(self.url, self.token), begin(self.url)]
        did = [self.calls(session) for session in self.sessions]
        heads = [dict(zip(*[iter(record["headers"])] * 2)) for record in server.since(mark, "request")]
        self.upstream = {value for head in heads for field, value in head.items() if field.lower() == "mcp-session-id"}
        self.ids = [*self.sessions, *sorted(self.upstream)]
        judge(did == [200, 200] and len(self.upstream) == 2, f"{SERVERS[server.name]}: alice has a session of her token, and one that began without it", did)

    def calls(self, session):
        return post(self.url, asked("tools/call", {"name": "danger", "arguments": {}}), session, self.token).status

    def still(self, judge):
        did = [self.calls(session) for session in self.sessions]
        judge.same(did, [200, 200], f"{SERVERS[self.server.name]}: and her sessions are hers still")


def post(url, message, session=None, token=None):
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "mcp-protocol-version": HELLO["protocolVersion"]}
    headers |= {"mcp-session-id": session} if session else {}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    return oauth.ask("POST", url, json.dumps(message), headers)


def begin(url, token=None):
    session = post(url, asked("initialize", HELLO), token=token).headers.get("mcp-session-id")
    post(url, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session, token)
    return session


def send(base, port, name, victim):
    """What came of each request: how many of each status, and the odd ones."""
    dice, connection, statuses, odd = random.Random(f"{SEED} {name}"), None, {}, []
    mutators = [Mutator(dice, victim.path, f"127.0.0.1:{port}", [begin(victim.url), *victim.ids]), Mutator(dice, f"/{name}/open", f"127.0.0.1:{port}", [])]
    for number in range(BODIES):
        request, reframed = mutators[number % 2].one()
        connection = connection or Connection(port)
        connection.until = time.monotonic() + 15
        connection.send(request)
        answer = connection.answer()
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        if answer.status == 0 or answer.status >= 500:
            odd.append(f"{number}: {answer} to {request!r}")
        if reframed or answer.closed or not answer.whole or answer.status == 0 or "close" in (answer.get("connection") or "") or b"\nConnection:" in request:
            connection.close()
            connection = None
    return dict(sorted(statuses.items())), odd


def judged(judge, who, result, records, victim):
    """By what the server wrote down."""
    statuses, odd = result or ({}, ["the sender ended early"])
    requests = [record for record in records if record["kind"] == "request"]
    did = [record["what"] for record in records if record["kind"] == "did"]
    judge(sum(statuses.values()) == BODIES and not odd, f"{who}: {BODIES} mutated requests without a token are all answered, by no fault", odd[:3] or statuses)
    judge(len(requests) > BODIES / 20 and statuses.get(401, 0) > BODIES / 4 and {"tool safe", "resource file:///pub/a", "prompt greet"} <= set(did),
          f"{who}: they test something: some pass, many are refused", f"{len(requests)} reached it, {len(did)} ran something")
    beyond = [what for what in did if not is_public_deed(what)]
    judge(not beyond, f"{who}: no tool, resource or prompt ran that is not public", beyond[:3] or {what: did.count(what) for what in sorted(set(did))[:6]})
    beyond = [record["body"] for record in requests if not is_public_body(record)]
    judge(not beyond, f"{who}: nothing reached it but what may come without a token", beyond[:3] or f"{len(requests)} bodies read again")
    fields = [(field.lower(), value) for record in records if "headers" in record for field, value in zip(*[iter(record["headers"])] * 2)]
    taken = [value for field, value in fields if field == "mcp-session-id" and value in victim.ids]
    judge(not taken, f"{who}: no session of alice was used", taken[:3] or f"{len({value for field, value in fields if field == 'mcp-session-id'})} others")
    claims = [pair for pair in fields if pair[0] in ("authorization", "proxy-authorization", "x-forwarded-user", "x-original-url", "cookie", "last-event-id")
              or pair[0].replace("_", "-") in ("x-auth-subject", "x-http-method-override")]
    judge(not claims, f"{who}: none carried an identity or a credential", claims[:3])


def is_public_deed(what):
    kind, _, target = what.partition(" ")
    if kind == "resource":
        return is_public_uri(target)
    return what in ("tool safe", "prompt greet")


def is_public_uri(uri):
    """As a careless server might read it: without escapes and steps upwards."""
    path = posixpath.normpath(urllib.parse.unquote(uri).replace("\\", "/"))
    return path.startswith(("file:/pub/", "file:///pub/"))


def is_public_body(record):
    """Whether a request that reached a server is one of those that need no token; read strictly, so that it has one meaning."""
    if record["method"] != "POST":
        return False

    def once(pairs):
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    try:
        read = json.loads(record["body"].encode("latin-1"), object_pairs_hook=once)
    except ValueError:
        return False
    return all(map(is_public, read if isinstance(read, list) else [read])) and read != []


def is_public(message):
    method, params = message.get("method"), message.get("params") or {}
    if method in OPEN:
        return True
    name, uri = (params.get(key) if isinstance(params, dict) else None for key in ("name", "uri"))
    wanted = {"tools/call": name == "safe" and params.get("task") is None, "prompts/get": name == "greet", "resources/read": isinstance(uri, str) and is_public_uri(uri)}
    return wanted.get(method, False)


def control(judge, server):
    """The same kind of requests, sent straight to the server: there they do reach what is not public."""
    mark, mutator = server.mark(), Mutator(random.Random(f"{SEED} direct"), "/open", f"127.0.0.1:{server.port}", [])
    for _ in range(DIRECTLY):
        request, reframed = mutator.one()
        if reframed or b"POST /open HTTP" not in request:
            continue
        connection = Connection(server.port)
        connection.until = time.monotonic() + 2
        connection.send(request)
        connection.answer()
        connection.close()
    beyond = [record["what"] for record in server.since(mark, "did") if not is_public_deed(record["what"])]
    judge(beyond, f"{SERVERS[server.name]}: sent straight to it, such requests run what is not public", f"{len(beyond)} of {DIRECTLY}: {', '.join(sorted(set(beyond)))[:200]}")


# ---- clients ----

def clients(judge, world, started, folder, base, server):
    folder.mkdir()
    told = ["--calls", json.dumps([["safe", {}], ["danger", {}]]), "--public", json.dumps(["file:///pub/a", "greet"])]
    playing = {name: (sdk_client(world, folder, name, "lazy", f"{base}/{server.name}/mcp", PASSWORD, *told), server.mark()) for name in CLIENTS}
    started += [client for client, _ in playing.values()]
    for name, (client, _) in playing.items():
        until(lambda: client.child.poll() is not None, 90, 0.1)
        story(judge, base, server, name, folder, client.stop(), client)


def story(judge, base, server, name, folder, code, client):
    report, url = folder / f"{name}.json", f"{base}/{server.name}/mcp"
    told = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "steps": []}
    who = f"{CLIENTS[name]} {told['sdk']} at the {SERVERS[server.name]}"
    steps = {step["name"]: step for step in told["steps"]}
    if not judge(code == 0, f"{who}: played its story to the end"):
        print("\n".join([f"     {step['name']}: {step['error']}" for step in told["steps"] if step.get("error")] or [client.tail()]))
    anonymous, signed, after = (steps.get(step, {"exchanges": [], "pages": []}) for step in ("anonymous", "sign-in", "after"))

    # Newer SDKs first ask whether the server is of 2026-07-28; what an older one says to that is its own 400.
    made = [(x["method"], x["url"], x["status"]) for x in anonymous["exchanges"] if (x.get("rpc"), x["status"]) != ("server/discover", 400)]
    judge(made and all(to == url and status in (200, 202, 405) for _, to, status in made) and not any(x["bearer"] for x in anonymous["exchanges"]),
          f"{who}: connects without a token, and meets no 401", f"{anonymous.get('agreed')}: {' '.join(f'{method} {status}' for method, _, status in made)}")
    judge({"safe", "danger"} <= set(anonymous.get("tools", [])) and "hidden" not in anonymous.get("tools", []) and "file:///pub/a" in anonymous.get("resources", [])
          and "greet" in anonymous.get("prompts", []), f"{who}: lists what a sign-in could open, without what is denied to all", " ".join(anonymous.get("tools", [])))
    judge.same([anonymous.get(key) for key in ("result", "read", "prompt")], ["safe was run", "pub", "greet"], f"{who}: calls a public tool, reads a resource, gets a prompt")

    refused = next((x for x in signed["exchanges"] if x["status"] == 401), {})
    judge(refused.get("rpc") == "tools/call danger" and f'scope="{CONNECT} {RUNS}"' in (refused.get("challenge") or "") and "error=" not in refused["challenge"],
          f"{who}: the protected call is 401 and names its scopes", refused.get("challenge"))
    issuer = f"{base}/oauth"
    expected = [("POST", url, 401), ("GET", f"{base}/.well-known/oauth-protected-resource/{server.name}/mcp", 200),
                ("GET", f"{base}/.well-known/oauth-authorization-server/oauth", 200), ("POST", f"{issuer}/register", 201), ("BROWSER", f"{issuer}/authorize", 200),
                ("POST", f"{issuer}/token", 200), ("POST", url, 200)]
    made = [(x["method"], x["url"], x["status"]) for x in signed["exchanges"] if x["method"] != "GET" or x["url"] != url]
    judge(made == expected, f"{who}: metadata, registration, browser, token, and the same call again",
          " ".join(str(status) for *_, status in made) if made == expected else made)
    pages = [page["kind"] for page in signed["pages"]]
    judge(pages == ["login", "consent"] and {CONNECT, RUNS} <= set((signed.get("scope") or "").split()), f"{who}: one sign-in with both scopes", f"{pages} {signed.get('scope')}")
    judge.same(signed.get("result"), "danger was run", f"{who}: the retry succeeds in the same client")
    calls = [x for x in after["exchanges"] if x["method"] == "POST"]
    judge(after.get("result") == "safe was rundanger was run" and calls and all(x["bearer"] and x["status"] == 200 and x["url"] == url for x in calls) and not after["pages"],
          f"{who}: what follows needs no further sign-in", " ".join(x["rpc"] for x in calls))
    sessions(judge, who, server, url, anonymous, [*signed["exchanges"], *after["exchanges"]])


def sessions(judge, who, server, url, anonymous, later):
    """Of the era with sessions: the one that began without a token goes on, and is the client's alone."""
    before, since = ({x["session"] for x in exchanges if x.get("session")} for exchanges in (anonymous["exchanges"], later))
    if (anonymous.get("agreed") or "") >= "2026":
        return judge(not before | since, f"{who}: no session in this era", anonymous["agreed"])
    judge(len(before) == 1 and before == since, f"{who}: the session that began without a token goes on with it", f"{len(before)} before, {len(since)} since")
    mark = server.mark()
    found = [post(url, asked(method, params), session).status for session in before for method, params in (("tools/list", {}), ("tools/call", {"name": "safe", "arguments": {}}))]
    return judge(found == [404, 404] and not server.since(mark), f"{who}: without its token the session is 404, and nothing reaches the server", found)
