"""Installs what is missing and hands over to play.py, in the environment that was installed. Started by `run`."""

import argparse
import os
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402

PARTS = real_parts.Parts(HERE)


def main():
    p = argparse.ArgumentParser(prog="tests/soak/run", description="Mixed traffic through two replicas while everything around them changes.")
    p.add_argument("seconds", type=int, nargs="?", default=120, help="how long the traffic lasts; default: 120")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--rate", type=int, default=200, help="requests a second in all; default: 200")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()
    if a.seconds < 60:
        p.error("60 seconds are the least: memory must warm up, and keys must rotate twice")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    python = PARTS.environment("py", "requirements.txt", "constraints.txt")
    if a.install:
        return
    binary = PARTS.gateway(a.gateway)
    os.execv(python, [str(part) for part in (python, HERE / "play.py", binary, a.seconds, a.rate)])


if __name__ == "__main__":
    main()
