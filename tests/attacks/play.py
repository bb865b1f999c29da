"""Plays the attacks and prints what came of each. Started by run.py.

Every line is one attack at one upstream, PASS or FAIL, with its evidence; the exit code is 0 only when every line says PASS.
"""

import argparse
import pathlib
import shutil
import signal
import sys
import time

import attacks  # noqa: F401  registers the tests
import case
import world


def main():
    p = argparse.ArgumentParser()
    p.add_argument("gateway")
    p.add_argument("node")
    p.add_argument("folder")
    p.add_argument("--only", type=int, action="append")
    p.add_argument("--upstream")
    p.add_argument("--verbose", action="store_true")
    a = p.parse_args()
    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    began = time.time()
    shutil.rmtree(world.RUN, ignore_errors=True)
    world.RUN.mkdir(parents=True)
    lines, bad, clean = 0, [], {}
    around = world.World()
    try:
        around.start(a.gateway, a.node, pathlib.Path(a.folder))
        print(
            f"gateway http://127.0.0.1:{around.public} · "
            + " · ".join(f"{u.name} http://127.0.0.1:{u.port}" for u in around.upstreams.values())
            + f" · logs in {world.RUN.relative_to(world.real_parts.ROOT)}"
        )
        for name, why in around.broken.items():
            print(f"the gateway `{name}` does not run: {why}")
        for one in sorted(case.ALL):
            if a.only and one.number not in a.only:
                continue
            for upstream in around.upstreams.values():
                if a.upstream not in (None, upstream.name):
                    continue
                passed = case.play(one, around, upstream, a.verbose)
                lines += passed is not None
                if passed is False:
                    bad.append(f"{one.name} [{upstream.name}]")
    finally:
        clean = around.stop()
    if not lines:
        sys.exit("attacks: nothing was played")

    for name, gateway in around.gateways.items():
        if name in around.broken:
            continue
        output, code = gateway.process.output(), clean[gateway.process.name]
        for claim, good in (
            (f"gateway `{name}` stopped cleanly (exit code {code})", code == 0),
            (f"gateway `{name}` did not panic", "panicked" not in output),
            (f"gateway `{name}` logged no token", "eyJ" not in output),
        ):
            lines += 1
            print(f"{'PASS' if good else 'FAIL'} {claim}")
            if not good:
                bad.append(claim)
    for name in bad:
        print(f"failed: {name}")
    print(f"attacks: {lines - len(bad)} of {lines} passed in {time.time() - began:.0f} s")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
