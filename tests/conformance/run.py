"""Runs the official MCP conformance suite against one server, directly and through the gateway. Started by `run`.

One PASS or FAIL line a set, with numbers and every check that differs; the exit code is 0 only when every line says PASS.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import lists
from compare import differences, results, tally, wrong
from world import HERE, ROOT, RUN, WORK, Process, build, command, configuration, fail, free_ports, install, node, tokens

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
    """Starts a version of the suite against a URL and reads what it found."""

    def __init__(self, node, modules):
        self.node, self.modules = node, modules

    def __call__(self, version, starts, url, name):
        folder = RUN / name.replace(" ", "-")
        for arguments in starts:
            program = self.modules / version / "dist/index.js"
            try:
                done = subprocess.run([self.node, program, "server", "--url", url, "-o", folder, *arguments], cwd=RUN,
                                      timeout=SUITE_SECS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, env={**os.environ, "NO_COLOR": "1"})
                output = done.stdout
            except subprocess.TimeoutExpired as late:
                output = f"{late.output or ''}\nnot done after {SUITE_SECS} s"
            with open(RUN / f"{folder.name}.txt", "a") as file:
                file.write(output)
        found = results(folder)
        return found if found else fail(f"the suite found nothing in {name}:\n{output[-3000:]}")


def compared(judge, suite, front, direct, names):
    for name in names:
        version, starts = SETS[name]
        began = time.time()
        here = suite(version, starts, direct, f"{name} direct")
        good, bad = tally(here)
        judge(not bad, f"{name}: {good} checks in {len(here)} scenarios, directly, {bad} bad", wrong(here))
        for way, path in (("through", "/mcp"), ("hide never", "/shown/mcp")):
            there = suite(version, starts, front + path, f"{name} {way}")
            apart = differences(here, there)
            good, bad = tally(there)
            title = "through the gateway" if way == "through" else "through the gateway, hide: never"
            judge(not apart, f"{name}: {good} checks in {len(there)} scenarios, {title}, {bad} bad, "
                             f"{len(apart)} other than directly", apart)
        print(f"     {time.time() - began:.0f} s", flush=True)


def better(judge, suite, front, direct):
    for name, arguments in BETTER.items():
        starts = [["--scenario", name.split()[0], *arguments]]
        here = suite(NEW, starts, direct, f"lax {name} direct")
        there = suite(NEW, starts, f"{front}/lax/mcp", f"lax {name} through")
        (good, bad), (good_there, bad_there) = tally(here), tally(there)
        judge(bad and good_there and not bad_there,
              f"{name} in front of a server that fails {bad} checks of {good + bad}: {good_there} pass through the gateway, "
              f"{bad_there} bad", wrong(there))


def main():
    p = argparse.ArgumentParser(prog="tests/conformance/run", description=__doc__.splitlines()[0])
    p.add_argument("--gateway", default=os.environ.get("PORTCULLIS_BIN"),
                   help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--only", choices=[*SETS, "lists", "better"], help="one part instead of all")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    WORK.mkdir(exist_ok=True)
    modules = install()
    if a.install:
        return
    binary, (server,) = build(a.gateway, ["conformance-server"])

    began = time.time()
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)
    nodejs, judge = node(modules), Judge()
    ports = free_ports("FRONT_PORT", "GATEWAY_PORT", "ADMIN_PORT", "CAREFUL_PORT", "LAX_PORT")
    front, direct, lax = (f"http://localhost:{ports[name]}" for name in ("FRONT_PORT", "CAREFUL_PORT", "LAX_PORT"))
    paths = ["/mcp", "/shown/mcp", "/lax/mcp"]
    made = tokens(nodejs, RUN, [front + path for path in paths])
    (RUN / "tokens.json").write_text(json.dumps(dict(zip(paths, made))))
    config = configuration("gateway.yaml.in", RUN, ports)
    command("check of gateway.yaml", binary, "check", "--config", config)

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
        print(f"server {direct}/mcp · gateway http://127.0.0.1:{ports['GATEWAY_PORT']} behind {front} · logs in {RUN.relative_to(ROOT)}")

        suite = Suite(nodejs, modules)
        if a.only in (None, "lists"):
            lists.compared(judge, direct + "/mcp", {path: front + path for path in paths[:2]})
        compared(judge, suite, front, direct + "/mcp", [name for name in SETS if a.only in (None, name)])
        if a.only in (None, "better"):
            better(judge, suite, front, lax + "/mcp")
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
