"""The Python server of the URI run with the SDK of the 2.x line: URIs are text, and templates decode what they match.

    python sdk2_server.py RESOURCES LOG    prints "port N" when it listens
"""

import json
import posixpath
import socket
import sys
from urllib.parse import unquote

import uvicorn
from mcp.server.mcpserver import MCPServer

RESOURCES = json.load(open(sys.argv[1]))
LOG = open(sys.argv[2], "ab", buffering=0)


def did(what, reading):
    LOG.write(json.dumps({"what": what, "reading": reading}).encode() + b"\n")


server = MCPServer("uris", log_level="ERROR")


def static(uri, marker):
    @server.resource(uri, name=uri)
    def read() -> str:
        did("read", uri)
        return marker


for uri, marker in RESOURCES["static"].items():
    static(uri, marker)


@server.resource("file:///{+path}", name="files")
def file(path: str) -> str:
    # The SDK has decoded it once; many a file server does so again.
    opened = posixpath.normpath(f"/{unquote(path)}")
    did("read", f"posix {opened}")
    return RESOURCES["posix"].get(opened, "no such file")


def web(scheme):
    @server.resource(f"{scheme}://{{host}}/{{+path}}", name=scheme)
    def page(host: str, path: str) -> str:
        url = f"{scheme}://{host}" + posixpath.normpath(f"/{path}")
        did("read", url)
        return RESOURCES["web"].get(url, "no such page")


for scheme in ("http", "https"):
    web(scheme)

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(f"port {listener.getsockname()[1]}", flush=True)
application = server.streamable_http_app(stateless_http=True, json_response=True)
uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)).run(sockets=[listener])
