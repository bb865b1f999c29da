"""Plays one whole MCP authorization story with the Python SDK, as its users would write it.

    python flow.py --url https://127.0.0.1:8443/mcp --ca ca.pem --mode auto|legacy --report out.json --life 9.5

Runs with SDK 2.x and 1.x. It judges nothing: it writes down every HTTP exchange of every step (tokens as
digests only) and leaves the verdicts to the script that started it. The SDK's own OAuthClientProvider does
discovery, registration, PKCE, tokens, step-up and refresh; only the browser is ours. flow.mjs is the same story.
"""

import argparse
import asyncio
import codecs
import contextlib
import hashlib
import json
import re
import ssl
import time
from importlib.metadata import version
from urllib.parse import parse_qs, urlsplit

import anyio
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

SDK = version("mcp")
MODERN = not SDK.startswith("1.")
if MODERN:
    import httpx2 as http
    from mcp import Client
    from mcp.client.auth import AuthorizationCodeResult
    from mcp.client.subscriptions import SubscriptionLost
    from mcp_types import CreateMessageResult, ElicitResult, TextContent
else:
    import httpx as http
    from mcp import ClientSession
    from mcp.types import CreateMessageResult, ElicitResult, TextContent

REDIRECT = "http://127.0.0.1:33418/callback"  # nothing listens there: the browser below stops in front of it


def digest(secret):
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:12]}" if secret else None


def shown(authorization):
    scheme, _, credential = (authorization or "").partition(" ")
    return f"{scheme} {digest(credential)}" if credential else None


def summary(message, event_id=False):
    """One message of an answer: a result, an error, a notification, or a request of the server."""
    result, params, error = message.get("result") or {}, message.get("params") or {}, message.get("error")
    return {"at": time.time(), "what": message.get("method") or (f"error {error['code']}" if error else "result"), "event_id": event_id,
            "kind": result.get("resultType"), "state": digest(result.get("requestState")), "uri": params.get("uri")}


class Watched(http.AsyncByteStream):
    """The body of an answer, passed on as it comes, its messages written down."""

    def __init__(self, stream, entry, events):
        self.stream, self.entry, self.events, self.rest = stream, entry, events, ""

    def take(self, text):
        *events, self.rest = re.split(r"\r?\n\r?\n", self.rest + text)
        for event in events:
            fields = [line.partition(":")[::2] for line in event.splitlines()]
            data = "\n".join(value.strip() for name, value in fields if name == "data")
            event_id = any(name == "id" for name, _ in fields)
            if data:
                self.entry["events"].append(summary(json.loads(data), event_id))
            elif event_id:
                self.entry["events"].append({"at": time.time(), "what": "empty", "event_id": True})

    async def __aiter__(self):
        decode = codecs.getincrementaldecoder("utf-8")().decode
        try:
            async for part in self.stream:
                if self.events:
                    self.take(decode(part))
                else:
                    self.rest += decode(part)
                yield part
        finally:
            self.entry["ended"] = time.time()
            message = json.loads(self.rest) if not self.events and self.rest.startswith("{") else {}
            if "jsonrpc" in message:
                self.entry["events"].append(summary(message))

    async def aclose(self):
        self.entry.setdefault("ended", time.time())
        await self.stream.aclose()


