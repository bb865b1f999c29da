"""Plays one whole MCP authorization story with the Python SDK, as its users would write it.

    python flow.py --url https://127.0.0.1:8443/mcp --ca ca.pem --mode auto|legacy --report out.json [--expiry 11]

Runs with SDK 2.x and 1.x. It judges nothing: it writes down every HTTP exchange of every step (tokens as
digests only) and leaves the verdicts to the script that started it. The SDK's own OAuthClientProvider does
discovery, registration, PKCE, tokens, step-up and refresh; only the browser is ours.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import ssl
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

REDIRECT = "http://127.0.0.1:33418/callback"  # nothing listens there: the browser below stops in front of it


def digest(authorization):
    scheme, _, credential = (authorization or "").partition(" ")
    return f"{scheme} sha256:{hashlib.sha256(credential.encode()).hexdigest()[:12]}" if credential else None


class Transcript:
    """Every exchange, in order, filed under the step that caused it."""

    def __init__(self):
        self.steps, self.current = [], None

    @contextlib.asynccontextmanager
    async def step(self, name):
        self.current = {"name": name, "exchanges": [], "began": time.time()}
        self.steps.append(self.current)
        try:
            yield self.current
        except Exception as e:
            while getattr(e, "exceptions", None):
                e = e.exceptions[0]
            self.current["error"] = f"{type(e).__name__}: {e}"
            raise
        finally:
            self.current["ended"] = time.time()

    async def asked(self, request):
        body, at = request.content.decode(errors="replace"), time.time()
        entry = {"at": at, "method": request.method, "url": str(request.url).split("?")[0],
                 "credential": digest(request.headers.get("authorization")),
                 "version": request.headers.get("mcp-protocol-version"), "status": None}
        if body and request.headers.get("content-type", "").startswith("application/json"):
            message = json.loads(body)
            params = message.get("params") or {}
            entry["rpc"] = " ".join(filter(None, [message.get("method"), params.get("name") or params.get("uri")]))
            entry["scope"] = message.get("scope")  # of a client registration
        elif body:
            form = {k: v[0] for k, v in parse_qs(body).items()}
            entry |= {k: form.get(k) for k in ("grant_type", "scope", "resource")} | {"pkce": "code_verifier" in form}
        request.extensions["entry"] = entry
        self.current["exchanges"].append(entry)

    async def answered(self, response):
        entry = response.request.extensions["entry"]
        entry |= {"status": response.status_code, "challenge": response.headers.get("www-authenticate"),
                  "type": response.headers.get("content-type"), "took": time.time() - entry["at"]}


class Browser:
    """A person who says yes to everything: follows redirects until the authorization server sends it home."""

    def __init__(self, transcript):
        self.transcript, self.home = transcript, None
        self.client = http.AsyncClient(timeout=30)

    async def open(self, url):
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        self.transcript.current["exchanges"].append(
            {"at": time.time(), "method": "BROWSER", "url": url.split("?")[0], "status": None}
            | {k: asked.get(k) for k in ("scope", "resource", "prompt", "code_challenge_method")})
        for _ in range(12):
            answer = await self.client.get(url)
            if answer.status_code not in (302, 303):
                raise RuntimeError(f"authorization stopped at {url.split('?')[0]}: {answer.status_code} {answer.text[:300]}")
            url = str(answer.url.join(answer.headers["location"]))
            if url.startswith(REDIRECT):
                self.home = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
                self.transcript.current["exchanges"][-1]["status"] = answer.status_code
                return
        raise RuntimeError("too many redirects")

    async def result(self):
        if "error" in self.home:
            raise RuntimeError(f"authorization refused: {self.home}")
        code, state = self.home["code"], self.home.get("state")
        return AuthorizationCodeResult(code=code, state=state, iss=self.home.get("iss")) if MODERN else (code, state)


class Storage:
    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


@contextlib.asynccontextmanager
async def connected(url, client, mode):
    """One surface for both SDKs: the object to call, and the protocol version agreed on."""
    if MODERN:
        async with Client(streamable_http_client(url, http_client=client), mode=mode) as session:
            yield session, session.protocol_version
    else:
        async with streamable_http_client(url, http_client=client) as (read, write, _):
            async with ClientSession(read, write) as session:
                yield session, (await session.initialize()).protocolVersion


def text(result):
    parts = getattr(result, "content", None) or getattr(result, "contents", None) or [m.content for m in result.messages]
    return "".join(getattr(p, "text", "") for p in parts)


async def raw(client, url, token, rpc, name=None):
    """One request by hand, for answers that the SDK does not show."""
    body = {"jsonrpc": "2.0", "id": 41, "method": rpc, "params": {"name": name, "arguments": {}} if name else {}}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    answer = await client.post(url, json=body, headers=headers)
    return {"status": answer.status_code, "challenge": answer.headers.get("www-authenticate"), "body": answer.text[:600]}


async def play(a, transcript):
    tls = ssl.create_default_context(cafile=a.ca)
    hooks = {"request": [transcript.asked], "response": [transcript.answered]}
    browser, storage = Browser(transcript), Storage()
    oauth = OAuthClientProvider(
        server_url=a.url,
        client_metadata=OAuthClientMetadata(
            client_name=f"interop {SDK} {a.mode}", redirect_uris=[REDIRECT],
            grant_types=["authorization_code", "refresh_token"], response_types=["code"]),
        storage=storage, redirect_handler=browser.open, callback_handler=browser.result)
    step = transcript.step

    async with (http.AsyncClient(auth=oauth, verify=tls, timeout=http.Timeout(30, read=60), event_hooks=hooks) as client,
                http.AsyncClient(verify=tls, timeout=30) as bare):
        async with step("discovery by hand") as s:
            s["challenge"] = await raw(bare, a.url, None, "tools/list")
            where = urlsplit(a.url)
            well_known = f"{where.scheme}://{where.netloc}/.well-known/oauth-protected-resource"
            s["metadata"] = {}
            for form in (well_known + where.path, well_known):
                answer = await bare.get(form)
                s["metadata"][form] = {"status": answer.status_code, "body": answer.text}

        transcript.current = {"name": "connect", "exchanges": [], "began": time.time()}
        transcript.steps.append(transcript.current)
        async with connected(a.url, client, a.mode) as (session, agreed):
            transcript.current |= {"result": agreed, "ended": time.time()}

            async def call(name, title=None, **arguments):
                async with step(title or name) as s:
                    result = await session.call_tool(name, arguments)
                    s["result"] = text(result)
                    s["refused"] = bool(getattr(result, "is_error", getattr(result, "isError", False)))
                    s["scope"] = storage.tokens.scope

            await call("list_stations")
            async with step("tools/list") as s:
                s["result"] = sorted(t.name for t in (await session.list_tools()).tools)
            await call("get_forecast", city="Prague")
            await call("delete_station", id="north")
            await call("get_forecast", "get_forecast again", city="Brno")
            await call("get_request_headers")

            async with step("slow_count") as s:
                s["progress"] = []

                async def counted(progress, total, message):
                    s["progress"].append({"step": progress, "of": total, "sent": float(message), "arrived": time.time()})

                s["result"] = text(await session.call_tool("slow_count", {"n": 6}, progress_callback=counted))
                s["result_arrived"] = time.time()

            async with step("resource and prompt") as s:
                s["result"] = [text(await session.read_resource("weather://stations/north")),
                               text(await session.get_prompt("plan_a_trip", {"city": "Prague"}))]
                s["scope"] = storage.tokens.scope

            async with step("tool without a rule") as s:
                s["result"] = await raw(bare, a.url, storage.tokens.access_token, "tools/call", "reset_everything")

            old = storage.tokens
            async with step("expired token by hand") as s:
                await asyncio.sleep(a.expiry)
                s["result"] = await raw(bare, a.url, old.access_token, "tools/list")

            await call("get_forecast", "get_forecast after expiry", city="Pilsen")
            transcript.current |= {"rotated": old.refresh_token != storage.tokens.refresh_token,
                                   "renewed": old.access_token != storage.tokens.access_token}
            transcript.current = {"name": "close", "exchanges": [], "began": time.time()}
            transcript.steps.append(transcript.current)
    await browser.client.aclose()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--url", required=True)
    p.add_argument("--ca", required=True)
    p.add_argument("--mode", choices=["auto", "legacy"], default="auto")
    p.add_argument("--report", required=True)
    p.add_argument("--expiry", type=float, default=11, help="seconds after which any token has expired")
    a = p.parse_args()
    transcript = Transcript()
    try:
        asyncio.run(asyncio.wait_for(play(a, transcript), 90))
    finally:
        with open(a.report, "w") as f:
            json.dump({"sdk": SDK, "mode": a.mode, "steps": transcript.steps}, f, indent=1)


if __name__ == "__main__":
    main()
