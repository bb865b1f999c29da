"""Installs what is missing, builds, plays each part, and adds up. Started by `run`.

PASS and FAIL lines carry their evidence; the exit code is 0 only when every line says PASS.
"""

import argparse
import shutil
import signal
import sys
import time
import traceback

from parts import browser, cdn, clients, guide, lazy, reports
from world import HERE, PARTS, RUN, Judge, World, install

PLAYED = {"guide": guide, "reports": reports, "browser": browser, "cdn": cdn, "clients": clients, "lazy": lazy}


def main():
    p = argparse.ArgumentParser(prog="tests/people/run", description="What people put around the gateway, with real parts.")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--only", choices=PLAYED, action="append", help="this part instead of all; may be repeated")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = install()
    if a.install:
        return
    world = World(PARTS.gateway(a.gateway), programs)

    began, judge = time.time(), Judge()
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)
    print(f"logs in {RUN.relative_to(HERE.parent.parent)}")
    for name in a.only or PLAYED:
        judge.begin(name, PLAYED[name].__doc__.splitlines()[0])
        try:
            PLAYED[name].play(judge, world)
        except Exception:
            judge(False, f"{name} was played to its end", traceback.format_exc())
        judge.end()

    for claim in judge.bad:
        print(f"FAILED {claim}")
    print(f"\npeople: {judge.good} of {judge.good + len(judge.bad)} claims hold{'' if not judge.bad else f', {len(judge.bad)} FAILED'}, in {time.time() - began:.0f} s")
    sys.exit(1 if judge.bad else 0)


if __name__ == "__main__":
    main()