class Watching(http.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        answer = await super().handle_async_request(request)
        encoded = answer.headers.get("content-encoding")
        if "entry" in request.extensions and not encoded:
            events = answer.headers.get("content-type", "").startswith("text/event-stream")
            answer.stream = Watched(answer.stream, request.extensions["entry"], events)
        return answer


class Transcript:
    """Every exchange, in order, filed under the step that caused it."""

    def __init__(self):
        self.steps, self.current = [], None
        self.client = self.session = None  # the id of the session that the client last saw

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
                 "credential": shown(request.headers.get("authorization")), "version": request.headers.get("mcp-protocol-version"),
                 "session": digest(request.headers.get("mcp-session-id")), "resumes": "last-event-id" in request.headers, "status": None, "events": []}
        if body and request.headers.get("content-type", "").startswith("application/json"):
            message = json.loads(body)
            params = message.get("params") or {}
            if "jsonrpc" in message:
                entry["rpc"] = " ".join(filter(None, [message.get("method") or "response", params.get("name") or params.get("uri")]))
            entry["scope"] = message.get("scope")  # of a client registration
            entry["answers"] = sorted(params.get("inputResponses") or []) or None
            entry["state"] = digest(params.get("requestState"))
        elif body:
            form = {k: v[0] for k, v in parse_qs(body).items()}
            entry |= {k: form.get(k) for k in ("grant_type", "scope", "resource")} | {"pkce": "code_verifier" in form}
        request.extensions["entry"] = entry
        self.current["exchanges"].append(entry)

    async def answered(self, response):
        entry = response.request.extensions["entry"]
        entry |= {"status": response.status_code, "challenge": response.headers.get("www-authenticate"),
                  "type": response.headers.get("content-type"), "took": time.time() - entry["at"]}
        self.session = response.headers.get("mcp-session-id") or self.session


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
    def __init__(self, transcript):
        self.transcript = transcript
        self.tokens = self.client = self.since = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens, self.since = tokens, time.time()

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client, self.transcript.client = client, client.client_id


class Person:
    """What the user and the model behind this client say, and the updates that came."""

    def __init__(self):
        self.updates = []

    async def elicit(self, _context, _params):
        return ElicitResult(action="accept", content={"value": "Zephyr"})

    async def sample(self, _context, _params):
        return CreateMessageResult(role="assistant", model="interop", content=TextContent(type="text", text="mild and dry"))

    async def hear(self, message):
        message = getattr(message, "root", message)
        if getattr(message, "method", None) == "notifications/resources/updated":
            self.updates.append(str(message.params.uri))


@contextlib.asynccontextmanager
async def connected(url, client, mode, person):
    """One surface for both SDKs: the object to call, and the protocol version agreed on."""
    told = {"elicitation_callback": person.elicit, "sampling_callback": person.sample, "message_handler": person.hear}
    if MODERN:
        async with Client(streamable_http_client(url, http_client=client), mode=mode, **told) as session:
            yield session, session.protocol_version
    else:
        async with streamable_http_client(url, http_client=client) as (read, write, _):
            async with ClientSession(read, write, **told) as session:
                yield session, (await session.initialize()).protocolVersion


async def until(what, secs=10):
    end = time.time() + secs
    while not what():
        if time.time() > end:
            raise TimeoutError(f"waited {secs} s")
        await asyncio.sleep(0.02)


def text(result):
    parts = getattr(result, "content", None) or getattr(result, "contents", None) or [m.content for m in result.messages]
    return "".join(getattr(p, "text", "") for p in parts)


async def raw(client, url, token, rpc, name=None, session=None):
    """One request by hand, for answers that the SDK does not show."""
    body = {"jsonrpc": "2.0", "id": 41, "method": rpc, "params": {"name": name, "arguments": {}} if name else {}}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if session:
        headers["mcp-session-id"] = session
    answer = await client.post(url, json=body, headers=headers)
    return {"status": answer.status_code, "challenge": answer.headers.get("www-authenticate"), "body": answer.text[:600]}


