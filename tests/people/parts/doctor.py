"""`portcullis doctor` at four MCP servers that are not ours, as they are: it finds the faults that they are known for, and no others."""

import json
import os
import subprocess

from world import HERE, PARTS, RUN, Ended, Process, free_ports

# What each is known for: the id, and what the finding says.
KNOWN = {
    "simple_auth": {
        "resource-above": "/",                # python-sdk: the metadata has the origin with a slash as its resource, whatever the path
        "metadata-path-form-missing": "404",
        "cors-preflight-refused": "401",      # python-sdk: OPTIONS meets the check of tokens
        "slash-redirected": "307",            # python-sdk#1110: Starlette redirects the other form of the path
    },
    "oauth_proxy": {
        "cors-preflight-refused": "405",      # fastmcp: the routes of MCP have no OPTIONS
        "slash-redirected": "307",
    },
    "everything": {
        "no-authorization": "without a token",
        "origin-not-checked": "200",          # it sends Access-Control-Allow-Origin: * and looks at no Origin
    },
    "mcp_proxy": {
        "no-authorization": "without a token",
        "origin-not-checked": "200",
    },
}


def play(judge, world):
    folder, ports = RUN / "doctor", free_ports(*KNOWN)
    folder.mkdir()
    python = PARTS.environment("servers-python", "requirements-servers.txt", "constraints-servers.txt")
    modules = PARTS.npm_ci("servers", "servers", said="npm packages of tests/people/servers/package-lock.json") / "node_modules"
    commands = {
        "simple_auth": ([world.programs.python1, HERE / "doctor/simple_auth.py", ports["simple_auth"], f"http://127.0.0.1:{ports['oauth_proxy']}"], {}),
        "oauth_proxy": ([world.programs.python2, HERE / "doctor/oauth_proxy.py", ports["oauth_proxy"]], {}),
        "everything": ([world.programs.node, modules / "@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp"], {"PORT": str(ports["everything"])}),
        "mcp_proxy": ([python.parent / "mcp-proxy", "--port", ports["mcp_proxy"], "--", python, "-m", "mcp_server_time"], {}),
    }
    with Ended(judge) as started:
        servers = {}
        for name, (command, env) in commands.items():
            servers[name] = Process(PARTS, f"doctor-{name}", command, env={**os.environ, **env}, cwd=folder)
            started.append(servers[name])
        urls = {name: f"http://{'localhost' if name == 'simple_auth' else '127.0.0.1'}:{ports[name]}/mcp" for name in KNOWN}
        for name, url in urls.items():
            servers[name].ready(url, 40, good=lambda status: status < 500)
        for name, known in KNOWN.items():
            examined(judge, world, name, urls[name], known)


def examined(judge, world, name, url, known):
    done = subprocess.run([world.binary, "doctor", "--json", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    findings = json.loads(done.stdout or "[]")
    told = {one["id"]: f"{one['at']}: {one['found']}" for one in findings}
    judge(done.returncode == 1 and told.keys() == known.keys(), f"{name}: doctor finds {', '.join(known)}, and nothing else", told)
    for fault, words in known.items():
        one = next((one for one in findings if one["id"] == fault), {})
        judge(words in one.get("found", "") and one.get("cause") and one.get("fix"), f"{name}: {fault} says what was found, the cause and the fix", one.get("found"))
