"""The scenarios for authorization servers of the official suite, with the person going through login and consent."""

import json
import re

from person import Browser
from world import ALICE, ALICES, PARTS, READ, RUN, Ended, Process, free_ports, until

CHECKS = {"authorization-server-metadata", "authorization-code-grant"}


def play(judge, world):
    folder, ports = RUN / "conformance", free_ports("GATEWAY", "ADMIN", "UPSTREAM", "CALLBACK")
    folder.mkdir()
    world.accounts(folder)
    callback = f"http://127.0.0.1:{ports['CALLBACK']}/callback"
    clients = [{"id": "test-client", "name": "The conformance suite", "redirect_uris": [callback], "scopes": [READ]}]
    issuer, resource = f"http://127.0.0.1:{ports['GATEWAY']}/oauth", f"http://127.0.0.1:{ports['GATEWAY']}/mcp"
    program = world.modules / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    with Ended(judge) as started:
        world.gateway("gateway-conformance", started, folder, ports, CLIENTS=clients,
                      REGISTRATION={"dynamic": "open", "client_id_documents": {"hosts": ["*"]}})
        # All at once: the second scenario begins with what the first one read.
        suite = Process(PARTS, "suite", [world.node, program, "authorization", "--url", issuer, "--client-id", "test-client", "--resource", resource,
                                         "--port", ports["CALLBACK"], "-o", folder / "found"], cwd=folder)
        started.append(suite)
        url = until(lambda: (re.search(rf"{re.escape(issuer)}/authorize\?[^\s\"'<>\x1b]+", suite.output()) or [None])[0] or suite.child.poll() is not None, 30)
        if judge(isinstance(url, str), "the suite prints the address to log in at", "" if isinstance(url, str) else suite.tail()):
            browser = Browser()
            last = browser.go(url, callback, ALICE, ALICES)
            if judge(last.location, "login and consent send the browser to the suite", "" if last.location else last.words[:300]):
                browser.request("GET", last.location)
        until(lambda: suite.child.poll() is not None, 30)
        code = suite.stop()
        checks = [check for file in sorted((folder / "found").rglob("checks.json")) for check in json.loads(file.read_text())]
        for check in checks:
            judge(check["status"] in ("SUCCESS", "INFO"), f"{check['id']}: {check.get('name', '')}", check.get("errorMessage") or check["status"])
        judge(code == 0 and {check["id"] for check in checks} >= CHECKS, "all scenarios were played, and passed", f"{len(checks)} checks, exit code {code}" if code == 0 else suite.tail())
