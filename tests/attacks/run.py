"""Installs what is missing and hands over to play.py, in the environment that was installed. Started by `run`."""

import argparse
import os
import signal
import sys

import install


def main():
    p = argparse.ArgumentParser(prog="tests/attacks/run", description="Attacks, byte for byte, through the real gateway at real servers.")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--only", type=int, action="append", metavar="N", help="this attack of the catalogue; may be repeated")
    p.add_argument("--upstream", choices=["ts", "py"], help="one upstream instead of both")
    p.add_argument("--verbose", action="store_true", help="show each variation of each attack")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    python = install.python()
    node, folder = install.typescript()
    if a.install:
        return
    binary = install.PARTS.gateway(a.gateway)
    filters = [f"--only={number}" for number in a.only or ()]
    filters += [f"--upstream={a.upstream}"] if a.upstream else []
    filters += ["--verbose"] if a.verbose else []
    os.execv(python, [str(part) for part in (python, install.HERE / "play.py", binary, node, folder, *filters)])


if __name__ == "__main__":
    main()
