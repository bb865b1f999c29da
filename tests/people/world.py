"""What every part of the people run starts and how it says what it found: installed programs, tokens of pretended providers, guides."""

import dataclasses
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402
from real_judge import Ended, log_lines, play, until  # noqa: E402, F401
from real_parts import ROOT, Process, filled, find, free_ports  # noqa: E402, F401

PARTS = real_parts.Parts(HERE)
# The npm packages are those of the login run: one file pins them, one folder holds them.
LOGIN = real_parts.Parts(HERE.parent / "login")
# The Python SDKs are those of the interop run, the TypeScript server is that of the attack run.
INTEROP = real_parts.Parts(HERE.parent / "interop")
ATTACKS = real_parts.Parts(HERE.parent / "attacks")
RUN = PARTS.run
NODE_OLDEST = 22        # the Inspector wants it


@dataclasses.dataclass
class Programs:
    """What was installed: Python with LangGraph and FastMCP, Node.js, the folder of the npm packages, Python with each SDK, the TypeScript server."""

    python: pathlib.Path
    node: pathlib.Path
    modules: pathlib.Path
    python2: pathlib.Path
    python1: pathlib.Path
    server: list


class World:
    """The binary and the programs that were installed."""

    def __init__(self, binary, programs):
        self.binary, self.programs = binary, programs

    def early(self, name):
        """A Python with an SDK of 2025-03-26."""
        return PARTS.environment(name, f"requirements-{name}.txt", f"constraints-{name}.txt")


def install():
    PARTS.apt({"npm": "npm", "curl": "curl", "nginx": "nginx", "haproxy": "haproxy", "openssl": "openssl", "chromium": "chromium"})
    python = PARTS.environment("langgraph", "requirements.txt", "constraints.txt")
    modules = LOGIN.npm_ci("npm", "npm", said="npm packages of tests/login/npm/package-lock.json")
    shutil.copy(HERE / "browser/browser.mjs", modules)
    shutil.copy(LOGIN.folder / "sdk/flow.mjs", modules)
    python2 = INTEROP.environment("sdk2", "requirements.txt", "constraints.txt")
    python1 = INTEROP.environment("sdk1", "requirements-sdk1.txt", "constraints-sdk1.txt")
    node, folder = ATTACKS.packages("ts", "upstreams/ts", ["upstreams/ts/server.mjs"])
    return Programs(python, LOGIN.node_among(modules / "node_modules", NODE_OLDEST), modules, python2, python1, [node, folder / "server.mjs"])


def sdk_client(world, folder, name, about, url, password, *told):
    """Starts a client of that SDK (py2, py1, ts2, ts1) with what it brings for OAuth; it plays its story as alice and writes {name}.json."""
    told = ["--url", url, "--report", folder / f"{name}.json", "--jar", folder / f"{name}.jar", "--name", f"{about} {name}", "--account", "alice", *told]
    if name.startswith("py"):
        program = [world.programs.python2 if name == "py2" else world.programs.python1, LOGIN.folder / "sdk/flow.py", *told]
    else:
        program = [world.programs.node, world.programs.modules / "flow.mjs", "--sdk", name[-1], "--python", sys.executable, "--person", LOGIN.folder / "person.py", *told]
    return Process(PARTS, f"client-{folder.name}-{name}", program, env={**os.environ, "PASSWORD": password, "NODE_NO_WARNINGS": "1"})


class Guide:
    """The blocks of a guide in docs/, with the places of this run in the place of those that it names."""

    def __init__(self, name, places):
        self.text = (ROOT / "docs" / name).read_text()
        for written, here in places.items():
            if written not in self.text:
                PARTS.fail(f"docs/{name} does not say {written!r}")
            self.text = self.text.replace(written, here)

    def blocks(self, language):
        """The blocks between fences that name this language; between bare fences where it is empty."""
        found, inside, lines = [], None, []
        for line in self.text.splitlines():
            if not line.startswith("```"):
                lines.append(line)
            elif inside is None:
                inside, lines = line[3:].strip(), []
            else:
                if inside == language:
                    found.append("\n".join(lines) + "\n")
                inside = None
        return found

    def block(self, language, holding):
        """The one block of this language that holds these words."""
        found = [block for block in self.blocks(language) if holding in block]
        if len(found) != 1:
            PARTS.fail(f"{len(found)} blocks of {language} in the guide hold {holding!r}; expected one")
        return found[0]
