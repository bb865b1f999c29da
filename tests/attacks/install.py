"""Installs what the run needs besides Python, once, into .work: a Python environment, the npm packages, and Node.js where there is none.

Shared with tests/differential, which reads with the same parts.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import real_parts  # noqa: E402

PARTS = real_parts.Parts(HERE)


def python():
    return PARTS.environment("py", "requirements.txt", "constraints.txt")


def typescript():
    """Node.js, and the folder with the packages of upstreams/ts."""
    return PARTS.packages("ts", "upstreams/ts", ["upstreams/ts/server.mjs"])
