"""mcp-remote steps up on the example of docs/policy.md and the demo's configuration, and Python mcp 1.9.4 signs in at an external issuer."""

import json
import os
import re
import secrets
import subprocess
import sys

from world import HERE, PARTS, ROOT, RUN, Ended, Guide, Process, free_ports, log_lines

sys.path.append(str(HERE.parent / "login"))
from person import Browser  # noqa: E402
from real_remote import Remote, walk  # noqa: E402

ACCOUNT, PASSWORD = "demo", "correct horse battery staple"
SCOPES = ["mcp:connect", "mcp:tools:weather", "notes:read", "notes:write", "read:add", "math", "files:read"]
POLICY_ISSUER = "issuer: https://login.example.com/realms/main\n    profile: keycloak"
# What a page writes that has one scope for everything and one for a tool: the shape that mcp-remote took for its own guess.
SMALLEST = '''servers:
  weather:
    path: /mcp
    upstream: {url: "http://127.0.0.1:8000/mcp"}
    scopes: [mcp:connect]
    rules:
      - {tools: [list_notes]}
      - {tools: ["get_*"], scopes: ["mcp:tools:weather"]}
'''


def play(judge, world):
    folder, ports = RUN / "clients", free_ports("SERVER", "ISSUER")
    folder.mkdir()
    with Ended(judge) as started:
        server = Process(PARTS, "clients-server", [world.programs.python, HERE / "clients/server.py", ports["SERVER"]])
        started.append(server)
        server.ready(f"http://127.0.0.1:{ports['SERVER']}/mcp", good=lambda status: status in (400, 405, 406))
        issuer = f"http://127.0.0.1:{ports['ISSUER']}"
        for name, config, path, first, more in configurations(issuer):
            here = free_ports("GATEWAY", "ADMIN")
            base = f"http://127.0.0.1:{here['GATEWAY']}"
            provider = external(world, ports["ISSUER"], base + path) if "embedded" not in config else None
            gateway = started_with(world, folder / name, here, ports["SERVER"], config)
            with Ended(judge) as inner:
                inner += [*filter(None, [provider]), gateway]
                gateway.ready(f"http://127.0.0.1:{here['ADMIN']}/readyz", 30)
                steps_up(judge, world, name, folder / name, base + path, first, more, "/oauth/authorize" if provider is None else "/auth")
                if name == "smallest":
                    for sdk in ("early", "earliest"):
                        early(judge, world, sdk, base + path, issuer, provider)


def configurations(issuer):
    """(name, gateway.yaml, path, a call with the base scope, a call that needs one more)"""
    forecast = ("get_forecast", {"city": "Oslo"}, "Oslo: sunny", "mcp:tools:weather")
    notes, write = ("list_notes", {}, "Shopping", None), ("write_note", {"title": "Bread", "text": "rye"}, "wrote Bread", "notes:write")
    policy = Guide("policy.md", {POLICY_ISSUER: f"issuer: {issuer}"}).block("yaml", "tools: [\"get_*\", forecast]")
    demo = re.search(r'const CONFIG: &str = r#"(.*?)"#;', (ROOT / "src/cli/demo/words.rs").read_text(), re.DOTALL)[1]
    head = policy[:policy.index("\nservers:\n") + 1]
    return [("policy", policy, "/weather/mcp", None, forecast), ("smallest", head + SMALLEST, "/mcp", notes, forecast),
            ("demo", demo, "/mcp", notes, write), ("demo-external", head + demo[demo.index("\nservers:\n") + 1:], "/mcp", notes, write)]


def started_with(world, folder, ports, server, config):
    """A gateway of its own, with the places of this run in the place of those that are written."""
    folder.mkdir()
    hashed = PARTS.command("hash-password", world.binary, "hash-password", input=f"{PASSWORD}\n").strip()
    (folder / "accounts.yaml").write_text(json.dumps({"accounts": [{"name": ACCOUNT, "password": hashed, "groups": ["writers"]}]}))
    for written, here in (("https://mcp.example.com", f"http://127.0.0.1:{ports['GATEWAY']}"), ("127.0.0.1:8080", f"127.0.0.1:{ports['GATEWAY']}"), ("127.0.0.1:8000", f"127.0.0.1:{server}"),
                          ("127.0.0.1:PORT", f"127.0.0.1:{ports['GATEWAY']}"), ("127.0.0.1:UPSTREAM", f"127.0.0.1:{server}"), ('admin: {address: "127.0.0.1:0"}\n', "")):
        config = config.replace(written, here)
    (folder / "gateway.yaml").write_text(config + f"admin: {{address: \"127.0.0.1:{ports['ADMIN']}\"}}\n")
    env = {**os.environ, "DEMO_CLIENT_SECRET": secrets.token_urlsafe(24), "DEMO_SESSION_KEY": secrets.token_urlsafe(32)}
    PARTS.command("check of gateway.yaml", world.binary, "check", "--config", folder / "gateway.yaml", env=env)
    return Process(PARTS, f"gateway-clients-{folder.name}", [world.binary, "run", "--config", folder / "gateway.yaml"], env=env)


