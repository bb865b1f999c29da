"""How the runs with real parts are played, and say what they found: one PASS or FAIL line a claim, with its evidence.

Shared by tests/login and tests/people.
"""

import json
import shutil
import sys
import threading
import time
import traceback


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


def play(name, parts, world, folder, root):
    """Plays each part, says how many claims hold, and ends the program: 0 only when all of them do. Logs go into `folder`."""
    began, judge = time.time(), Judge()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"logs in {folder.relative_to(root)}")
    for part, module in parts.items():
        judge.begin(part, module.__doc__.splitlines()[0])
        try:
            module.play(judge, world)
        except Exception:
            judge(False, f"{part} was played to its end", traceback.format_exc())
        judge.end()

    for claim in judge.bad:
        print(f"FAILED {claim}")
    print(f"\n{name}: {judge.good} of {judge.good + len(judge.bad)} claims hold{'' if not judge.bad else f', {len(judge.bad)} FAILED'}, in {time.time() - began:.0f} s")
    sys.exit(1 if judge.bad else 0)
