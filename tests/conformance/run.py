"""Runs the official MCP conformance suite against one server, directly and through the gateway. Started by `run`.

One PASS or FAIL line a set, with numbers and every check that differs; the exit code is 0 only when every line says PASS.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import lists
from compare import differences, judged, results, tally, wrong
from world import HERE, PARTS, Process, build, configuration, install, node, real_parts, tokens

RUN = PARTS.run
SUITE_SECS = 180
NEW, OLD = "conformance-0.2", "conformance-0.1"
SKILLS = ("directory", "enumeration", "manifest")
SETS = {                # name: the suite, and one list of arguments for each time it is started
    "2026-07-28": (NEW, [["--requirements", "2026-07-28"]]),
    "2025-11-25": (NEW, [["--requirements", "2025-11-25"]]),
    "2025-06-18": (NEW, [["--suite", "all", "--spec-version", "2025-06-18"]]),
    "2025-03-26": (NEW, [["--suite", "all", "--spec-version", "2025-03-26"]]),
    "skills": (NEW, [["--scenario", f"sep-2640-skills-{s}", "--spec-version", "2026-07-28", "--force"] for s in SKILLS]),
    "0.1.16 active": (OLD, [[]]),
    "0.1.16 all": (OLD, [["--suite", "all"]]),
}
# Client scenarios: the suite's server, a real client, and the gateway between them.
SANDWICH = {
    "2025-06-18": ["initialize", "tools_call"],
    "2025-11-25": ["initialize", "tools_call", "sse-retry", "elicitation-sep1034-client-defaults",
                   "json-schema-2020-12-preservation"],
    "2026-07-28": ["tools_call", "request-metadata", "http-standard-headers", "http-custom-headers",
                   "http-invalid-tool-headers", "sep-2322-client-request-state", "json-schema-ref-no-deref",
                   "json-schema-2020-12-preservation"],
}
# What the gateway must make good in front of a server that gets it wrong.
BETTER = {
    "http-header-validation": ["--spec-version", "2026-07-28"],
    "dns-rebinding-protection": ["--spec-version", "2026-07-28"],
    "dns-rebinding-protection 2025-11-25": ["--spec-version", "2025-11-25"],
}


class Judge:
    """Prints verdicts and counts the bad ones."""

    def __init__(self):
        self.bad = 0

    def __call__(self, good, claim, lines=()):
        self.bad += not good
        print(f"{'PASS' if good else 'FAIL'} {claim}", flush=True)
        for line in lines:
            print(f"     {line}", flush=True)


class Suite:
    """Starts a version of the suite and reads what it found."""

    def __init__(self, node, modules):
        self.node, self.modules = node, modules

    def server(self, version, starts, url, name):
        return self.run(version, [["server", "--url", url, *arguments] for arguments in starts], name)

    def client(self, version, scenarios, spec, client, name):
        starts = [["client", "--command", client, "--scenario", s, "--spec-version", spec] for s in scenarios]
        return judged(self.run(version, starts, name))

    def run(self, version, starts, name):
        folder = RUN / name.replace(" ", "-")
        for arguments in starts:
            program = self.modules / version / "dist/index.js"
            try:
                done = subprocess.run([self.node, program, *arguments, "-o", folder], cwd=RUN, timeout=SUITE_SECS,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, env={**os.environ, "NO_COLOR": "1"})
                output = done.stdout
            except subprocess.TimeoutExpired as late:
                output = f"{late.output or ''}\nnot done after {SUITE_SECS} s"
            with open(RUN / f"{folder.name}.txt", "a") as file:
                file.write(output)
        found = results(folder)
        return found if found else PARTS.fail(f"the suite found nothing in {name}:\n{output[-3000:]}")


def compared(judge, suite, front, direct, names):
    for name in names:
        version, starts = SETS[name]
        began = time.time()
        here = suite.server(version, starts, direct, f"{name} direct")
        good, bad = tally(here)
        judge(not bad, f"{name}: {good} checks in {len(here)} scenarios, directly, {bad} bad", wrong(here))
        for way, path in (("through", "/mcp"), ("hide never", "/shown/mcp")):
            there = suite.server(version, starts, front + path, f"{name} {way}")
            apart = differences(here, there)
            good, bad = tally(there)
            title = "through the gateway" if way == "through" else "through the gateway, hide: never"
            judge(not apart, f"{name}: {good} checks in {len(there)} scenarios, {title}, {bad} bad, "
                             f"{len(apart)} other than directly", apart)
        print(f"     {time.time() - began:.0f} s", flush=True)


def better(judge, suite, front, direct):
    for name, arguments in BETTER.items():
        starts = [["--scenario", name.split()[0], *arguments]]
        here = suite.server(NEW, starts, direct, f"lax {name} direct")
        there = suite.server(NEW, starts, f"{front}/lax/mcp", f"lax {name} through")
        (good, bad), (good_there, bad_there) = tally(here), tally(there)
        judge(bad and good_there and not bad_there,
              f"{name} in front of a server that fails {bad} checks of {good + bad}: {good_there} pass through the gateway, "
              f"{bad_there} bad", wrong(there))


SANDWICH_TAKES = 3


def sandwich(judge, suite, gateway, client):
    os.environ.update(GATEWAY=str(gateway), CLIENT=str(client), NODE=str(suite.node))   # for sandwich.py
    for spec, scenarios in SANDWICH.items():
        here = suite.client(NEW, scenarios, spec, shlex.quote(str(client)), f"client {spec} direct")
        between = shlex.join([sys.executable, str(HERE / "sandwich.py")])
        # The client asks for its GET stream and calls a tool at the same time. The suite takes a GET that comes second for
        # a reconnection, so what differs on a busy machine is played again.
        for take in range(SANDWICH_TAKES):
            there = suite.client(NEW, scenarios, spec, between, f"client {spec} through {take + 1}")
            apart = differences(here, there)
            if not apart:
                break
            print(f"     client, {spec}: take {take + 1} differs: {'; '.join(apart)}", flush=True)
        (good, bad), (good_there, bad_there) = tally(here), tally(there)
        judge(not bad and here.keys() == set(scenarios), f"client, {spec}: {good} checks in {len(here)} scenarios, directly, "
                                                         f"{bad} bad", wrong(here))
        judge(not apart, f"client, {spec}: {good_there} checks in {len(there)} scenarios, through the gateway, "
                         f"{bad_there} bad, {len(apart)} other than directly", apart)
    codes = [file.read_text() for file in RUN.glob("sandwich-*/ended")]
    logs = [file.read_text(errors="replace") for file in RUN.glob("sandwich-*/gateway.log")]
    judge(codes and set(codes) == {"0"} and not any("panicked" in log for log in logs),
          f"all {len(codes)} gateways between them stopped cleanly")
    judge(logs and all('"verdict":"allowed"' in log for log in logs), "each of these let something through")


def main():
    p = argparse.ArgumentParser(prog="tests/conformance/run", description=__doc__.splitlines()[0])
    p.add_argument("--gateway", default=os.environ.get("PORTCULLIS_BIN"),
                   help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--only", choices=[*SETS, "lists", "better", "client"], help="one part instead of all")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    modules = install()
    if a.install:
        return
    binary, (server, client) = build(a.gateway, ["conformance-server", "conformance-client"])

    began = time.time()
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)
    nodejs, judge = node(modules), Judge()
    ports = real_parts.free_ports("FRONT_PORT", "GATEWAY_PORT", "ADMIN_PORT", "CAREFUL_PORT", "LAX_PORT")
    front, direct, lax = (f"http://localhost:{ports[name]}" for name in ("FRONT_PORT", "CAREFUL_PORT", "LAX_PORT"))
    paths = ["/mcp", "/shown/mcp", "/lax/mcp"]
    made = tokens(nodejs, RUN, [front + path for path in paths])
    (RUN / "tokens.json").write_text(json.dumps(dict(zip(paths, made))))
    config = configuration("gateway.yaml.in", RUN, ports)
    PARTS.command("check of gateway.yaml", binary, "check", "--config", config)

    running, ended = [], {}
    try:
        def start(url, *args):
            running.append(Process(*args))
            return running[-1].ready(url)

        start(f"{direct}/mcp", "server", server, "--port", ports["CAREFUL_PORT"])
        start(f"{lax}/mcp", "server-lax", server, "--lax", "--port", ports["LAX_PORT"])
        start(f"http://127.0.0.1:{ports['ADMIN_PORT']}/readyz", "gateway", binary, "run", "--config", config)
        # A path without a token of its own, so that the answer is the gateway's to a stranger.
        closed = start(f"{front}/mcp?nobody", "inject", nodejs, HERE / "inject.mjs", ports["FRONT_PORT"],
                       ports["GATEWAY_PORT"], RUN / "tokens.json")
        judge(closed == 401, f"without a token the gateway answers {closed}")
        print(f"server {direct}/mcp · gateway http://127.0.0.1:{ports['GATEWAY_PORT']} behind {front} · logs in {RUN.relative_to(real_parts.ROOT)}")

        suite = Suite(nodejs, modules)
        if a.only in (None, "lists"):
            lists.compared(judge, direct + "/mcp", {path: front + path for path in paths[:2]})
        compared(judge, suite, front, direct + "/mcp", [name for name in SETS if a.only in (None, name)])
        if a.only in (None, "better"):
            better(judge, suite, front, lax + "/mcp")
        if a.only in (None, "client"):
            sandwich(judge, suite, binary, client)
    finally:
        for process in reversed(running):
            ended[process.name] = process.stop()

    log = (RUN / "gateway.log").read_text(errors="replace")
    judge(ended.get("gateway") == 0, f"the gateway stopped cleanly on SIGTERM (exit code {ended.get('gateway')})")
    judge("panicked" not in log, f"no panic in the gateway's log ({len(log.splitlines())} lines)")
    judge("eyJ" not in log, "no token in the gateway's log")
    print(f"\nconformance: {'all passed' if not judge.bad else f'{judge.bad} FAILED'} in {time.time() - began:.0f} s")
    sys.exit(1 if judge.bad else 0)


if __name__ == "__main__":
    main()
