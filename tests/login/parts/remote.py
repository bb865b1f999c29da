"""mcp-remote, with which programs that know only stdio reach the gateway: login, a call, a step-up in the same process."""

import json
import os
import queue
import re
import socket
import subprocess
import threading
import urllib.parse

from person import Browser
from world import ALICE, ALICES, READ, RUN, WRITE, Ended, free_ports, until

PATIENCE = 40


class Remote:
    """mcp-remote as a child; its standard input and output are MCP, its standard error asks for a browser."""

    def __init__(self, world, folder, base):
        home = folder / "home"
        home.mkdir()
        program = world.modules / "node_modules/mcp-remote/dist/proxy.js"
        callback = free_ports("CALLBACK")["CALLBACK"]
        # It opens the address with a program of the desktop; there is none, so it prints it.
        env = {"PATH": "/nonexistent", "HOME": str(home), "MCP_REMOTE_CONFIG_DIR": str(home), "NODE_NO_WARNINGS": "1"}
        self.child = subprocess.Popen([world.node, program, f"{base}/mcp", str(callback), "--allow-http", "--transport", "http-only"], env=env,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said, self.answers, self.visited = [], queue.Queue(), 0
        for pipe, take in ((self.child.stderr, self.said.append), (self.child.stdout, self.answer)):
            threading.Thread(target=lambda pipe=pipe, take=take: [take(line) for line in pipe], daemon=True).start()

    def answer(self, line):
        self.answers.put(json.loads(line))

    def send(self, method, params=None, number=None):
        message = {"jsonrpc": "2.0", "method": method, **({"params": params} if params is not None else {}), **({"id": number} if number else {})}
        self.child.stdin.write(json.dumps(message) + "\n")
        self.child.stdin.flush()

    def ask(self, method, params, number):
        self.send(method, params, number)
        return lambda secs=PATIENCE: self.wait(number, secs)

    def wait(self, number, secs):
        try:
            while (answer := self.answers.get(timeout=secs)).get("id") != number:
                pass
            return answer
        except queue.Empty:
            return {}

    def wants_a_browser(self):
        """The next address that it prints."""
        def found():
            all_of_them = re.findall(r"(http\S+/oauth/authorize\?\S+)", "".join(self.said))
            return all_of_them[self.visited] if len(all_of_them) > self.visited else None
        url = until(found, PATIENCE, 0.1)
        self.visited += bool(url)
        return url

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def walk(browser, url):
    """Plays the person at the browser, as far as mcp-remote's own page."""
    callback = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["redirect_uri"][0]
    last = browser.go(url, callback, ALICE, ALICES)
    if last.location:
        # A person takes some seconds at the pages; until then mcp-remote listens.
        until(lambda: listens(urllib.parse.urlsplit(callback).port), PATIENCE, 0.1)
        browser.request("GET", last.location)
    return last


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def play(judge, world):
    folder, ports = RUN / "remote", free_ports("GATEWAY", "ADMIN", "UPSTREAM")
    folder.mkdir()
    world.accounts(folder)
    with Ended(judge) as started:
        world.upstream(ports["UPSTREAM"], started)
        world.gateway("gateway-remote", started, folder, ports)
        remote = Remote(world, folder, f"http://127.0.0.1:{ports['GATEWAY']}")
        try:
            story(judge, remote)
        finally:
            remote.stop()


def story(judge, remote):
    browser = Browser()
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "login", "version": "1"}}
    ready = remote.ask("initialize", hello, 1)
    url = remote.wants_a_browser()
    tail = lambda: "".join(remote.said)[-600:]  # noqa: E731
    if not judge(url, "mcp-remote registers and prints an address to log in at", "" if url else tail()):
        return
    last = walk(browser, url)
    judge(last.location is not None, "mcp-remote: login and consent send the browser to it", "" if last.location else last.words[:200])
    judge("result" in ready(), "mcp-remote: initializes after the login", "" if last.location else tail())
    remote.send("notifications/initialized")
    said = remote.ask("tools/call", {"name": "list_stations", "arguments": {}}, 2)()
    judge("south" in json.dumps(said), "mcp-remote: calls a tool", json.dumps(said)[:120])
    more = remote.ask("tools/call", {"name": "delete_station", "arguments": {"id": "north"}}, 3)
    url = remote.wants_a_browser()
    if judge(url and READ in url.replace("%3A", ":") and WRITE in url.replace("%3A", ":"), "mcp-remote: asks for both scopes after the 403", "" if url else tail()):
        last = walk(browser, url)
        said = more()
        judge("gone" in json.dumps(said), "mcp-remote: the call succeeds then", json.dumps(said)[:160] if said else tail())
