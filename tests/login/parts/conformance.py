"""The scenarios for authorization servers of the official suite, with the person going through login and consent."""

import json
import re

from person import Browser
from world import ALICE, ALICES, PARTS, READ, RUN, Ended, Process, free_ports, until

SCENARIOS = ["authorization-server-metadata-endpoint", "authorization-code-grant"]


def play(judge, world):
    folder, ports = RUN / "conformance", free_ports("GATEWAY", "ADMIN", "UPSTREAM", "CALLBACK")
    folder.mkdir()
    world.accounts(folder)
    callback = f"http://127.0.0.1:{ports['CALLBACK']}/callback"
    clients = [{"id": "test-client", "name": "The conformance suite", "redirect_uris": [callback], "scopes": [READ]}]
    issuer, resource = f"http://127.0.0.1:{ports['GATEWAY']}/oauth", f"http://127.0.0.1:{ports['GATEWAY']}/mcp"
    program = world.modules / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    with Ended(judge) as started:
        world.gateway("gateway-conformance", started, folder, ports, CLIENTS=clients)
        for scenario in SCENARIOS:
            suite = Process(PARTS, f"suite-{scenario}", [world.node, program, "authorization", "--url", issuer, "--scenario", scenario, "--client-id", "test-client",
                                                         "--resource", resource, "--port", ports["CALLBACK"], "-o", folder / scenario], cwd=folder)
            started.append(suite)
            url = until(lambda: (re.search(rf"{re.escape(issuer)}/authorize\?[^\s\"'<>\x1b]+", suite.output()) or [None])[0] if scenario.endswith("grant")
                        else suite.child.poll() is not None, 30)
            if scenario.endswith("grant") and url:
                browser = Browser()
                last = browser.go(url, callback, ALICE, ALICES)
                if last.location:
                    browser.request("GET", last.location)
            until(lambda: suite.child.poll() is not None, 30)
            code = suite.stop()
            checks = [check for file in sorted((folder / scenario).rglob("checks.json")) for check in json.loads(file.read_text())]
            for check in checks:
                judge(check["status"] in ("SUCCESS", "INFO"), f"{scenario}: {check.get('name') or check['id']}: {check.get('description', '')}"[:150], check.get("errorMessage", "") or check["status"])
            judge(checks and code == 0, f"{scenario}: passed", f"{len(checks)} checks, exit code {code}" if checks and code == 0 else suite.tail())
