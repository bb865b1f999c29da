"""What every part of the login run starts and how it says what it found: installed programs, gateways, the server behind them."""

import json
import pathlib
import secrets
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402
from real_judge import Ended, log_lines, play, until  # noqa: E402, F401
from real_parts import ROOT, Process, filled, find, free_ports  # noqa: E402, F401

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


# ---- what is installed ----

def install():
    """(Python with SDK 2, with SDK 1, Node.js, the folder of the npm packages)"""
    PARTS.apt({"chromium": "chromium", "redis-server": "redis-server", "npm": "npm", "haproxy": "haproxy"})
    python2 = INTEROP.environment("sdk2", "requirements.txt", "constraints.txt")
    python1 = INTEROP.environment("sdk1", "requirements-sdk1.txt", "constraints-sdk1.txt")
    folder = PARTS.npm_ci("npm", "npm", said="npm packages of npm/package-lock.json")
    for script in ("sdk/flow.mjs", "sdk/window.mjs", "idp/server.mjs", "idp/opaque.mjs", "chromium/walk.mjs", "chromium/chains.mjs"):
        shutil.copy(HERE / script, folder / pathlib.Path(script).name.replace("server", "idp"))
    return python2, python1, PARTS.node_among(folder / "node_modules", NODE_OLDEST), folder
