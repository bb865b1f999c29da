"""Python mcp 1.9.4 or 1.9.2, a client of 2025-03-26: discovers, registers, signs in and calls a tool. Usage: early.py URL

Prints one JSON line: what it parsed, where it registered, what the tool said, and whether it can parse the document for newer clients.
"""

import asyncio
import json
import sys
import urllib.parse
from importlib.metadata import version

import httpx
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.auth import OAuthClientMetadata, OAuthMetadata

REDIRECT = "http://127.0.0.1:33418/callback"    # nothing listens there: the browser below stops in front of it
said = {"sdk": version("mcp"), "posts": []}


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """Follows redirects as far as the client's own address; the server consents by itself."""

    async def open(self, url):
        said["authorize"] = url.split("?")[0]
        async with httpx.AsyncClient() as browser:
            for _ in range(10):
                answer = await browser.get(url)
                url = urllib.parse.urljoin(url, answer.headers["location"])
                if url.startswith(REDIRECT):
                    self.came = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
                    return

    async def result(self):
        return self.came["code"], self.came.get("state")


def parses(document):
    try:
        OAuthMetadata.model_validate(document)
        return True
    except ValueError as fault:
        return str(fault).splitlines()[1]


async def main(url):
    # Its requests for registration and tokens use clients of their own, so the class notes them.
    send = httpx.AsyncClient.send

    async def noted(client, request, **more):
        if request.method == "POST":
            said["posts"].append(str(request.url))
        return await send(client, request, **more)

    httpx.AsyncClient.send = noted
    browser, storage, base = Browser(), Storage(), urllib.parse.urljoin(url, "/")
    provider = OAuthClientProvider(
        server_url=url, client_metadata=OAuthClientMetadata(client_name=f"early-{said['sdk']}", redirect_uris=[REDIRECT], grant_types=["authorization_code", "refresh_token"], response_types=["code"]),
        storage=storage, redirect_handler=browser.open, callback_handler=browser.result)
    async with httpx.AsyncClient() as plain:
        newer = (await plain.get(f"{base}.well-known/oauth-authorization-server")).json()
        fallback = await plain.post(f"{base}register", json={"redirect_uris": [REDIRECT]})
    said.update(newer=parses(newer), fallback=[fallback.status_code, fallback.json().get("error_description")], posts=[])
    try:
        async with streamablehttp_client(url, auth=provider) as (read, write, _), ClientSession(read, write) as session:
            said["agreed"] = (await session.initialize()).protocolVersion
            said["tool"] = (await session.call_tool("get_forecast", {"city": "Oslo"})).content[0].text
    finally:
        metadata = provider._metadata
        said.update(issuer=metadata and str(metadata.issuer), registration=metadata and str(metadata.registration_endpoint), client=storage.client and storage.client.client_id)
        print(json.dumps(said), flush=True)


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 40))
