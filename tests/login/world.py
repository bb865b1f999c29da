"""What every part of the login run starts and how it says what it found: installed programs, gateways, the server behind them."""

import json
import os
import pathlib
import secrets
import shutil
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402
from real_parts import Process, filled, free_ports  # noqa: E402, F401

PARTS = real_parts.Parts(HERE)
# The Python environments are those of the interop run: one file pins them, one folder holds them.
INTEROP = real_parts.Parts(HERE.parent / "interop")
RUN = PARTS.run
NODE_OLDEST = 22        # the Inspector and the conformance suite want it

ALICE, ALICES = "alice", "correct horse battery staple"
BOB, BOBS = "bob", "tr0ub4dor&3 is shorter"
READ, WRITE, FORECASTS = "mcp:connect", "mcp:tools:write", "mcp:tools:read"
# alice is a writer, bob is not.
GRANTS = [{"groups": ["readers"], "scopes": [READ, FORECASTS]}, {"groups": ["writers"], "scopes": ["mcp:*"]}]


class Judge:
    """One PASS or FAIL line a claim, with its evidence."""

    def __init__(self):
        self.good, self.bad, self.part, self.lock = 0, [], "", threading.Lock()

    def begin(self, part, about):
        self.part, self.since = part, time.time()
        print(f"\n== {part}: {about} ==", flush=True)

    def end(self):
        print(f"     {time.time() - self.since:.0f} s", flush=True)

    def __call__(self, good, claim, evidence=""):
        with self.lock:
            if good:
                self.good += 1
            else:
                self.bad.append(f"{self.part}: {claim}")
            print(f"{'PASS' if good else 'FAIL'} {claim}{f' ({evidence})' if evidence != '' else ''}", flush=True)
        return bool(good)

    def same(self, found, expected, claim):
        return self(found == expected, claim, found if found == expected else f"found {found!r}, expected {expected!r}")


class World:
    """The programs that were installed and built."""

    def __init__(self, binary, python2, python1, node, modules):
        self.binary, self.python2, self.python1, self.node, self.modules = binary, python2, python1, node, modules

    def upstream(self, port, started):
        """FastMCP, which knows nothing of OAuth; the interop run's."""
        server = Process(PARTS, f"server-{port}", [self.python2, INTEROP.folder / "servers/fastmcp_server.py", port])
        started.append(server)
        server.ready(f"http://127.0.0.1:{port}/mcp", good=lambda status: status in (400, 405, 406))
        return server

    def accounts(self, folder):
        """Two local accounts, with hashes that the product made."""
        hashes = {}
        for name, password in ((ALICE, ALICES), (BOB, BOBS)):
            hashes[name] = PARTS.command("hash-password", self.binary, "hash-password", input=f"{password}\n").strip()
        rows = [{"name": ALICE, "password": hashes[ALICE], "groups": ["readers", "writers"], "display": "Alice of Accounts"},
                {"name": BOB, "password": hashes[BOB], "groups": ["readers"]}]
        (folder / "accounts.yaml").write_text(json.dumps({"accounts": rows}))
        return hashes

    def gateway(self, name, started, folder, ports, **values):
        """Writes gateway.yaml into the folder, has it checked, and starts a gateway; `values` replace what the template leaves open."""
        return self.run(name, started, self.configure(folder, ports, **values), ports)

    def run(self, name, started, config, ports):
        gateway = Process(PARTS, name, [self.binary, "run", "--config", config])
        started.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz", 30)
        return gateway

    def configure(self, folder, ports, **values):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "session.key").exists():
            (folder / "session.key").write_text(secrets.token_hex(32))
        defaults = {"LOGIN": {"accounts": "accounts.yaml"}, "REGISTRATION": {"dynamic": "open"}, "CLIENTS": [], "GRANTS": GRANTS,
                    "STORE": {"memory": True}, "TOKEN_CLAIMS": ["groups"], "REFRESH_GRACE": "0s", "PROXIED": False}
        written = {key: json.dumps(value) for key, value in {**defaults, **values}.items()}
        ports = {"PUBLIC": ports["GATEWAY"], **ports}
        config = folder / f"gateway-{ports['GATEWAY']}.yaml"
        config.write_text(filled(HERE / "gateway.yaml.in", {**ports, **written}))
        PARTS.command(f"check of {config.name}", self.binary, "check", "--config", config)
        return config


class Ended:
    """Ends what a part started, in the other order, and says how the gateways ended."""

    def __init__(self, judge, clean=True):
        self.judge, self.clean, self.started = judge, clean, []

    def __enter__(self):
        return self.started

    def __exit__(self, kind, fault, trace):
        for process in reversed(self.started):
            code = process.stop()
            if not process.name.startswith("gateway"):
                continue
            log = process.output()
            if self.clean:
                self.judge(code == 0, f"{process.name} stopped cleanly on SIGTERM", f"exit code {code}")
            self.judge("panicked" not in log, f"no panic in the log of {process.name}", f"{len(log.splitlines())} lines")
            self.judge("eyJ" not in log, f"no token in the log of {process.name}")


def until(what, secs=10, pause=0.05):
    """What `what` says when it says something true; None where it never did."""
    end = time.time() + secs
    while time.time() < end:
        if found := what():
            return found
        time.sleep(pause)
    return None


def log_lines(process):
    """The JSON lines of a process so far."""
    found = []
    for line in process.output().splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


# ---- what is installed ----

def apt(judge_name, needed):
    """Installs Debian's packages for programs that are missing; says which, where that is not possible."""
    missing = {package for program, package in needed.items() if not find(program)}
    if not missing:
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"{judge_name}: apt-get install {' '.join(sorted(missing))}", flush=True)
        PARTS.command("apt-get update", "apt-get", "update", "-qq")
        PARTS.command("apt-get install", "apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing),
                      env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if missing := sorted(package for program, package in needed.items() if not find(program)):
        PARTS.fail(f"missing: {' '.join(missing)} (Debian's names); install and run again")


def find(program):
    """Where a program is; Debian puts servers where not everybody's PATH looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def install():
    """(Python with SDK 2, with SDK 1, Node.js, the folder of the npm packages)"""
    apt("login", {"chromium": "chromium", "redis-server": "redis-server", "npm": "npm", "haproxy": "haproxy"})
    python2 = INTEROP.environment("sdk2", "requirements.txt", "constraints.txt")
    python1 = INTEROP.environment("sdk1", "requirements-sdk1.txt", "constraints-sdk1.txt")
    folder = PARTS.npm_ci("npm", "npm", said="npm packages of npm/package-lock.json")
    for script in ("sdk/flow.mjs", "sdk/window.mjs", "idp/server.mjs", "chromium/walk.mjs", "chromium/chains.mjs"):
        shutil.copy(HERE / script, folder / pathlib.Path(script).name.replace("server", "idp"))
    return python2, python1, node(folder / "node_modules"), folder


def node(modules):
    """The Node.js that was installed, where there is one for this machine; else the machine's."""
    for found in sorted(modules.glob("node-*/bin/node")):
        return found
    found = shutil.which("node")
    number, version = real_parts.node_version(found)
    return found if number >= NODE_OLDEST else PARTS.fail(f"needs Node.js {NODE_OLDEST} or newer; found {version or 'none'}")
