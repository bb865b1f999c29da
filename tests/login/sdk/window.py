"""One of several windows of a client, with the Python SDK. They share one file of tokens, as the windows of an editor do.

    python window.py --url http://127.0.0.1:8080/mcp --store tokens.json --go FOLDER --name A --rounds 5

The file has {client, tokens}. It writes FOLDER/ready-NAME. In each round, when FOLDER/go-N exists, the window reads the file, holds the token for expired,
and calls a tool: the SDK refreshes. Then it writes the file and FOLDER/done-N-NAME, with what happened. window.mjs does the same.
"""

import argparse
import asyncio
import json
import pathlib
import time
from importlib.metadata import version

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

if version("mcp").startswith("1."):
    import httpx as http
else:
    import httpx2 as http

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "window", "version": "1"}}
HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "list_stations"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_stations", "arguments": {}, "_meta": META}}


class Shared:
    """The SDK's storage: the shared file."""

    def __init__(self, path):
        self.path, self.written = path, 0

    def read(self):
        return json.loads(self.path.read_text())

    def write(self, **changed):
        new = self.path.with_suffix(f".{id(self)}.{time.monotonic_ns()}")
        new.write_text(json.dumps(self.read() | changed))
        new.replace(self.path)

    async def get_tokens(self):
        return OAuthToken.model_validate(self.read()["tokens"])

    async def set_tokens(self, tokens):
        self.written += 1
        self.write(tokens=json.loads(tokens.model_dump_json(exclude_none=True)))

    async def get_client_info(self):
        return OAuthClientInformationFull.model_validate(self.read()["client"])

    async def set_client_info(self, client):
        raise RuntimeError("the SDK registered again")


async def sent_away(_url):
    raise RuntimeError("the user is asked to sign in again")


async def play(a, shared):
    client = shared.read()["client"]
    metadata = OAuthClientMetadata(client_name="window", redirect_uris=client["redirect_uris"], grant_types=["authorization_code", "refresh_token"], response_types=["code"])
    (a.go / f"ready-{a.name}").touch()
    for number in range(a.rounds):
        while not (a.go / f"go-{number}").exists():
            await asyncio.sleep(0.001)
        # A window that was just opened: it knows what the file says, and nothing else.
        oauth = OAuthClientProvider(server_url=a.url, storage=shared, redirect_handler=sent_away, callback_handler=sent_away, client_metadata=metadata)
        await oauth._initialize()
        oauth.context.token_expiry_time = time.time() - 1
        before, told, began = shared.written, {}, oauth.context.current_tokens.refresh_token
        try:
            async with http.AsyncClient(auth=oauth, timeout=30) as asks:
                answer = await asks.post(a.url, json=CALL, headers=HEADERS)
                told = {"status": answer.status_code, "refreshed": shared.written > before, "began": began, "refresh_token": oauth.context.current_tokens.refresh_token}
        except BaseException as e:
            while getattr(e, "exceptions", None):
                e = e.exceptions[0]
            told = {"error": f"{type(e).__name__}: {e}"}
        done = a.go / f"done-{number}-{a.name}"
        done.with_suffix(".new").write_text(json.dumps(told))
        done.with_suffix(".new").replace(done)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("url", "name"):
        p.add_argument(f"--{name}", required=True)
    for name in ("store", "go"):
        p.add_argument(f"--{name}", required=True, type=pathlib.Path)
    p.add_argument("--rounds", type=int, required=True)
    a = p.parse_args()
    asyncio.run(play(a, Shared(a.store)))


if __name__ == "__main__":
    main()
