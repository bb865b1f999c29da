"""What an attack is made of: a request in every byte, the answer it must get, and what the upstream may have seen of it."""

import collections
import itertools
import json
import traceback

from http1 import Connection, Stream, exchange

PLAIN, WIDE = "mcp:connect", "mcp:connect danger:run secret:read"
TOKENS = {
    "A": ("alice", PLAIN),
    "A wide": ("alice", WIDE),
    "A none": ("alice", "other"),
    "B": ("bob", PLAIN),
    "B wide": ("bob", WIDE),
    "C": ("carol", PLAIN),
    "D": ("dave", PLAIN),
}
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
# A server may make a task only for a client that says it can follow one.
TASKS_META = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}}
MODERN = "MCP-Protocol-Version: 2026-07-28"
LEGACY = "MCP-Protocol-Version: 2025-11-25"
MARKERS = itertools.count(1)
# Codes of the gateway's own refusals by right: the scope is missing, a rule denies, no rule allows.
DENIED = {"insufficient_scope", "forbidden", "no_rule"}

# Why a test is not run at the second upstream.
ONCE = "played once, by the scripted upstream, which is neither of the two"

ALL = []
Attack = collections.namedtuple("Attack", "number name play only why_not")


def attack(number, only=None, why_not=""):
    """Registers a test. `only` names the one upstream that it makes sense for, `why_not` says why the other is left out."""

    def register(play):
        ALL.append(Attack(number, play.__name__, play, only, why_not))
        return play

    return register


def utf8(text):
    return text if isinstance(text, bytes) else text.encode()


class Ask:
    """A request. `lines` are header lines as they are sent; `framing` replaces Content-Length, and the body follows as it is."""

    def __init__(self, body=b"", *lines, method="POST", media="application/json", framing=None, accept="application/json, text/event-stream"):
        self.body, self.lines, self.method, self.media, self.framing, self.accept = utf8(body), lines, method, media, framing, accept

    def raw(self, port, path, token=None):
        lines = [f"{self.method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", f"Accept: {self.accept}"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if self.media:
            lines.append(f"Content-Type: {self.media}")
        lines.extend(self.lines)
        if self.framing is not None:
            lines.append(self.framing)
        elif self.method == "POST":
            lines.append(f"Content-Length: {len(self.body)}")
        return b"\r\n".join(map(utf8, lines)) + b"\r\n\r\n" + self.body


def message(method, params=None, ident=1):
    said = {"jsonrpc": "2.0", "method": method}
    if ident is not None:
        said["id"] = ident
    if params is not None:
        said["params"] = params
    return json.dumps(said)


def call(params, ident="1"):
    """A tools/call whose `params` and `id` are written as given."""
    return b'{"jsonrpc":"2.0","id":' + utf8(ident) + b',"method":"tools/call","params":' + utf8(params) + b"}"


def tool(name, **more):
    return message("tools/call", {"name": name, **more})


def modern(method, params, *lines, name=None, ident=1, meta=META):
    """A request of 2026-07-28 with its standard headers."""
    standard = [MODERN, f"Mcp-Method: {method}"] + ([f"Mcp-Name: {name}"] if name else [])
    return Ask(message(method, {**params, "_meta": meta}, ident), *standard, *lines)


class Case:
    """One attack at one upstream: asks, and keeps what was found."""

    def __init__(self, world, upstream):
        self.world, self.upstream, self.u = world, upstream, upstream.name
        self.found = []

    # ---- evidence ----

    def claim(self, good, label, evidence):
        self.found.append((bool(good), label, evidence))
        return good

    def note(self, text):
        """Something worth saying that decides nothing."""
        self.found.append((None, "", text))

    # ---- requests ----

    def token(self, who):
        return self.world.issuer.token(*TOKENS[who]) if who else None

    def at(self, path):
        return f"/{self.u}/{path}" if not path.startswith("/") else path

    def port(self, gateway="main"):
        if gateway in self.world.broken:
            raise RuntimeError(f"the gateway `{gateway}` does not run: {self.world.broken[gateway]}")
        return self.world.gateways[gateway].port

    def send(self, ask, who="A", path="open", gateway="main"):
        port = self.port(gateway)
        return exchange(port, ask.raw(port, self.at(path), self.token(who)))

    def stream(self, ask, who="A", path="mcp", gateway="main"):
        port = self.port(gateway)
        connection = Connection(port)
        connection.send(ask.raw(port, self.at(path), self.token(who)))
        return Stream(connection)

    # ---- what the upstream saw ----

    def seen(self, mark):
        """All that the upstream saw since then. A marked request goes the same way afterwards and must be the last thing there."""
        marker = f"x-marker: {next(MARKERS)}"
        answer = self.send(Ask(tool("safe"), marker))
        if answer.status != 200:
            raise RuntimeError(f"the marker was answered {answer}")
        records = self.upstream.since(mark)
        own = [r for r in records if f"'{marker.split()[1]}'" in str(r.get("headers", ())) and "x-marker" in str(r["headers"]).lower()]
        if len(own) != 2:
            raise RuntimeError(f"the marker is not in the upstream's log: {records}")
        # That a connection from before ended is no request.
        rest = [r for r in records if r not in own and r["kind"] != "left"]
        ran = [at for at, r in enumerate(rest) if r == {"kind": "did", "what": "tool safe"}]
        del rest[ran[-1]]
        return rest

    # ---- verdicts ----

    def judge(self, label, answer, records, statuses, codes=None, reasons=None):
        statuses = {statuses} if isinstance(statuses, int) else set(statuses)
        codes = {codes} if isinstance(codes, int) else codes
        good = answer.status in statuses and (codes is None or answer.code in codes) and (reasons is None or answer.reason in reasons)
        saw = "upstream saw nothing" if not records else f"upstream saw {brief(records)}"
        wanted = "" if good else f", wanted {sorted(statuses)}{f'/{sorted(codes)}' if codes else ''}{f' {sorted(reasons)}' if reasons else ''}"
        return self.claim(good and not records, label, f"{answer}{wanted}, {saw}")

    def refused(self, label, ask, statuses, codes=None, reasons=None, who="A", path="open", gateway="main"):
        """Sends it; the answer must be the refusal, and the upstream must not have seen a request."""
        mark = self.upstream.mark()
        answer = self.send(ask, who, path, gateway)
        self.judge(label, answer, self.seen(mark), statuses, codes, reasons)
        return answer

    def denied(self, label, ask, who="A", path="open", gateway="main"):
        return self.refused(label, ask, 403, reasons=DENIED, who=who, path=path, gateway=gateway)

    def passes(self, label, ask, did=("tool safe",), status=200, who="A", path="open", gateway="main"):
        """Sends it; it must reach the upstream byte for byte, and be run there."""
        mark = self.upstream.mark()
        answer = self.send(ask, who, path, gateway)
        records = self.seen(mark)
        bodies = [r["body"].encode("latin-1") for r in records if r["kind"] == "request"]
        ran = [r["what"] for r in records if r["kind"] == "did"]
        good = answer.status == status and bodies == [ask.body] and ran == list(did)
        self.claim(
            good, label, f"{answer}, upstream got {'the same bytes' if bodies == [ask.body] else f'{len(bodies)} bodies'} and ran {ran or 'nothing'}"
        )
        return answer, records

    def direct(self, label, ask, *did, path="open"):
        """The same bytes straight to the upstream: shows that the attack is one."""
        mark = self.upstream.mark()
        answer = exchange(self.upstream.port, ask.raw(self.upstream.port, f"/{path}"))
        for what in did:
            self.upstream.wait(mark, lambda r, what=what: r == {"kind": "did", "what": what})
        ran = [r["what"] for r in self.upstream.since(mark) if r["kind"] == "did"]
        self.claim(
            ran == list(did),
            f"direct: {label}",
            f"direct {answer.status} ran {', '.join(ran) or 'nothing'}" + ("" if ran == list(did) else f", expected {', '.join(did) or 'nothing'}"),
        )
        return answer

    # ---- sessions ----

    def session(self, who="A", path="mcp", gateway="main"):
        """A legacy session of this caller's."""
        capabilities = {"elicitation": {}, "sampling": {}}
        params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "attacks", "version": "1"}}
        answer = self.send(Ask(message("initialize", params, 0)), who, path, gateway)
        ident = answer.get("mcp-session-id")
        if answer.status != 200 or not ident:
            raise RuntimeError(f"no session for {who}: {answer}")
        self.send(Ask(message("notifications/initialized", ident=None), *session(ident)), who, path, gateway)
        return ident

    def alive(self, ident, who="A", path="mcp", gateway="main"):
        """That this caller's session still works."""
        answer = self.send(Ask(tool("safe"), *session(ident)), who, path, gateway)
        ran = any("safe was run" in json.dumps(result) for result in answer.results()) if answer.status == 200 else False
        self.claim(ran, f"{who}'s session still works", f"{who} afterwards {answer.status}")


