"""mcp-remote as a child of a run: it is spoken to over stdio, and the addresses that it prints are opened by a played person.

Shared by tests/login and tests/people.
"""

import json
import queue
import re
import socket
import subprocess
import threading
import urllib.parse

from real_judge import until
from real_parts import free_ports

PATIENCE = 40


class Remote:
    """mcp-remote; its standard input and output are MCP, its standard error asks for a browser."""

    def __init__(self, node, modules, folder, url, authorize="/oauth/authorize"):
        home = folder / "home"
        home.mkdir()
        program = modules / "node_modules/mcp-remote/dist/proxy.js"
        callback = free_ports("CALLBACK")["CALLBACK"]
        # It opens the address with a program of the desktop; there is none, so it prints it.
        env = {"PATH": "/nonexistent", "HOME": str(home), "MCP_REMOTE_CONFIG_DIR": str(home), "NODE_NO_WARNINGS": "1"}
        self.child = subprocess.Popen([node, program, url, str(callback), "--allow-http", "--transport", "http-only"], env=env,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.authorize, self.said, self.answers, self.visited = authorize, [], queue.Queue(), 0
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
            all_of_them = re.findall(rf"(http\S+{self.authorize}\?\S+)", "".join(self.said))
            return all_of_them[self.visited] if len(all_of_them) > self.visited else None
        url = until(found, PATIENCE, 0.1)
        self.visited += bool(url)
        return url

    def tail(self):
        return "".join(self.said)[-600:]

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def walk(browser, url, account, password):
    """Plays the person at the browser, as far as mcp-remote's own page."""
    callback = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["redirect_uri"][0]
    last = browser.go(url, callback, account, password)
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
