"""Judges one client's story against what authorization and streaming through the gateway must look like."""

import collections
import dataclasses
import json
import re
from urllib.parse import urlsplit

# What a cell of the matrix shows, in the order of its columns. The last four depend on the version agreed.
PARTS = ["login", "calls", "step-up", "progress", "elicit", "sample", "notify", "resume", "refresh", "end"]
TARGETED = {"tools/call", "resources/read", "prompts/get"}


@dataclasses.dataclass
class Cell:
    """Where one story was played, and what the others wrote down of it."""

    url: str
    issuer: str
    root: str               # the resource whose metadata is at the root form
    modern: bool            # both sides can speak 2026-07-28
    steps_up_alone: bool
    stream_secs_max: float  # a token's life and the skew granted to it
    audits: list            # the gateway's audit lines of this client at this server
    asked: list             # the authorization server's lines of this client
    reached: list           # the server's lines of this client


def shown(challenge):
    """The parameters of a Bearer challenge, as a client reads them."""
    if not (challenge or "").startswith("Bearer "):
        return None
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', challenge))


class Verdicts:
    def __init__(self):
        self.part, self.parts, self.wrong, self.agreed = "calls", collections.defaultdict(list), 0, None

    def claim(self, text, good, *evidence):
        self.wrong += not good
        self.parts[self.part].append(bool(good))
        print(f"{'PASS' if good else 'FAIL'} {text}")
        for line in evidence:
            print(f"       {line}")


def line(x):
    """One exchange on one line."""
    events = collections.Counter(":".join(filter(None, (e["what"], e.get("kind")))) for e in x.get("events", []) if x["status"] == 200)
    parts = [x["method"], x["url"].split("://", 1)[1], x.get("rpc"), x.get("grant_type") and f"grant_type={x['grant_type']}",
             x.get("scope") and f'scope="{x["scope"]}"', x.get("prompt") and f"prompt={x['prompt']}",
             x.get("credential"), "with Last-Event-ID" if x.get("resumes") else None,
             x.get("answers") and f"with inputResponses {','.join(x['answers'])} and requestState {x['state']}",
             f"-> {x['status']}", x.get("challenge"), events and "[" + ", ".join(f"{n} × {e}" if n > 1 else e for e, n in events.items()) + "]"]
    return " ".join(str(p) for p in parts if p)


def audited(x):
    """One audit line on one line."""
    said = [x.get("method", "response"), x.get("target"), x["verdict"], x.get("reason"), f"-> {x['status']}"]
    return "audit: " + " ".join(str(p) for p in said if p)


