"""Installs, builds, starts and stops what the conformance run needs. Only what was started here is ever stopped."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = HERE / ".work"
RUN = WORK / "run"
ISSUER = "https://issuer.example"
SCOPE = "mcp:connect mcp:tools mcp:resources mcp:prompts mcp:extensions"
NODE_OLDEST = 22        # both suites use fs.globSync


def fail(message):
    sys.exit(f"conformance: {message}")


def command(what, *args, **kw):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
    if done.returncode:
        fail(f"{what} failed ({done.returncode}): {' '.join(map(str, args))}\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


# ---- what is installed and built ----

def install():
    """The suites as npm/package-lock.json pins them; returns the folder."""
    folder, stamp = WORK / "npm", WORK / "npm.stamp"
    state = hashlib.sha256((HERE / "npm/package-lock.json").read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == state):
        began = time.time()
        print("installing the suites …", flush=True)
        stamp.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "npm" / name, folder)
        command("npm ci", "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
        stamp.write_text(state)
        print(f"installed the suites in {time.time() - began:.0f} s", flush=True)
    return folder / "node_modules"


def node(modules):
    """The Node.js that was installed, where there is one for this machine; else the machine's."""
    for found in sorted(modules.glob("node-*/bin/node")):
        return found
    found = shutil.which("node")
    version = subprocess.run([found, "--version"], stdout=subprocess.PIPE, text=True).stdout.strip() if found else ""
    if version.startswith("v") and int(version[1:].split(".")[0]) >= NODE_OLDEST:
        return found
    return fail(f"needs Node.js {NODE_OLDEST} or newer; found {version or 'none'}")


def build(named, examples):
    """The gateway, unless it is named, and the examples."""
    what = ["--bin", "portcullis"] if not named else []
    for example in examples:
        what += ["--example", example]
    print(f"building: cargo build --locked {' '.join(what)}", flush=True)
    if subprocess.run(["cargo", "build", "--locked", "--quiet", *what], cwd=ROOT).returncode:
        fail("the build failed")
    about = command("cargo metadata", "cargo", "metadata", "--format-version", "1", "--no-deps", "--locked", cwd=ROOT)
    target = pathlib.Path(json.loads(about)["target_directory"]) / "debug"
    gateway = pathlib.Path(named).resolve() if named else target / "portcullis"
    if not os.access(gateway, os.X_OK):
        fail(f"{gateway} is not executable")
    return gateway, [target / "examples" / example for example in examples]


# ---- what runs ----

class Process:
    """One child, its log, and its end."""

    def __init__(self, name, *args, **kw):
        self.name, self.log = name, RUN / f"{name}.log"
        self.file = open(self.log, "wb")
        self.child = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=self.file,
                                      stderr=subprocess.STDOUT, **kw)

    def ready(self, url, secs=30):
        """Waits until the URL is answered, whatever the answer."""
        until = time.time() + secs
        while time.time() < until:
            if self.child.poll() is not None:
                fail(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            try:
                return urllib.request.urlopen(url, timeout=2).status
            except urllib.error.HTTPError as e:
                if e.code != 503:
                    return e.code
            except OSError:
                pass
            time.sleep(0.05)
        return fail(f"{self.name} did not get ready within {secs} s ({url}):\n{self.tail()}")

    def tail(self, lines=25):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, secs=20):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(secs)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.file.close()
        return self.child.returncode


def free_ports(*names):
    held = [socket.socket() for _ in names]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = {name: s.getsockname()[1] for name, s in zip(names, held)}
    for s in held:
        s.close()
    return ports


def configuration(template, folder, values):
    text = (HERE / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    path = folder / "gateway.yaml"
    path.write_text(text)
    return path


def tokens(node, folder, resources):
    """Makes the issuer's key beside gateway.yaml, and a token for each resource."""
    return command("token.mjs", node, HERE / "token.mjs", folder, ISSUER, SCOPE, *resources).split()
