"""Windows of one client refresh at the same moment: Python and TypeScript SDKs side by side, two replicas behind haproxy, an IdP that detects reuse."""

import json
import os

import oauth
from parts.bridge import Documents, provider
from parts.replicas import server
from person import Browser
from world import HERE, PARTS, READ, RUN, Ended, Process, find, free_ports, log_lines, until

ROUNDS = 5
PAIRS = [("py2", "py2"), ("py1", "py1"), ("ts2", "ts2"), ("ts1", "ts1"), ("py2", "ts2"), ("py1", "ts1")]
MAPPED = [{"claims": {"groups": ["staff"]}, "scopes": [READ]}]
REGISTRATION = {"dynamic": "open", "client_id_documents": {"hosts": ["localhost"], "allow_loopback": True}}

HAPROXY = """global
    log stdout format raw local0
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend public
    bind 127.0.0.1:{PUBLIC}
    default_backend replicas
backend replicas
    balance roundrobin
    server a 127.0.0.1:{A} send-proxy-v2
    server b 127.0.0.1:{B} send-proxy
"""


def play(judge, world):
    folder, ports = RUN / "windows", free_ports("PUBLIC", "A", "ADMIN_A", "B", "ADMIN_B", "UPSTREAM", "REDIS", "IDP")
    folder.mkdir()
    base = f"http://127.0.0.1:{ports['PUBLIC']}"
    with Ended(judge) as started, Documents() as documents:
        login, _ = provider(world, started, folder, ports["IDP"], f"{base}/oauth/callback")
        idp = started[-1]
        world.upstream(ports["UPSTREAM"], started)
        server(started, folder, ports["REDIS"])
        store = {"redis": f"redis://127.0.0.1:{ports['REDIS']}/0"}
        replicas = {name: {**ports, "GATEWAY": ports[name], "ADMIN": ports[f"ADMIN_{name}"]} for name in "AB"}
        configs = {name: world.configure(folder, of, LOGIN=login, GRANTS=MAPPED, STORE=store, REFRESH_GRACE="30s", PROXIED=True, REGISTRATION=REGISTRATION)
                   for name, of in replicas.items()}
        running = {}

        def restarted(again=""):
            for name, config in configs.items():
                if name in running:
                    judge(running[name].stop() == 0, f"gateway-window-{name} stopped cleanly for its restart")
                    started.remove(running[name])
                running[name] = world.run(f"gateway-window-{name}{again}", started, config, replicas[name])

        restarted()
        (folder / "haproxy.cfg").write_text(HAPROXY.format(**ports))
        proxy = Process(PARTS, "haproxy", [find("haproxy"), "-db", "-f", folder / "haproxy.cfg"])
        started.append(proxy)
        proxy.ready(f"{base}/.well-known/oauth-authorization-server/oauth")
        for pair in PAIRS:
            windows(judge, world, started, folder, base, pair)
        for pair in (("ts2", "ts1"), ("py2", "py1")):
            url = documents.serve("windows.json", "Windows", [oauth.REDIRECT])
            windows(judge, world, started, folder, base, pair, lambda pair=pair: away(documents, restarted, "-".join(pair)), documents, url)
        asked = [line for line in log_lines(idp) if line.get("grant_type") == "refresh_token"]
        refused = [line for line in asked if line["status"] != 200]
        judge(asked and not refused, "the IdP, which ends a session whose refresh token comes twice, saw each of them once", f"{len(asked)} refreshes, {len(refused)} refused")


def away(documents, restarted, again):
    """The host of the client's document fails, and no replica has it in memory."""
    documents.down = True
    restarted(f"-{again}")


def windows(judge, world, started, folder, base, pair, signed_in=None, documents=None, url=None):
    """Two windows and one file of tokens, some rounds. With `documents`, the host of the client's own document fails from the sign-in on."""
    who, mine = " and ".join(pair) + (" with a client document" if url else ""), folder / "-".join(pair)
    mine.mkdir()
    client = oauth.Client(f"{base}/oauth", f"{base}/mcp", url)
    registered = json.loads(documents.held["/windows.json"]) if url else client.register().json
    tokens = client.tokens(Browser(), READ, "any")
    if url:
        signed_in()
        before = documents.asked
    store = mine / "tokens.json"
    store.write_text(json.dumps({"client": registered, "tokens": tokens}))
    opened = [window(world, started, mine, base, store, kind, f"{number}") for number, kind in enumerate(pair)]
    until(lambda: all((mine / f"ready-{name}").exists() for name in range(len(pair))), 30)
    told, same, apart = [], 0, 0
    for number in range(ROUNDS):
        (mine / f"go-{number}").touch()
        done = [mine / f"done-{number}-{name}" for name in range(len(pair))]
        until(lambda: all(file.exists() for file in done), 30, 0.005)
        told.append([json.loads(file.read_text()) if file.exists() else {"error": opened[at].tail()} for at, file in enumerate(done)])
        # A window that was late may have begun with the other's new token.
        if len({said.get("began") for said in told[-1]}) == 1:
            same += 1
            apart += len({said.get("refresh_token") for said in told[-1]}) != 1
    bad = [said for round in told for said in round if said.get("status") != 200 or not said.get("refreshed")]
    judge(not bad, f"{who}: all refresh at the same moment and call, {ROUNDS} times", f"{2 * ROUNDS} refreshes" if not bad else bad[:3])
    judge(same and not apart, f"{who}: and where both began with the same refresh token, both end with the same", f"{same} times, {apart} of them apart")
    last = client.refresh(json.loads(store.read_text())["tokens"]["refresh_token"])
    judge(last.status == 200, f"{who}: and their login goes on", last)
    if url:
        judge(documents.asked > before, f"{who}: while the document's host answers 503", f"{documents.asked - before} times")
        documents.down = False


def window(world, started, mine, base, store, kind, name):
    told = ["--url", f"{base}/mcp", "--store", store, "--go", mine, "--name", name, "--rounds", ROUNDS]
    if kind.startswith("py"):
        program = [world.python2 if kind == "py2" else world.python1, HERE / "sdk/window.py", *told]
    else:
        program = [world.node, world.modules / "window.mjs", "--sdk", kind[-1], *told]
    opened = Process(PARTS, f"window-{mine.name}-{name}", program, env={**os.environ, "NODE_NO_WARNINGS": "1"})
    started.append(opened)
    return opened