def judge(story, cell):
    """Prints a line per claim, and returns the verdicts."""
    v, steps = Verdicts(), {s["name"]: s for s in story["steps"]}
    url, issuer, where = cell.url, cell.issuer, urlsplit(cell.url)
    gateway = f"{where.scheme}://{where.netloc}"
    prm = f"{gateway}/.well-known/oauth-protected-resource{where.path}"
    for s in story["steps"]:
        if "error" in s:
            v.claim(f"step {s['name']}", False, s["error"], *map(line, s["exchanges"]))

    def to(name, prefix="", **want):
        found = [x for x in steps.get(name, {}).get("exchanges", []) if x["url"].startswith(prefix)]
        return [x for x in found if all(x.get(k) == w for k, w in want.items())]

    def audits(rpc):
        method, _, target = rpc.partition(" ")
        return [x for x in cell.audits if x.get("method") == method and (x.get("target") or "") == target]

    def whats(x):
        return [e["what"] for e in x["events"]]

    def check(name, part, judgement):
        """A step that is missing or shaped otherwise is a failure, never a pass or a crash."""
        v.part = part
        try:
            judgement(steps[name])
        except (KeyError, IndexError, TypeError, ValueError) as e:
            v.claim(f"{name}: was played to its end", False, f"{type(e).__name__}: {e}")

    def discovery(s):
        first, got = shown(s["challenge"]["challenge"]), s["challenge"]
        v.claim("401 without a token names metadata and baseline scope, and no error",
                got["status"] == 401 and first == {"resource_metadata": prm, "scope": "mcp:connect"}, f"{got['status']} {got['challenge']}")
        for form, answer in s["metadata"].items():
            document = json.loads(answer["body"])
            v.claim(f"resource metadata at {form.removeprefix(gateway)}",
                    answer["status"] == 200 and document["resource"] == (url if form == prm else cell.root)
                    and document["authorization_servers"] == [issuer], answer["body"])

    def connect(s):
        order = s["exchanges"]
        wanted = [("POST", url), ("GET", prm), ("GET", f"{issuer}/.well-known/oauth-authorization-server"),
                  ("POST", f"{issuer}/reg"), ("BROWSER", f"{issuer}/auth"), ("POST", f"{issuer}/token"), ("POST", url)]
        later = [x for x in order[6:] if x.get("rpc") != "server/discover"]
        v.claim("401 → resource metadata → AS metadata → registration → authorization → token → retry",
                [(x["method"], x["url"]) for x in order[:7]] == wanted and order[0]["status"] == 401
                and order[6]["status"] not in (401, 403) and all(x["status"] in (200, 202) for x in later),
                *map(line, order))
        v.claim("the code was bound to the resource and PKCE", order[4]["resource"] == url and order[5]["resource"] == url
                and order[4]["code_challenge_method"] == "S256" and order[5]["pkce"],
                f"authorize: resource={order[4]['resource']} {order[4]['code_challenge_method']}; token: resource={order[5]['resource']}")
        granted = [x for x in cell.asked if x.get("path") == "/token"]
        v.claim("the authorization server granted the baseline scope to this client, and no more", granted[0]["granted"] == "mcp:connect"
                or set(granted[0]["granted"].split()) == {"mcp:connect", "offline_access"},
                f"AS log: {granted[0]['at']} POST /token {granted[0]['grant_type']} -> {granted[0]['status']} granted=\"{granted[0]['granted']}\"")
        probes = [x for x in order[6:] if x.get("rpc") == "server/discover"]
        v.claim("protocol version agreed" + (": the probe was let through, and the client took what the server has" if probes else ""),
                (s["result"] >= "2026") == cell.modern and bool(probes) == (story["mode"] == "auto")
                and all((x["status"] == 200) == cell.modern for x in probes), s["result"], *map(line, probes))

    def allowed(s):
        v.claim("allowed call: one request, 200", not s["refused"] and "north" in s["result"]
                and [x["status"] for x in to("list_stations", url, rpc="tools/call list_stations")] == [200],
                s["result"], *map(line, to("list_stations", url)))

    def listed(s):
        v.claim("tools/list came through, with what a step-up reaches",
                {"delete_station", "get_forecast"} <= set(s["result"]), str(s["result"]))

    def step_up(name, rpc, scopes):
        def judgement(s):
            tries = to(name, url, rpc=rpc)
            challenge = shown(tries[0]["challenge"]) or {}
            browser = to(name, f"{issuer}/auth")
            v.claim(f"{name}: 403 insufficient_scope names held and needed scopes",
                    tries[0]["status"] == 403 and challenge.get("error") == "insufficient_scope"
                    and set(challenge.get("scope", "").split()) == scopes and challenge.get("resource_metadata") == prm,
                    f"{tries[0]['status']} {tries[0]['challenge']}")
            grants = [x["grant_type"] for x in to(name, f"{issuer}/token")]
            # SDK 1.x of TypeScript can only refresh, which widens nothing; its application then authorizes anew with what the challenge named.
            by = "the client" if cell.steps_up_alone else "the SDK refreshed in vain, its application"
            refused = 1 if cell.steps_up_alone else 2
            granted = [set(x["granted"].split()) - {"offline_access"} for x in cell.asked if x.get("grant_type") == "authorization_code"]
            v.claim(f"{name}: {by} stepped up, and the same call succeeded",
                    [x["status"] for x in tries] == [403] * refused + [200] and bool(s.get("gave_up")) != cell.steps_up_alone
                    and grants == ["refresh_token"] * (refused - 1) + ["authorization_code"]
                    and len(browser) == 1 and scopes <= set(browser[0]["scope"].split())
                    and scopes <= set(s["scope"].split()) and scopes in granted and tries[0]["credential"] != tries[-1]["credential"],
                    *map(line, s["exchanges"]), *filter(None, [s.get("gave_up")]), *map(audited, audits(rpc)[:refused + 1]),
                    f'granted scope="{s["scope"]}"', str(s["result"]))
        return judgement

    def no_detour(s):
        v.claim("after both step-ups the first call still works, without a new login",
                not s["refused"] and not to(s["name"], issuer) and [x["status"] for x in to(s["name"], url, method="POST")] == [200],
                *map(line, s["exchanges"]))

    def stripped(s):
        headers = json.loads(s["result"])
        v.claim("the caller's token stopped at the gateway; who called went on",
                "authorization" not in headers and headers.get("x-auth-subject") == "alice" and headers.get("x-auth-client") == story["client"],
                f"headers that reached the server: {sorted(headers)}",
                f"x-auth-subject: {headers.get('x-auth-subject')}, x-auth-client: {headers.get('x-auth-client')}")

    def streamed(s):
        p, began = s["progress"], s["progress"][0]["sent"]
        # An event in time is one that arrived before its successor was sent. One may be late: the machine is not ours alone.
        in_time = sum(a["arrived"] < b["sent"] for a, b in zip(p, p[1:]))
        stream = to("slow_count", url, rpc="tools/call slow_count")[-1]
        v.claim("progress notifications arrive as they are sent",
                [x["step"] for x in p] == [1, 2, 3, 4, 5, 6] and in_time >= len(p) - 2 and p[-1]["arrived"] < s["result_arrived"]
                and "text/event-stream" in stream["type"],
                f"{line(stream)} {stream['type']}, head after {stream['took'] * 1000:.0f} ms",
                *(f"{x['step']:.0f}/{x['of']:.0f} sent +{(x['sent'] - began) * 1000:5.0f} ms, arrived +{(x['arrived'] - began) * 1000:5.0f} ms, "
                  f"on the way {(x['arrived'] - x['sent']) * 1000:.1f} ms" for x in p),
                f"result arrived +{(s['result_arrived'] - began) * 1000:.0f} ms: {s['result']}")

    def round_trip(what, wanted, method):
        """The server asks back: on the call's stream where there are sessions, else with a result that the client must complete."""
        def pushed(s):
            rpc = f"tools/call {s['name']}"
            call, = to(s["name"], url, rpc=rpc)
            answer, = to(s["name"], url, rpc="response")
            said = [x for x in whats(call) if x != "empty"]
            answered = [x for x in cell.audits if "method" not in x and x["verdict"] == "allowed" and x["status"] == 202]
            v.claim(f"{what}: asked on the stream of the call, answered by a POST of its own, result on the same stream",
                    said == [method, "result"] and call["status"] == 200 and answer["status"] == 202 and s["result"] == wanted
                    and call["events"][-2]["at"] <= answer["at"] <= call["events"][-1]["at"]
                    and [x["verdict"] for x in audits(rpc)] == ["allowed"] and len(answered) == 2,
                    line(call), line(answer), *map(audited, audits(rpc) + answered), s["result"])

        def retried(s):
            rpc = f"tools/call {s['name']}"
            first, second = to(s["name"], url, rpc=rpc)
            asked, done = first["events"][-1], second["events"][-1]
            v.claim(f"{what}: input_required, then the call again with the answer and the server's state, authorized anew",
                    asked["kind"] == "input_required" and asked["state"] and asked["state"] == second["state"] and first["answers"] is None
                    and second["answers"] and done["what"] == "result" and done["kind"] != "input_required" and s["result"] == wanted
                    and [x["verdict"] for x in audits(rpc)] == ["allowed"] * 2,
                    line(first), f"requestState {asked['state']}", line(second), *map(audited, audits(rpc)), s["result"])
        return retried if cell.modern else pushed

    def announced(s):
        gets = [x for other in story["steps"] for x in other["exchanges"] if x["url"] == url and x["method"] == "GET"]
        heard = [(x, e) for x in gets for e in x["events"] if e["what"] == "notifications/resources/updated"]
        call, = to("announce_station", url, rpc="tools/call announce_station")
        v.claim("a notification of the server came on the GET stream, and on no other",
                [e["uri"] for _, e in heard] == [s["uri"]] == s["updates"] and heard[0][1]["at"] >= call["at"]
                and "notifications/resources/updated" not in whats(call),
                line(heard[0][0]), f"{s['uri']} {(heard[0][1]['at'] - call['at']) * 1000:.0f} ms after the call that made the server say so was sent", line(call))

    def subscribed(s):
        stream, = to("subscription", url, rpc="subscriptions/listen")
        call, = to("subscription", url, rpc="tools/call announce_station")
        judged = audits(f"subscriptions/listen {s['uri']}")
        v.claim("subscriptions/listen: judged by its URI, acknowledged, and a change came on its stream",
                whats(stream) == ["notifications/subscriptions/acknowledged", "notifications/resources/updated"]
                and stream["events"][1]["uri"] == s["uri"] and s["updates"] == [s["uri"]] and stream["events"][1]["at"] >= call["at"]
                and [x["verdict"] for x in judged] == ["allowed"],
                line(stream), f"{s['uri']} {(stream['events'][1]['at'] - call['at']) * 1000:.0f} ms after the call that made the server say so was sent",
                *map(audited, judged))

    def subscription_ended(s):
        stream, = to("subscription", url, rpc="subscriptions/listen")
        v.claim("the subscription ended with its token, and the client knew", s["result"] == "lost" and stream["ended"] - stream["at"] <= cell.stream_secs_max,
                f"{line(stream)} was open for {stream['ended'] - stream['at']:.1f} s", s["result"])

    def resumed(s):
        broken, = to(s["name"], url, rpc="tools/call interrupted_count")
        back = [x for x in to(s["name"], url, method="GET") if x["resumes"]]
        v.claim("a broken stream was resumed with Last-Event-ID, and nothing was lost",
                "result" not in whats(broken) and broken["events"][-1]["event_id"] and len(back) == 1 and back[0]["status"] == 200
                and whats(back[0])[-1] == "result" and [p["step"] for p in s["progress"]] == [1, 2, 3, 4] and s["result"] == "Counted to 4."
                and any(x["resumes"] for x in cell.reached),
                line(broken), f"ended {(broken['ended'] - broken['at']) * 1000:.0f} ms after it was asked for; resumed after {(back[0]['at'] - broken['at']) * 1000:.0f} ms",
                line(back[0]), f"steps {[p['step'] for p in s['progress']]}, {s['result']}")

    def resource(s):
        v.claim("resource and prompt came through", s["result"] == ["north: 12 degrees", "What should I pack for Prague?"], str(s["result"]))

    def ruleless(s):
        got, judged = s["result"], audits("tools/call reset_everything")
        v.claim("a tool without a rule is refused with 403 and no challenge, for no scope would help",
                got["status"] == 403 and got["challenge"] is None and json.loads(got["body"]).get("id") == 41
                and [(x["verdict"], x["reason"]) for x in judged] == [("refused", "no_rule")],
                f"{got['status']} {got['body']}", *map(audited, judged))

    def expired(s):
        got = s["result"]
        v.claim("an expired token is 401 invalid_token", got["status"] == 401
                and (shown(got["challenge"]) or {}).get("error") == "invalid_token", f"{got['status']} {got['challenge']}")

    def refreshed(s):
        # The client may refresh before the call already: to open its GET stream again, which ended with the old token.
        since = steps["expired token by hand"]["exchanges"] + s["exchanges"]
        asked_for = [x for x in since if x["url"] == f"{issuer}/token"]
        at_server = [x for x in cell.asked if x.get("grant_type") == "refresh_token"]
        # Some look at the token's age and refresh first, some refresh when the gateway says 401.
        v.claim("after expiry the client refreshed, without a login, and the call succeeded",
                [x["grant_type"] for x in asked_for] == ["refresh_token"] and not [x for x in since if x["method"] == "BROWSER"]
                and s["renewed"] and s["rotated"] and at_server[-1]["status"] == 200 and not s["refused"]
                and [x["status"] for x in to(s["name"], url, rpc="tools/call get_forecast")] in ([200], [401, 200]),
                *map(line, since), *(f"AS log: {x['at']} POST /token grant_type=refresh_token -> {x['status']} granted=\"{x.get('granted')}\""
                                     for x in at_server[-1:]))

    def listening(_):
        gets = [x for s in story["steps"] for x in s["exchanges"] if x["url"] == url and x["method"] == "GET"]
        first, later = gets[0], [x for x in gets[1:] if x["status"] == 200 and x["credential"] != gets[0]["credential"] and x["at"] >= gets[0]["ended"]]
        v.claim("the GET stream opened, ended with its token, and was opened again with a newer one",
                first["status"] == 200 and "text/event-stream" in first["type"] and bool(later) and "text/event-stream" in later[-1]["type"]
                and first["ended"] - first["at"] <= cell.stream_secs_max,
                f"the first was open for {first['ended'] - first['at']:.1f} s", *(f"+{x['at'] - first['at']:4.1f} s {line(x)}" for x in gets))

    def closed(s):
        ended = to("close", url, method="DELETE")
        v.claim("the session was ended by DELETE", [x["status"] for x in ended] == [200] and bool([x for x in cell.reached if x["method"] == "DELETE"]),
                *map(line, ended))
        v.claim("an ended session is 404", s["result"]["status"] == 404, f"{s['result']['status']} {s['result']['body']}")
        ids = [{x["session"] for x in seen if x.get("session")} for seen in (cell.reached, [x for s in story["steps"] for x in s["exchanges"]])]
        v.claim("one session all along", len(ids[0]) == len(ids[1]) == 1, f"at the server: {ids[0]}, at the client: {ids[1]}")
        v.claim("the client never saw the server's own session id", ids[0] and not ids[0] & ids[1], f"at the server: {ids[0]}, at the client: {ids[1]}")

    def sessionless(s):
        sent = [x for s in story["steps"] for x in s["exchanges"] if x["url"] == url]
        v.claim("no session: no id, no GET, no DELETE, and every request names its version",
                {x["method"] for x in sent} == {"POST"} and not any(x["session"] for x in sent) and {x["version"] for x in sent} == {"2026-07-28"},
                f"{len(sent)} POSTs")

    read = {"mcp:connect", "mcp:tools:read"}
    write = read | {"mcp:tools:write"}
    story_of_all = [
        ("discovery by hand", "login", discovery), ("connect", "login", connect), ("list_stations", "calls", allowed), ("tools/list", "calls", listed),
        ("get_forecast", "step-up", step_up("get_forecast", "tools/call get_forecast", read)),
        ("delete_station", "step-up", step_up("delete_station", "tools/call delete_station", write)),
        ("get_forecast again", "calls", no_detour), ("get_request_headers", "calls", stripped), ("slow_count", "progress", streamed),
        ("rename_station", "elicit", round_trip("elicitation", "Station north is now called Zephyr.", "elicitation/create")),
        ("describe_weather", "sample", round_trip("sampling", "Prague: mild and dry", "sampling/createMessage")),
        ("resource and prompt", "step-up", step_up("resource and prompt", "resources/read weather://stations/north", write | {"mcp:resources:read"})),
        ("resource and prompt", "calls", resource), ("tool without a rule", "calls", ruleless),
        ("expired token by hand", "refresh", expired), ("get_forecast after expiry", "refresh", refreshed)]
    # Since 2026-07-28 there are no sessions, no stream beside the requests', and no event to resume from.
    story_of_era = [("subscription", "notify", subscribed), ("subscription after expiry", "notify", subscription_ended), ("close", "end", sessionless)] if cell.modern else [
        ("announce_station", "notify", announced), ("interrupted_count", "resume", resumed),
        ("get_forecast after expiry", "notify", listening), ("close", "end", closed)]
    for name, part, judgement in story_of_all + story_of_era:
        check(name, part, judgement)

    v.part = "calls"
    key = lambda method, target: (method, target if method in TARGETED else None)
    let_through = collections.Counter(key(x.get("method", "response"), x.get("target")) for x in cell.audits if x["verdict"] == "allowed")
    arrived = collections.Counter(key(x["rpc"] or x["method"], x["target"]) for x in cell.reached)
    refused = sum(x["verdict"] == "refused" for x in cell.audits)
    v.claim("what the gateway let through is what reached the server, request by request, and nothing that it refused",
            bool(arrived) and let_through == arrived and refused >= 4,
            f"{sum(let_through.values())} let through, {refused} refused, {sum(arrived.values())} reached the server"
            + ("" if let_through == arrived else f"; more let through: {let_through - arrived}, more arrived: {arrived - let_through}"))
    everyone = [x for s in story["steps"] for x in s["exchanges"] if x["url"] == url]
    v.claim("the gateway never answered 5xx", bool(everyone) and all((x["status"] or 0) < 500 for x in everyone),
            f"{len(everyone)} requests of the SDK: " + ", ".join(f"{n} × {s}" for s, n in sorted(
                {s: sum(x["status"] == s for x in everyone) for s in {x["status"] for x in everyone}}.items(), key=str)))
    v.agreed = steps.get("connect", {}).get("result")
    return v


