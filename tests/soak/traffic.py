"""What the clients of the soak do, and what each answer must be at the moment it comes."""

import asyncio
import dataclasses
import itertools
import json
import random
import time

from clients import Gone
from world import SKEW

IDS = itertools.count(1)
LEGACY, BATCHES, MODERN = "2025-11-25", "2025-03-26", "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
IN_SESSIONS = {
    "session begun",
    "call in a session, at the other replica",
    "session of another caller",
    "session ended",
    "call in a session that was ended",
}
KEYS_AWAITED = 45       # seconds after a rotation in which 503 with Retry-After is an answer: the floor, and some


@dataclasses.dataclass
class Sent:
    """One request, and what came of it."""

    kind: str
    replica: object
    peer: str
    token: str | None           # its digest; None where no token is proved
    method: str
    names: list
    forwarded: bool             # whether the upstream may see it where its status is one of success
    start: float = 0.0
    head: float = 0.0           # when the head of the answer came
    end: float = 0.0
    status: int = 0
    reason: str = ""
    retry_after: int = 0
    cut: str = ""
    wrong: str = ""


def message(method, params=None, ident=None):
    said = {"jsonrpc": "2.0", "method": method, **({"params": params} if params is not None else {})}
    return said if method.startswith("notifications/") else {**said, "id": ident or next(IDS)}


