"""Logs in with the Python SDK, steps up, refreshes and revokes, and writes down what happened. Runs with SDK 2.x and 1.x.

    python flow.py --url http://127.0.0.1:8080/mcp --report out.json --jar jar.json --name NAME --account alice
                   --calls '[["list_stations", {}], ["delete_station", {"id": "north"}]]'                 (PASSWORD in the environment)

The first of the calls needs the scope of the first challenge, the second one more.
With --public '["file:///pub/a", "greet"]' the first one needs no token, and neither do that resource and that prompt: the client
connects, lists and calls without a login, and signs in for the second.

It judges nothing. The SDK's OAuthClientProvider does discovery, registration, PKCE, tokens, step-up and refresh; the person
at the browser is person.py. flow.mjs is the same story.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import sys
import time
from importlib.metadata import version
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

SDK = version("mcp")
MODERN = not SDK.startswith("1.")
if MODERN:
    import httpx2 as http
    from mcp import Client
    from mcp.client.auth import AuthorizationCodeResult
else:
    import httpx as http
    from mcp import ClientSession
    from pydantic import AnyUrl

REDIRECT = "http://127.0.0.1:33418/callback"  # nothing listens there: the person stops in front of it
PERSON = pathlib.Path(__file__).resolve().parent.parent / "person.py"


class Story:
    """What happened, step by step, and what the SDK would have an application keep."""

    def __init__(self, a):
        self.a, self.steps, self.tokens, self.client, self.home = a, [], None, None, None

    @contextlib.asynccontextmanager
    async def step(self, name):
        now = {"name": name, "exchanges": [], "pages": []}
        self.steps.append(now)
        try:
            yield now
        except BaseException as e:
            while getattr(e, "exceptions", None):
                e = e.exceptions[0]
            now["error"] = f"{type(e).__name__}: {e}"
            raise
        finally:
            now["scope"] = self.tokens.scope if self.tokens else None

    # ---- every exchange, without what is secret in it ----

    async def asked(self, request):
        body = request.content.decode(errors="replace")
        entry = {"method": request.method, "url": str(request.url).split("?")[0], "status": None,
                 "bearer": "authorization" in request.headers, "session": request.headers.get("mcp-session-id")}
        if body and request.headers.get("content-type", "").startswith("application/json"):
            message = json.loads(body)
            entry["rpc"] = " ".join(filter(None, [message.get("method"), (message.get("params") or {}).get("name")])) if "jsonrpc" in message else None
        elif body:
            form = {key: values[0] for key, values in parse_qs(body).items()}
            entry |= {"grant_type": form.get("grant_type"), "resource": form.get("resource"), "pkce": "code_verifier" in form}
        request.extensions["entry"] = entry
        self.steps[-1]["exchanges"].append(entry)

    async def answered(self, response):
        response.request.extensions["entry"] |= {"status": response.status_code, "challenge": response.headers.get("www-authenticate")}

    # ---- the person ----

    async def open(self, url):
        asked = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        self.steps[-1]["exchanges"].append({"method": "BROWSER", "url": url.split("?")[0], "status": 200}
                                           | {key: asked.get(key) for key in ("scope", "resource", "code_challenge_method")})
        child = await asyncio.create_subprocess_exec(sys.executable, PERSON, url, "--until", REDIRECT, "--jar", self.a.jar,
                                                     "--account", self.a.account, "--password", os.environ["PASSWORD"], stdout=asyncio.subprocess.PIPE)
        said = json.loads((await child.communicate())[0])
        self.steps[-1]["pages"] += said["pages"]
        if not said["location"]:
            raise RuntimeError(f"the browser stopped at {said['stopped_at']}")
        self.home = {key: values[0] for key, values in parse_qs(urlsplit(said["location"]).query).items()}
        self.steps[-1]["came_with"] = sorted(self.home)

    async def result(self):
        if "error" in self.home:
            raise RuntimeError(f"authorization refused: {self.home}")
        code, state = self.home["code"], self.home.get("state")
        return AuthorizationCodeResult(code=code, state=state, iss=self.home.get("iss")) if MODERN else (code, state)

    # ---- the SDK's storage ----

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


@contextlib.asynccontextmanager
async def connected(url, client):
    """One surface for both SDKs: the object to call, and the protocol version agreed on."""
    if MODERN:
        async with Client(streamable_http_client(url, http_client=client), mode="auto") as session:
            yield session, session.protocol_version
    else:
        async with streamable_http_client(url, http_client=client) as (read, write, _):
            async with ClientSession(read, write) as session:
                yield session, (await session.initialize()).protocolVersion


def text(result):
    return "".join(getattr(part, "text", "") for part in result.content)


async def play(a, story):
    hooks = {"request": [story.asked], "response": [story.answered]}
    oauth = OAuthClientProvider(
        server_url=a.url, storage=story, redirect_handler=story.open, callback_handler=story.result,
        client_metadata=OAuthClientMetadata(client_name=a.name, redirect_uris=[REDIRECT], grant_types=["authorization_code", "refresh_token"],
                                            response_types=["code"]))
    async with http.AsyncClient(auth=oauth, timeout=http.Timeout(30, read=60), event_hooks=hooks) as client, http.AsyncClient(timeout=30) as bare:
        await (lazily(a, story, client) if a.public else told(a, story, oauth, client, bare))


async def lazily(a, story, client):
    """Without a login for as long as nothing needs one."""
    plain, more = json.loads(a.calls)
    resource, prompt = json.loads(a.public)
    async with contextlib.AsyncExitStack() as kept:
        async with story.step("anonymous") as s:
            session, s["agreed"] = await kept.enter_async_context(connected(a.url, client))
            s["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
            s["resources"] = sorted(str(found.uri) for found in (await session.list_resources()).resources)
            s["prompts"] = sorted(found.name for found in (await session.list_prompts()).prompts)
            s["result"] = text(await session.call_tool(*plain))
            s["read"] = (await session.read_resource(resource if MODERN else AnyUrl(resource))).contents[0].text
            s["prompt"] = (await session.get_prompt(prompt)).messages[0].content.text
        async with story.step("sign-in") as s:
            s["result"] = text(await session.call_tool(*more))
        async with story.step("after") as s:
            s["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
            s["result"] = text(await session.call_tool(*plain)) + text(await session.call_tool(*more))


async def told(a, story, oauth, client, bare):
    plain, more = json.loads(a.calls)
    async with contextlib.AsyncExitStack() as kept:
        async with story.step("login") as s:
            session, s["agreed"] = await kept.enter_async_context(connected(a.url, client))
            s["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
            s["result"] = text(await session.call_tool(*plain))
        async with story.step("step-up") as s:
            s["result"] = text(await session.call_tool(*more))
        async with story.step("refresh") as s:
            before = story.tokens
            oauth.context.token_expiry_time = time.time() - 1     # so that the SDK believes its token has expired
            s["result"] = text(await session.call_tool(*more))
            s["renewed"] = before.access_token != story.tokens.access_token
            s["rotated"] = before.refresh_token != story.tokens.refresh_token
    async with story.step("revoke") as s:
        metadata = oauth.context.oauth_metadata
        form = {"token": story.tokens.refresh_token, "client_id": story.client.client_id}
        if story.client.client_secret:
            form["client_secret"] = story.client.client_secret
        bearer = {"authorization": f"Bearer {story.tokens.access_token}", "accept": "application/json, text/event-stream",
                  "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "login", "version": "1"}}
        ping = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
        s["before"] = (await bare.post(a.url, json=ping, headers=bearer)).status_code
        method = story.client.token_endpoint_auth_method
        if method == "client_secret_basic":
            auth = (story.client.client_id, form.pop("client_secret"))
            answer = await bare.post(str(metadata.revocation_endpoint), data={"token": form["token"]}, auth=auth)
        else:
            answer = await bare.post(str(metadata.revocation_endpoint), data=form)
        s["revoked"], s["method"] = answer.status_code, method
        after = await bare.post(a.url, json=ping, headers=bearer)
        s["after"], s["challenge"] = after.status_code, after.headers.get("www-authenticate")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("url", "report", "jar", "name", "account", "calls"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--public")
    a = p.parse_args()
    story = Story(a)
    try:
        asyncio.run(asyncio.wait_for(play(a, story), 60))
    finally:
        with open(a.report, "w") as file:
            json.dump({"sdk": SDK, "steps": story.steps}, file, indent=1)


if __name__ == "__main__":
    main()
