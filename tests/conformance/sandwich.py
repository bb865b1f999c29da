"""Stands in for the client that the suite starts: puts the gateway before the suite's server, and the real client before the gateway.

Its last argument is the suite's server. GATEWAY, CLIENT and NODE name the programs; each start leaves a folder in .work/run.
"""

import os
import subprocess
import sys
import tempfile

import world

CLIENT_SECS = 25        # less than the suite's patience, so that the gateway is stopped here and not left behind


def main():
    upstream, scenario = sys.argv[-1], os.environ["MCP_CONFORMANCE_SCENARIO"].replace("/", "-")
    run = world.PARTS.run
    folder = world.PARTS.run = run / tempfile.mkdtemp(prefix=f"sandwich-{scenario}-", dir=run)
    ports = world.real_parts.free_ports("GATEWAY_PORT", "ADMIN_PORT")
    url = f"http://localhost:{ports['GATEWAY_PORT']}/mcp"
    (token,) = world.tokens(os.environ["NODE"], folder, [url])
    config = world.configuration("sandwich.yaml.in", folder, {**ports, "UPSTREAM": upstream})
    gateway = world.Process("gateway", os.environ["GATEWAY"], "run", "--config", config)
    try:
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN_PORT']}/readyz")
        code = subprocess.run([os.environ["CLIENT"], url], env={**os.environ, "CONFORMANCE_TOKEN": token},
                              timeout=CLIENT_SECS).returncode
    finally:
        (folder / "ended").write_text(str(gateway.stop()))
    sys.exit(code)


main()
