"""Installs what is missing, builds, plays each part, and adds up. Started by `run`.

PASS and FAIL lines carry their evidence; the exit code is 0 only when every line says PASS.
"""

import argparse
import signal
import sys

from parts import browser, cdn, clients, direct, doctor, guide, haproxy, lazy, reports, servers
from world import PARTS, ROOT, RUN, World, install, play

PLAYED = {"guide": guide, "reports": reports, "browser": browser, "cdn": cdn, "clients": clients, "lazy": lazy, "direct": direct, "servers": servers, "haproxy": haproxy, "doctor": doctor}


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
    play("people", {part: PLAYED[part] for part in a.only or PLAYED}, world, RUN, ROOT)


if __name__ == "__main__":
    main()