def table(clients, servers, matrix):
    """Prints which client did what at which server."""
    print("\n== the matrix: each client at each server; claims that hold, by what they are about ==")
    print(f"{'client':<12}{'server':<10}{'version':<12}" + "".join(f"{part:>9}" for part in PARTS))
    for (client, server), v in sorted(matrix.items(), key=lambda x: (list(clients).index(x[0][0]), list(servers).index(x[0][1]))):
        shown = [f"{sum(v.parts[p])}/{len(v.parts[p])}{'' if all(v.parts[p]) else '!'}" if v.parts[p] else "-" for p in PARTS]
        print(f"{client:<12}{server:<10}{v.agreed or '?':<12}" + "".join(f"{s:>9}" for s in shown))
    for name, what in ((n, w[0]) for side in (clients, servers) for n, w in side.items()):
        print(f"  {name}: {what}")
    print("  step-up of ts1: its SDK cannot; the application does it with the SDK's own auth()")
    print("  elicit, sample: a request on the call's stream and a POST that answers it; at 2026-07-28 input_required and the call again")
    print("  notify: the GET stream; at 2026-07-28 subscriptions/listen")
    print("  resume -: 2026-07-28 has no event to resume from; end: DELETE and the 404 after it, at 2026-07-28 that there was no session")
    print("  a client that can only do older versions meets no 2026-07-28, and at py1 and ts1 servers nobody does")
