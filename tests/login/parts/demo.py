"""The demo of the README: what it prints is true, and its curl lines do what they say."""

import json
import os
import re
import shutil
import signal
import subprocess

import oauth
from parts.local import CLIENTS, Inspector, player
from person import Browser
from world import PARTS, RUN, Ended, Process, free_ports, real_parts, until


def play(judge, world):
    if not shutil.which("curl"):
        judge(False, "curl is there", "Debian: apt-get install curl")
        return
    print("building: cargo build --locked --bin portcullis", flush=True)
    if subprocess.run(["cargo", "build", "--locked", "--quiet", "--bin", "portcullis"], cwd=real_parts.ROOT).returncode:
        judge(False, "the demo builds")
        return
    folder, port = RUN / "demo", free_ports("DEMO")["DEMO"]
    folder.mkdir()
    with Ended(judge, clean=False) as started:
        # A group of its own: Ctrl-C reaches all that a terminal shows, here the demo and its gateway.
        demo = Process(PARTS, "demo", [PARTS.built() / "portcullis", "demo", "--port", port], start_new_session=True)
        started.append(demo)
        ready = until(lambda: "Every decision" in demo.output() or demo.child.poll() is not None, 30)
        if not judge(ready and demo.child.poll() is None, "the demo starts and says how to connect", "" if ready else demo.tail()):
            return
        said = demo.output()
        url, password = (re.search(pattern, said).group(1) for pattern in (r"MCP URL\s+(\S+)", r"Password\s+(\S+)"))
        judge.same(url, f"http://127.0.0.1:{port}/mcp", "the MCP URL is where it was told to be")
        steps = [line.strip() for line in said.splitlines() if line.strip().startswith(("curl ", "TOKEN="))]
        judge.same(len(steps), 4, "four lines to be copied into a shell")

        # In one shell, as they are printed.
        marked = "\n".join(step + "\necho; echo '--- next'" for step in steps)
        shell = subprocess.run(["bash", "-c", marked + '\necho "TOKEN ${TOKEN:0:3}"'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        found = [part.strip() for part in shell.stdout.split("--- next")]
        challenge, _, notes, refused = (found + [""] * 4)[:4]
        judge("401" in challenge.split("\n")[0] and "resource_metadata=" in challenge, "without a token: 401, and where to get one", challenge.split("\n")[0])
        judge("TOKEN eyJ" in shell.stdout, "a token by client_credentials")
        judge("Portcullis" in notes and "Shopping" in notes, "list_notes with it", notes[-200:])
        judge("403" in refused.split("\n")[0] and "notes:write" in refused, "write_note with it: 403, naming notes:write", refused.split("\n")[0])

        base, account = url.removesuffix("/mcp"), re.search(r"Account\s+(\S+)", said)[1]
        connect(judge, world, started, folder, base, account, password)
        client, browser = oauth.Client(f"{base}/oauth", url), Browser()
        client.register()
        tokens = client.tokens(browser, "notes:read notes:write", password, account=account)
        judge.same(oauth.call(url, tokens["access_token"], "delete_all_notes").status, 403, "delete_all_notes is denied to everybody")
        shown = until(lambda: demo.output().split("Every decision")[1] if "delete_all_notes" in demo.output().split("Every decision")[1] else None) or ""
        wanted = {"tools/call list_notes": "allowed", "tools/call write_note": "refused: insufficient_scope", "tools/call delete_all_notes": "refused"}
        missing = [what for what, verdict in wanted.items() if not re.search(rf"{re.escape(what)}\s.*{verdict}", shown)]
        judge(not missing, "each call is shown with its verdict as it is made", missing or f"{len(shown.splitlines())} lines")
        events = [event for event in ("register", "login", "consent", "token") if event not in shown]
        judge(not events, "and each decision of the authorization server", f"not shown: {events}" if events else "")
        judge(password not in shown and "eyJ" not in shown, "no password and no token in what is shown")
        os.killpg(demo.child.pid, signal.SIGINT)
        until(lambda: demo.child.poll() is not None)
        judge.same(demo.stop(), 0, "Ctrl-C ends it cleanly")


def connect(judge, world, started, folder, base, account, password):
    """What the printout says about clients, with those that need no screen."""
    calls = [["list_notes", {}], ["write_note", {"title": "From the run", "text": "written"}]]
    playing = {name: player(world, folder, name, base, account, password, calls) for name in ("py2", "ts2")}
    started += playing.values()
    inspects = Inspector(world, started, folder / "inspector", base)
    child = inspects.start("demo", "--callback-url", inspects.callback, "--method", "tools/call", "--tool-name", "list_notes")
    if address := inspects.asks(child):
        person = Browser()
        last = person.go(address, inspects.callback, account, password)
        if last.location:
            person.request("GET", last.location)
    code, output = inspects.ended(child)
    judge(code == 0 and "Shopping" in output, "MCP Inspector (CLI) logs in with the printed account and calls list_notes", output[-300:] if code else "")
    for name, client in playing.items():
        until(lambda: client.child.poll() is not None, 60, 0.1)
        code, report = client.stop(), folder / f"{name}.json"
        told = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "steps": []}
        results = [step.get("result", "") for step in told["steps"]]
        judge(code == 0 and "Shopping" in results[0] and "wrote" in results[1], f"{CLIENTS[name]} {told['sdk']} logs in, lists notes, steps up and writes one",
              client.tail() if code else results[1])
