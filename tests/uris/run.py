"""Installs what is missing and hands over to play.py, in the environment that was installed. Started by `run`."""

import argparse
import os
import pathlib
import shutil
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402

ATTACKS = real_parts.Parts(HERE.parent / "attacks")
INTEROP = real_parts.Parts(HERE.parent / "interop")


def main():
    p = argparse.ArgumentParser(prog="tests/uris/run", description="Spellings of denied URIs, through the real gateway at real servers.")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--seed", type=int, default=1, help="of the combinations, the mutations and the generated policies")
    p.add_argument("--holes", type=pathlib.Path, help="write each spelling that gets through to this file")
    p.add_argument("--verbose", action="store_true", help="show every spelling that gets through")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # The environments and packages of the other runs with real parts; only server.mjs must lie beside its packages.
    sdk2 = ATTACKS.environment("py", "requirements.txt", "constraints.txt")
    sdk1 = INTEROP.environment("sdk1", "requirements-sdk1.txt", "constraints-sdk1.txt")
    node, folder = ATTACKS.packages("ts", "upstreams/ts", ["upstreams/ts/server.mjs"])
    shutil.copy(HERE / "servers/server.mjs", folder / "uris.mjs")
    if a.install:
        return
    binary = ATTACKS.gateway(a.gateway)
    options = [f"--seed={a.seed}", *(["--verbose"] if a.verbose else []), *([f"--holes={a.holes.resolve()}"] if a.holes else [])]
    os.execv(sdk2, [str(part) for part in (sdk2, HERE / "play.py", binary, node, folder / "uris.mjs", sdk1, *options)])


if __name__ == "__main__":
    main()