def external(world, port, resource):
    """oidc-provider of the interop run, without offline_access, with the scopes of these servers, and with an audience for clients that name none."""
    text = (HERE.parent / "interop/as/server.mjs").read_text()
    for written, here in (("'openid', 'offline_access', ", "'openid', "), ("['mcp:connect', 'mcp:tools:read', 'mcp:tools:write', 'mcp:resources:read']", json.dumps(SCOPES)),
                          ("useGrantedResource: () => true,", f"useGrantedResource: () => true, defaultResource: () => {json.dumps(resource)},")):
        if written not in text:
            PARTS.fail(f"tests/interop/as/server.mjs does not say {written!r}")
        text = text.replace(written, here)
    script = world.programs.modules / "issuer.mjs"
    script.write_text(text)
    provider = Process(PARTS, "clients-issuer", [world.programs.node, script, "--port", port, "--ttl", "600"])
    provider.ready(f"http://127.0.0.1:{port}/.well-known/openid-configuration")
    return provider


def steps_up(judge, world, name, folder, url, first, more, authorize):
    remote, browser = Remote(world.programs.node, world.programs.modules, folder, url, authorize), Browser()
    try:
        ready = remote.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "people", "version": "1"}}, 1)
        address = remote.wants_a_browser()
        if not judge(address, f"{name}: mcp-remote registers and prints an address", "" if address else remote.tail()):
            return
        walk(browser, address, ACCOUNT, PASSWORD)
        judge("result" in ready(), f"{name}: mcp-remote initializes after the sign-in")
        remote.send("notifications/initialized")
        if first:
            said = json.dumps(remote.ask("tools/call", {"name": first[0], "arguments": first[1]}, 2)())
            judge(first[2] in said, f"{name}: it calls {first[0]} with the base scope", said[:160])
        tool, arguments, expected, scope = more
        answer = remote.ask("tools/call", {"name": tool, "arguments": arguments}, 3)
        address = remote.wants_a_browser()
        if judge(address and scope in address.replace("%3A", ":"), f"{name}: after the 403 of {tool} it asks for {scope} as well", "" if address else remote.tail()):
            walk(browser, address, ACCOUNT, PASSWORD)
            said = json.dumps(answer())
            judge(expected in said, f"{name}: and {tool} answers in the same process", said[:160] if "result" in said else remote.tail())
    finally:
        remote.stop()


def early(judge, world, name, url, issuer, provider):
    done = subprocess.run([world.early(name), HERE / "clients/early.py", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    lines = done.stdout.strip().splitlines()
    said = json.loads(lines[-1]) if lines else {}
    evidence = said or done.stderr[-600:]
    judge(said.get("newer") not in (None, True), f"mcp {said.get('sdk')} cannot parse the metadata that newer clients get", said.get("newer"))
    judge(said.get("registration") == f"{issuer}/reg" and f"{issuer}/reg" in said["posts"] and not any(at.endswith("/register") for at in said["posts"]), "it parses what the gateway mirrors for it, and registers at the issuer", evidence)
    registered = [line for line in log_lines(provider) if line.get("path") == "/reg" and line.get("client_name") == f"early-{said.get('sdk')}"]
    judge(registered and registered[0].get("status") == 201, "where it is registered", registered[:1])
    if name == "early":
        judge(said.get("tool") == "Oslo: sunny", "it signs in there and calls a tool", said.get("tool") or done.stderr[-600:])
    else:    # up to 1.9.2 it takes `bearer` alone: what an external token endpoint answers never passes the gateway
        judge(f"{issuer}/token" in said["posts"] and "token_type" in done.stderr and said.get("tool") is None, "it signs in there, and takes tokens only of issuers that write token_type in lower case", done.stderr[-300:])
    status, about = said.get("fallback", [None, ""])
    judge(status == 404 and f"{issuer}/reg" in (about or ""), "a client that falls back to /register of the gateway is told where to register", about)
