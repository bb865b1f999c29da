"""mcp-remote, with which programs that know only stdio reach the gateway: login, a call, a step-up in the same process."""

import json

from person import Browser
from real_remote import Remote, walk
from world import ALICE, ALICES, READ, RUN, WRITE, Ended, free_ports


def play(judge, world):
    folder, ports = RUN / "remote", free_ports("GATEWAY", "ADMIN", "UPSTREAM")
    folder.mkdir()
    world.accounts(folder)
    with Ended(judge) as started:
        world.upstream(ports["UPSTREAM"], started)
        world.gateway("gateway-remote", started, folder, ports)
        remote = Remote(world.node, world.modules, folder, f"http://127.0.0.1:{ports['GATEWAY']}/mcp")
        try:
            story(judge, remote)
        finally:
            remote.stop()


def story(judge, remote):
    browser = Browser()
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "login", "version": "1"}}
    ready = remote.ask("initialize", hello, 1)
    url = remote.wants_a_browser()
    if not judge(url, "mcp-remote registers and prints an address to log in at", "" if url else remote.tail()):
        return
    last = walk(browser, url, ALICE, ALICES)
    judge(last.location is not None, "mcp-remote: login and consent send the browser to it", "" if last.location else last.words[:200])
    judge("result" in ready(), "mcp-remote: initializes after the login", "" if last.location else remote.tail())
    remote.send("notifications/initialized")
    said = remote.ask("tools/call", {"name": "list_stations", "arguments": {}}, 2)()
    judge("south" in json.dumps(said), "mcp-remote: calls a tool", json.dumps(said)[:120])
    more = remote.ask("tools/call", {"name": "delete_station", "arguments": {"id": "north"}}, 3)
    url = remote.wants_a_browser()
    if judge(url and READ in url.replace("%3A", ":") and WRITE in url.replace("%3A", ":"), "mcp-remote: asks for both scopes after the 403", "" if url else remote.tail()):
        last = walk(browser, url, ALICE, ALICES)
        said = more()
        judge("gone" in json.dumps(said), "mcp-remote: the call succeeds then", json.dumps(said)[:160] if said else remote.tail())
