"""The Python server of the URI run with the SDK of the 1.x line: URIs are `AnyUrl`, and templates match what that makes of them.

    python sdk1_server.py RESOURCES LOG    prints "port N" when it listens
"""

import json
import posixpath
import socket
import sys
from urllib.parse import unquote

import uvicorn
from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.resources import FunctionResource
from mcp.types import Completion
from pydantic import AnyUrl

RESOURCES = json.load(open(sys.argv[1]))
LOG = open(sys.argv[2], "ab", buffering=0)
DEPTH = 4


def did(what, reading):
    LOG.write(json.dumps({"what": what, "reading": reading}).encode() + b"\n")


server = FastMCP("uris", stateless_http=True, json_response=True, log_level="ERROR")


def static(uri, marker):
    def read():
        did("read", uri)
        return marker

    server.add_resource(FunctionResource(uri=AnyUrl(uri), name=uri, fn=read))


for uri, marker in RESOURCES["static"].items():
    static(uri, marker)


def opened(*segments):
    path = posixpath.normpath("/" + "/".join(unquote(segment) for segment in segments))
    did("read", f"posix {path}")
    return RESOURCES["posix"].get(path, "no such file")


def fetched(origin, *segments):
    url = origin + posixpath.normpath("/" + "/".join(unquote(segment) for segment in segments))
    did("read", url)
    return RESOURCES["web"].get(url, "no such page")


# `{name}` stands for one segment, so each depth is a template of its own.
for count in range(1, DEPTH + 1):
    names = [f"s{n}" for n in range(count)]
    source = ", ".join(f"{name}: str" for name in names)
    tail = "/".join(f"{{{name}}}" for name in names)
    space = {"opened": opened, "fetched": fetched}
    exec(f"def file({source}) -> str: return opened({', '.join(names)})", space)
    server.resource(f"file:///{tail}", name=f"file{count}")(space["file"])
    for scheme in ("http", "https"):
        exec(f"def page(host: str, {source}) -> str: return fetched('{scheme}://' + host, {', '.join(names)})", space)
        server.resource(f"{scheme}://{{host}}/{tail}", name=f"{scheme}{count}")(space["page"])


@server._mcp_server.subscribe_resource()
async def subscribe(uri: AnyUrl):
    did("subscribe", str(uri))


@server.completion()
async def complete(ref, argument, context):
    reading = str(AnyUrl(ref.uri))
    did("complete", reading)
    return Completion(values=[RESOURCES["static"].get(reading, "nothing")])


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(f"port {listener.getsockname()[1]}", flush=True)
application = server.streamable_http_app()
uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)).run(sockets=[listener])
