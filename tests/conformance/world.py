"""Installs, builds, starts and stops what the conformance run needs. Only what was started here is ever stopped."""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402

PARTS = real_parts.Parts(HERE)
ISSUER = "https://issuer.example"
SCOPE = "mcp:connect mcp:tools mcp:resources mcp:prompts mcp:extensions"
NODE_OLDEST = 22        # both suites use fs.globSync


# ---- what is installed and built ----

def install():
    """The suites as npm/package-lock.json pins them; returns the folder."""
    return PARTS.npm_ci("npm", "npm", said="the suites") / "node_modules"


def node(modules):
    """The Node.js that was installed, where there is one for this machine; else the machine's."""
    for found in sorted(modules.glob("node-*/bin/node")):
        return found
    found = shutil.which("node")
    number, version = real_parts.node_version(found)
    return found if number >= NODE_OLDEST else PARTS.fail(f"needs Node.js {NODE_OLDEST} or newer; found {version or 'none'}")


def build(named, examples):
    """The gateway, unless it is named, and the examples."""
    what = ["--bin", "portcullis"] if not named else []
    for example in examples:
        what += ["--example", example]
    print(f"building: cargo build --locked {' '.join(what)}", flush=True)
    if subprocess.run(["cargo", "build", "--locked", "--quiet", *what], cwd=real_parts.ROOT).returncode:
        PARTS.fail("the build failed")
    target = PARTS.built()
    gateway = PARTS.executable(pathlib.Path(named).resolve() if named else target / "portcullis")
    return gateway, [target / "examples" / example for example in examples]


# ---- what runs ----

class Process(real_parts.Process):
    """One child that is ready as soon as its URL is answered, whatever the answer."""

    def __init__(self, name, *args):
        super().__init__(PARTS, name, args)

    def ready(self, url):
        return super().ready(url, 30, lambda status: status != 503)


def configuration(template, folder, values):
    path = folder / "gateway.yaml"
    path.write_text(real_parts.filled(HERE / template, values))
    return path


def tokens(node, folder, resources):
    """Makes the issuer's key beside gateway.yaml, and a token for each resource."""
    return PARTS.command("token.mjs", node, HERE / "token.mjs", folder, ISSUER, SCOPE, *resources).split()
