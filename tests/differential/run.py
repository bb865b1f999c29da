"""Installs the readers that tests/attacks runs as servers, and runs the test that asks them. Started by `run`."""

import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "attacks"))
import install  # noqa: E402


def main():
    python = install.python()
    node, folder = install.typescript()
    began = time.time()
    # A command line, one word a line: paths may have spaces in them.
    readers = {"DIFFERENTIAL_PYTHON": f"{python}\n{HERE / 'read.py'}", "DIFFERENTIAL_NODE": f"{node}\n{HERE / 'read.mjs'}\n{folder}"}
    done = subprocess.run(
        ["cargo", "test", "--locked", "--test", "differential", "--", "--include-ignored", "--nocapture", "--test-threads=1"],
        cwd=install.real_parts.ROOT,
        env={**os.environ, **readers},
        stdout=subprocess.PIPE,
        text=True,
    )
    print(done.stdout)
    # That nothing failed is not enough: the test must have run.
    ran = re.search(
        r"python_and_node_read_what_is_permitted_as_the_gateway_does \.\.\.[\s\S]*test result: ok\. \d+ passed; 0 failed; 0 ignored", done.stdout
    )
    good = done.returncode == 0 and ran is not None
    print(f"differential: {'passed' if good else 'FAILED'} in {time.time() - began:.0f} s")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