class Caller:
    """One user at one address: its connections and its tokens."""

    def __init__(self, world, ledger, user, peer, connections):
        self.world, self.ledger, self.user, self.peer, self.connections = world, ledger, user, peer, connections
        self.tokens = {}

    def token(self, scope="mcp:connect"):
        """A token that is renewed ahead of its end, as clients do."""
        held = self.tokens.get(scope)
        if held is None or held.expires - time.time() < 20:
            held = self.tokens[scope] = self.world.issuer.token(self.world.audience, self.user, scope)
        return held

    async def ask(self, kind, body, wanted, token, method="POST", forwarded=True, proved=True, replica=None, version=LEGACY, session=None, fields=()):
        """Sends, and judges the status: `wanted` maps what is in force to statuses. The answer is None where there is none to read."""
        replica = replica or random.choice(self.world.replicas)
        # A session belongs to its server; anything else goes to either.
        path = "/mcp" if kind in IN_SESSIONS else random.choice(("/mcp", "/second"))
        messages = body if isinstance(body, list) else [body]
        names = [(one.get("params") or {}).get("name") or (one.get("params") or {}).get("uri") for one in messages if one]
        called = method if not body else messages[0]["method"]
        sent = Sent(kind, replica, self.peer, token.digest if token and proved else None, called, names or [None], forwarded)
        head = [("Accept", "text/event-stream" if method == "GET" else "application/json, text/event-stream"), ("MCP-Protocol-Version", version)]
        head += [("Content-Type", "application/json")] if body else []
        head += [("Authorization", f"Bearer {token.text}")] if token else []
        head += [("Mcp-Session-Id", session)] if session else []
        data = json.dumps(body).encode() if body else b""
        self.ledger.all.append(sent)
        sent.start = time.monotonic()
        try:
            answer = await self.connections[replica.name].ask(method, path, [*head, *fields], data)
        except Gone as fault:
            sent.end, sent.wrong = time.monotonic(), f"no answer: {fault}"
            return sent, None
        sent.head = sent.end = time.monotonic()
        sent.status = answer.status
        statuses = wanted(replica.flips(sent.start, sent.end)) if callable(wanted) else wanted
        if answer.status in statuses:
            return sent, answer
        await self.whole(sent, answer)
        sent.wrong = sent.wrong or self.inexcusable(sent, answer, statuses)
        return sent, None

    def inexcusable(self, sent, answer, statuses):
        """An upstream that is being restarted, and keys that are being fetched, are not a wrong verdict."""
        if answer.status in (502, 504) and sent.forwarded and self.world.upstream.down.touch(sent.start, sent.end):
            self.ledger.count("502 while the upstream was restarted")
            return ""
        if answer.status == 503 and sent.reason == "keys_unavailable" and time.monotonic() - self.world.issuer.rotated < KEYS_AWAITED:
            sent.retry_after = int(answer.fields.get("retry-after", 0))
            self.ledger.count("503 with Retry-After while keys were awaited")
            return "" if sent.retry_after > 0 else "503 without Retry-After"
        return f"{answer.status} {sent.reason}, wanted {sorted(statuses)}"

    async def whole(self, sent, answer):
        """The body, with its reason noted; what breaks off does so because the upstream does, or is wrong."""
        try:
            body = await answer.rest()
        except Gone as fault:
            sent.cut, body = str(fault), b""
            if not (sent.forwarded and self.world.upstream.down.touch(sent.start, time.monotonic())):
                sent.wrong = f"the answer broke off: {fault}"
            else:
                self.ledger.count("answers cut by a restart of the upstream")
        if sent.status >= 400:
            sent.reason = reason(body)
        sent.end = time.monotonic()
        return body

    async def told(self, sent, answer, check):
        """Reads the body of a success, which must say what was asked for."""
        if answer is None:
            return
        body = await self.whole(sent, answer)
        if sent.status == 200 and not sent.cut and not sent.wrong and not check(body):
            sent.wrong = f"the answer is that of something else: {body[:200]!r}"

    # ---- the kinds ----

    async def call(self):
        name = f"get_{next(IDS)}"
        await self.told(*await self.ask("call", message("tools/call", {"name": name, "arguments": {}}), {200}, self.token()), lambda body: says(body, name))

    async def modern(self):
        name = f"get_{next(IDS)}"
        body = message("tools/call", {"name": name, "arguments": {}, "_meta": META})
        fields = [("Mcp-Method", "tools/call"), ("Mcp-Name", name)]
        await self.told(*await self.ask("modern call", body, {200}, self.token(), version=MODERN, fields=fields), lambda body: says(body, name))

    async def stream(self):
        name = f"stream_{next(IDS)}"
        sent, answer = await self.ask("call with a stream", message("tools/call", {"name": name}), {200}, self.token())
        await self.told(sent, answer, lambda body: body.count(b"notifications/progress") == 2 and says(body.split(b"data: ")[-1], name))

    async def flip(self):
        name = f"flip_{next(IDS)}"
        wanted = lambda flips: {200 if flip else 403 for flip in flips}  # noqa: E731
        await self.told(*await self.ask("call that a reload permits or denies", message("tools/call", {"name": name}), wanted, self.token()), lambda body: says(body, name))

    async def denied(self):
        name = f"{random.choice(('del', 'other'))}_{next(IDS)}"
        await self.told(*await self.ask("denied call", message("tools/call", {"name": name}), {403}, self.token(), forwarded=False), bool)

    async def lacking(self):
        body = message("tools/call", {"name": f"adm_{next(IDS)}"})
        await self.told(*await self.ask("call without its scope", body, {403}, self.token(), forwarded=False), bool)

    async def granted(self):
        name = f"adm_{next(IDS)}"
        token = self.token("mcp:connect mcp:admin")
        await self.told(*await self.ask("call with its scope", message("tools/call", {"name": name}), {200}, token), lambda body: says(body, name))

    async def listed(self):
        sent, answer = await self.ask("list", message("tools/list"), {200}, self.token())
        always = {"get_a", "stream_a", "adm_a"}

        def right(body):
            flips = sent.replica.flips(sent.start, sent.end)
            return {tool["name"] for tool in json.loads(body)["result"]["tools"]} in [always | ({"flip_a"} if flip else set()) for flip in flips]

        await self.told(sent, answer, right)

    async def resource(self):
        for uri, wanted in ((f"file:///pub/{next(IDS)}", 200), (f"file:///secret/{next(IDS)}", 403)):
            sent, answer = await self.ask("resource", message("resources/read", {"uri": uri}), {wanted}, self.token(), forwarded=wanted == 200)
            await self.told(sent, answer, lambda body, uri=uri: says(body, uri))

    async def prompt(self):
        name = f"hello_{next(IDS)}"
        await self.told(*await self.ask("prompt", message("prompts/get", {"name": name}), {200}, self.token()), lambda body: says(body, name))

    async def batch(self):
        names = [f"get_{next(IDS)}" for _ in range(3)]
        body = [message("tools/call", {"name": name}) for name in names]
        sent, answer = await self.ask("batch", body, {200}, self.token(), version=BATCHES)
        await self.told(sent, answer, lambda body: all(says(body, name) for name in names))

    async def mixed_batch(self):
        body = [message("tools/call", {"name": f"{kind}_{next(IDS)}"}) for kind in ("get", "del", "get")]
        await self.told(*await self.ask("batch with a denied call", body, {403}, self.token(), version=BATCHES, forwarded=False), bool)

    async def left(self):
        """Leaves in the middle of an answer: the call has run, once."""
        sent, answer = await self.ask("client that leaves", message("tools/call", {"name": f"leave_{next(IDS)}"}), {200}, self.token())
        if answer is None or sent.status != 200:
            return
        try:
            await answer.piece()
            await answer.leave()
        except Gone as fault:
            sent.cut = str(fault)
            if not self.world.upstream.down.touch(sent.start, time.monotonic()):
                sent.wrong = f"the answer broke off: {fault}"
        sent.end = time.monotonic()

    async def session(self, other):
        """Begun at one replica, used at the other, not for another caller, and over when it is ended."""
        one, two = random.sample(self.world.replicas, 2)
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        began, token = time.monotonic(), self.token()
        sent, answer = await self.ask("session begun", message("initialize", params), {200}, token, replica=one)
        await self.told(sent, answer, bool)
        if answer is None or sent.status != 200:
            return
        ident = answer.fields["mcp-session-id"]
        await self.told(*await self.ask("session begun", message("notifications/initialized"), {202}, token, replica=one, session=ident), bool)
        name = f"get_{next(IDS)}"
        sent, answer = await self.ask("call in a session, at the other replica", message("tools/call", {"name": name}), {200}, token, replica=two, session=ident)
        await self.told(sent, answer, lambda body: says(body, name))
        body = message("tools/call", {"name": f"get_{next(IDS)}"})
        await other.told(*await other.ask("session of another caller", body, {404}, other.token(), replica=two, session=ident, forwarded=False), bool)
        sent, answer = await self.ask("session ended", None, {200}, token, method="DELETE", replica=one, session=ident)
        await self.told(sent, answer, lambda _: True)
        if answer is None or sent.status != 200:
            return
        body, upstream = message("tools/call", {"name": f"get_{next(IDS)}"}), self.world.upstream
        # The upstream forgets what was ended when it is restarted.
        wanted = lambda _: {404, 200} if upstream.down.touch(began, time.monotonic()) else {404}  # noqa: E731
        await self.told(*await self.ask("call in a session that was ended", body, wanted, token, replica=two, session=ident), lambda _: True)

    async def listening(self):
        """A stream of its own, left after some seconds."""
        await self.hold("stream left by its client", self.token(), random.uniform(2, 5))

    async def listening_too_long(self):
        """A stream that ends with its token."""
        token = self.world.issuer.token(self.world.audience, self.user, lives=4)
        sent = await self.hold("stream that ends with its token", token, 60)
        late = time.time() - token.expires - SKEW
        # After a rotation the gateway may wait for keys until the token has ended; the stream ends with its head then.
        late = min(late, sent.end - sent.head) if sent else late
        # On a machine that is busy with other things the news may take some seconds.
        if sent and not sent.cut and not -0.5 < late < 5:
            sent.wrong = sent.wrong or f"ended {late:.1f} s after its token"

    async def hold(self, kind, token, seconds):
        sent, answer = await self.ask(kind, None, {200}, token, method="GET")
        if answer is None or sent.status != 200:
            return None
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                if not await answer.piece():
                    if seconds < 60 and not self.world.upstream.down.touch(sent.start, time.monotonic()):
                        sent.wrong = "the stream ended although its token holds"
                    break
            else:
                await answer.leave()
                if seconds >= 60:
                    sent.wrong = "the stream outlived its token"
        except Gone as fault:
            sent.cut = str(fault)
            if not self.world.upstream.down.touch(sent.start, time.monotonic()):
                sent.wrong = f"the stream broke off: {fault}"
        sent.end = time.monotonic()
        return sent

    async def expiring(self):
        """The same token until it is refused."""
        token = self.world.issuer.token(self.world.audience, self.user, lives=2)
        ends = token.expires + SKEW
        while time.time() < ends + 0.5:
            before = time.time()
            name = f"get_{next(IDS)}"
            wanted = lambda _: {401 if t >= ends else 200 for t in (before - 0.05, time.time() + 0.05)}  # noqa: B023, E731
            sent, answer = await self.ask("token that expires", message("tools/call", {"name": name}), wanted, token)
            await self.told(sent, answer, lambda body, name=name: says(body, name))
            await asyncio.sleep(0.4)

    async def refused_tokens(self, none, expired, forged):
        """No token, one of the past, one for another server, one with an invented key; each from an address of its own."""
        issuer, audience = self.world.issuer, self.world.audience
        call = lambda: message("tools/call", {"name": f"get_{next(IDS)}"})  # noqa: E731
        await none.told(*await none.ask("no token", call(), {401}, None, forwarded=False), bool)
        past = issuer.token(audience, "eve", lives=-30)
        await expired.told(*await expired.ask("expired token", call(), {401}, past, forwarded=False, proved=False), bool)
        elsewhere = issuer.token(f"{audience}/elsewhere", "eve", kid=issuer.keys[0][0], key=issuer.keys[0][1])
        await expired.told(*await expired.ask("token for another server", call(), {401}, elsewhere, forwarded=False, proved=False), bool)
        invented = issuer.token(audience, "eve", kid=f"invented-{next(IDS)}", key=issuer.forged)
        # Whether its key is unknown, or nobody can know now: never in.
        await forged.told(*await forged.ask("invented key", call(), {401, 503}, invented, forwarded=False, proved=False), bool)

    async def fresh(self, replica):
        """The first token of a new key: in at once, or told truthfully when."""
        token = self.world.issuer.token(self.world.audience, self.user)
        for attempt in (1, 2):
            name = f"get_{next(IDS)}"
            sent, answer = await self.ask("token of a new key", message("tools/call", {"name": name}), {200}, token, replica=replica)
            if sent.status == 503 and not sent.wrong:
                if attempt == 2:
                    sent.wrong = "503 again after the time that Retry-After gave"
                await asyncio.sleep(sent.retry_after + 0.1)
                continue
            return await self.told(sent, answer, lambda body: says(body, name))


def reason(body):
    """The word for it in a refusal."""
    try:
        return json.loads(body)["error"]["data"]["reason"]
    except (ValueError, KeyError, TypeError):
        return ""


def says(body, what):
    """Whether the result in `body` names what was asked for."""
    return json.dumps(what).encode() in body


KINDS = [
    (30, Caller.call),
    (8, Caller.modern),
    (10, Caller.stream),
    (14, Caller.flip),
    (8, Caller.denied),
    (5, Caller.lacking),
    (5, Caller.granted),
    (5, Caller.listed),
    (4, Caller.resource),
    (2, Caller.prompt),
    (3, Caller.batch),
    (2, Caller.mixed_batch),
    (1, Caller.left),
]
