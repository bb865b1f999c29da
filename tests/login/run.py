"""Installs what is missing, builds, plays each part, and adds up. Started by `run`.

PASS and FAIL lines carry their evidence; the exit code is 0 only when every line says PASS.
"""

import argparse
import os
import signal
import sys

from parts import bridge, chromium, conformance, demo, kill, local, opaque, products, remote, replicas, windows
from world import PARTS, ROOT, RUN, World, install, play

PLAYED = {"local": local, "remote": remote, "chromium": chromium, "demo": demo, "conformance": conformance, "bridge": bridge, "products": products, "opaque": opaque, "replicas": replicas, "windows": windows, "kill": kill}
KILLS = 40          # of a run in passing; the acceptance of the feature is 200


def main():
    p = argparse.ArgumentParser(prog="tests/login/run", description="The authorization server inside, with real clients and a real browser.")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--only", choices=PLAYED, action="append", help="this part instead of all; may be repeated")
    p.add_argument("--kills", type=int, default=int(os.environ.get("LOGIN_KILLS", KILLS)), help=f"how often the gateway is killed; default: $LOGIN_KILLS, else {KILLS}")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = install()
    if a.install:
        return
    world = World(PARTS.gateway(a.gateway), *programs)
    world.kills = a.kills
    play("login", {part: PLAYED[part] for part in a.only or PLAYED}, world, RUN, ROOT)


if __name__ == "__main__":
    main()