def session(ident):
    return LEGACY, f"Mcp-Session-Id: {ident}"


def brief(records):
    """What an upstream saw, short."""
    short = []
    for record in records:
        if record["kind"] == "did":
            short.append(f"ran {record['what']}")
        elif record["kind"] in ("request", "broken", "unreadable"):
            short.append(f"{record.get('method', 'bytes that are no HTTP')} {record.get('body', '')[:90]!r}")
    return "; ".join(short) or f"{len(records)} records"


def play(one, world, upstream, verbose):
    """Runs one test and prints its line; whether it passed, or None where it makes no sense at this upstream."""
    if one.only not in (None, upstream.name):
        print(f"---- {one.name} [{upstream.name}] not applicable: {one.why_not}", flush=True)
        return None
    case = Case(world, upstream)
    try:
        one.play(case)
    except Exception as fault:
        where = traceback.extract_tb(fault.__traceback__)[-1]
        case.claim(False, "the test broke", f"{type(fault).__name__}: {fault} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})")
    good = bool(case.found) and all(passed is not False for passed, _, _ in case.found) and any(passed for passed, _, _ in case.found)
    shown = collections.Counter(evidence for passed, _, evidence in case.found if passed)
    parts = [f"{count}× {evidence}" if count > 1 else evidence for evidence, count in shown.items()]
    parts += [evidence for passed, _, evidence in case.found if passed is None]
    print(f"{'PASS' if good else 'FAIL'} {one.name} [{upstream.name}] {' · '.join(parts)}", flush=True)
    for passed, label, evidence in case.found:
        if passed is False or verbose:
            print(f"       {'ok  ' if passed else 'note' if passed is None else 'BAD '} {label}: {evidence}", flush=True)
    return good