async def play(a, transcript):
    tls = ssl.create_default_context(cafile=a.ca)
    hooks = {"request": [transcript.asked], "response": [transcript.answered]}
    browser, storage, person = Browser(transcript), Storage(transcript), Person()
    oauth = OAuthClientProvider(
        server_url=a.url,
        client_metadata=OAuthClientMetadata(
            client_name=a.name, redirect_uris=[REDIRECT],
            grant_types=["authorization_code", "refresh_token"], response_types=["code"]),
        storage=storage, redirect_handler=browser.open, callback_handler=browser.result)
    step = transcript.step

    async with (http.AsyncClient(auth=oauth, transport=Watching(verify=tls), timeout=http.Timeout(30, read=60), event_hooks=hooks) as client,
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
        async with connected(a.url, client, a.mode, person) as (session, agreed):
            transcript.current |= {"result": agreed, "ended": time.time()}
            modern, uri = agreed >= "2026", f"weather://stations/{a.name}"

            async def call(name, title=None, **arguments):
                async with step(title or name) as s:
                    result = await session.call_tool(name, arguments)
                    s["result"] = text(result)
                    s["refused"] = bool(getattr(result, "is_error", getattr(result, "isError", False)))
                    s["scope"] = storage.tokens.scope

            async def counted(name, n):
                async with step(name) as s:
                    s["progress"] = []

                    async def seen(progress, total, message):
                        s["progress"].append({"step": progress, "of": total, "sent": float(message), "arrived": time.time()})

                    s["result"] = text(await session.call_tool(name, {"n": n}, progress_callback=seen))
                    s["result_arrived"] = time.time()

            await call("list_stations")
            if not modern:
                await until(lambda: [x for s in transcript.steps for x in s["exchanges"]
                                     if x["method"] == "GET" and x["url"] == a.url and x["status"] == 200])
                await call("announce_station", uri=uri)
                await until(lambda: uri in person.updates)
                transcript.current |= {"updates": list(person.updates), "uri": uri}
            async with step("tools/list") as s:
                s["result"] = sorted(t.name for t in (await session.list_tools()).tools)
            await call("get_forecast", city="Prague")
            await call("delete_station", id="north")
            await call("get_forecast", "get_forecast again", city="Brno")
            await call("get_request_headers")
            await counted("slow_count", 6)
            await call("rename_station", id="north")
            await call("describe_weather", city="Prague")
            if not modern:
                await counted("interrupted_count", 4)

            async with step("resource and prompt") as s:
                s["result"] = [text(await session.read_resource("weather://stations/north")),
                               text(await session.get_prompt("plan_a_trip", {"city": "Prague"}))]
                s["scope"] = storage.tokens.scope
            async with contextlib.AsyncExitStack() as kept:
                if modern:
                    async with step("subscription") as s:
                        subscription = await kept.enter_async_context(session.listen(resource_subscriptions=[uri]))
                        await session.call_tool("announce_station", {"uri": uri})
                        s |= {"updates": [(await anext(aiter(subscription))).uri], "uri": uri}

                async with step("tool without a rule") as s:
                    s["result"] = await raw(bare, a.url, storage.tokens.access_token, "tools/call", "reset_everything")

                old = storage.tokens
                async with step("expired token by hand") as s:
                    await asyncio.sleep(max(0, storage.since + a.life - time.time()))
                    s["result"] = await raw(bare, a.url, old.access_token, "tools/list")

                if modern:
                    async with step("subscription after expiry") as s:
                        with anyio.fail_after(5):
                            try:
                                s["result"] = f"more came: {await anext(aiter(subscription))}"
                            except SubscriptionLost:
                                s["result"] = "lost"

            await call("get_forecast", "get_forecast after expiry", city="Pilsen")
            transcript.current |= {"rotated": old.refresh_token != storage.tokens.refresh_token,
                                   "renewed": old.access_token != storage.tokens.access_token}
            transcript.current = {"name": "close", "exchanges": [], "began": time.time()}
            transcript.steps.append(transcript.current)
        if not modern:
            transcript.current["result"] = await raw(bare, a.url, storage.tokens.access_token, "tools/list", session=transcript.session)
    await browser.client.aclose()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--url", required=True)
    p.add_argument("--ca", required=True)
    p.add_argument("--mode", choices=["auto", "legacy"], default="auto")
    p.add_argument("--report", required=True)
    p.add_argument("--life", type=float, required=True, help="seconds after which a token has surely expired")
    p.add_argument("--name", required=True, help="what the client registers as, and names its resource by")
    a = p.parse_args()
    transcript = Transcript()
    try:
        asyncio.run(asyncio.wait_for(play(a, transcript), 90))
    finally:
        with open(a.report, "w") as f:
            json.dump({"sdk": SDK, "mode": a.mode, "client": transcript.client, "steps": transcript.steps}, f, indent=1)


if __name__ == "__main__":
    main()
