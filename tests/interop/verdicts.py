"""Judges one client's story against what authorization and streaming through the gateway must look like."""

import json
import re


def shown(challenge):
    """The parameters of a Bearer challenge, as a client reads them."""
    if not (challenge or "").startswith("Bearer "):
        return None
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', challenge))


class Verdicts:
    def __init__(self):
        self.wrong = 0

    def claim(self, text, good, *evidence):
        self.wrong += not good
        print(f"{'PASS' if good else 'FAIL'} {text}")
        for line in evidence:
            print(f"       {line}")


def line(x):
    """One exchange on one line."""
    parts = [x["method"], x["url"].split("://", 1)[1], x.get("rpc"), x.get("grant_type") and f"grant_type={x['grant_type']}",
             x.get("scope") and f'scope="{x["scope"]}"', x.get("prompt") and f"prompt={x['prompt']}",
             x.get("credential"), f"-> {x['status']}", x.get("challenge")]
    return " ".join(str(p) for p in parts if p)


def judge(story, asked, url, issuer):
    """Prints a line per claim; returns how many do not hold. `asked` is the authorization server's log."""
    v, steps = Verdicts(), {s["name"]: s for s in story["steps"]}
    gateway = url.rsplit("/", 1)[0]
    prm = f"{gateway}/.well-known/oauth-protected-resource/mcp"
    for s in story["steps"]:
        if "error" in s:
            v.claim(f"step {s['name']}", False, s["error"], *map(line, s["exchanges"]))

    def to(name, prefix="", **want):
        found = [x for x in steps.get(name, {}).get("exchanges", []) if x["url"].startswith(prefix)]
        return [x for x in found if all(x.get(k) == w for k, w in want.items())]

    def check(name, judgement):
        """A step that is missing or shaped otherwise is a failure, never a pass or a crash."""
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
                    answer["status"] == 200 and document["resource"] == url and document["authorization_servers"] == [issuer],
                    answer["body"])

    def connect(s):
        order = [x for x in s["exchanges"]]
        wanted = [("POST", url), ("GET", prm), ("GET", f"{issuer}/.well-known/oauth-authorization-server"),
                  ("POST", f"{issuer}/reg"), ("BROWSER", f"{issuer}/auth"), ("POST", f"{issuer}/token"), ("POST", url)]
        v.claim("401 → resource metadata → AS metadata → registration → authorization → token → retry",
                [(x["method"], x["url"]) for x in order[:7]] == wanted and order[0]["status"] == 401 and order[6]["status"] < 300,
                *map(line, order))
        v.claim("the code was bound to the resource and PKCE", order[4]["resource"] == url and order[5]["resource"] == url
                and order[4]["code_challenge_method"] == "S256" and order[5]["pkce"],
                f"authorize: resource={order[4]['resource']} {order[4]['code_challenge_method']}; token: resource={order[5]['resource']}")
        modern = story["mode"] == "auto"
        v.claim("protocol version agreed", (s["result"] >= "2026") == modern, s["result"])

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
            v.claim(f"{name}: the client stepped up and the same call succeeded",
                    [x["status"] for x in tries] == [403, 200] and len(browser) == 1 and scopes <= set(browser[0]["scope"].split())
                    and scopes <= set(s["scope"].split()) and tries[0]["credential"] != tries[1]["credential"],
                    *map(line, s["exchanges"]), f'granted scope="{s["scope"]}"', str(s["result"]))
        return judgement

    def no_detour(s):
        v.claim("after both step-ups the first call still works, without a new login",
                not s["refused"] and not to(s["name"], issuer) and [x["status"] for x in to(s["name"], url, method="POST")] == [200],
                *map(line, s["exchanges"]))

    def stripped(s):
        headers = json.loads(s["result"])
        v.claim("the caller's token stopped at the gateway; who called went on",
                "authorization" not in headers and headers.get("x-auth-subject") == "alice",
                f"headers that reached FastMCP: {sorted(headers)}", f"x-auth-subject: {headers.get('x-auth-subject')}")

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

    def resource(s):
        v.claim("resource and prompt came through", s["result"] == ["north: 12 degrees", "What should I pack for Prague?"], str(s["result"]))

    def ruleless(s):
        got = s["result"]
        v.claim("a tool without a rule is refused with 403 and no challenge, for no scope would help",
                got["status"] == 403 and got["challenge"] is None and json.loads(got["body"]).get("id") == 41, f"{got['status']} {got['body']}")

    def expired(s):
        got = s["result"]
        v.claim("an expired token is 401 invalid_token", got["status"] == 401
                and (shown(got["challenge"]) or {}).get("error") == "invalid_token", f"{got['status']} {got['challenge']}")

    def refreshed(s):
        # The client may refresh before the call already: to open its GET stream again, which ended with the old token.
        since = steps["expired token by hand"]["exchanges"] + s["exchanges"]
        asked_for = [x for x in since if x["url"] == f"{issuer}/token"]
        at_server = [x for x in asked if x.get("grant_type") == "refresh_token"]
        v.claim("after expiry the client refreshed, without a login, and the call succeeded",
                [x["grant_type"] for x in asked_for] == ["refresh_token"] and not [x for x in since if x["method"] == "BROWSER"]
                and s["renewed"] and s["rotated"] and at_server and not s["refused"]
                and [x["status"] for x in to(s["name"], url, method="POST")] == [200],
                *map(line, since),
                *(f"AS log: {x['at']} POST /token grant_type=refresh_token -> {x['status']} granted=\"{x.get('granted')}\"" for x in at_server))

    def listening(_):
        gets = [x for s in story["steps"] for x in s["exchanges"] if x["url"] == url and x["method"] == "GET"]
        first, second = gets[0], gets[1]
        v.claim("the GET stream opened, ended with its token, and was opened again with a newer one",
                all(x["status"] == 200 and "text/event-stream" in x["type"] for x in (first, second))
                and first["credential"] != second["credential"],
                *(f"+{x['at'] - first['at']:4.1f} s {line(x)}" for x in gets))

    def closed(s):
        v.claim("the session was closed", [(x["method"], x["status"]) for x in to("close", url, method="DELETE")] == [("DELETE", 200)],
                *map(line, s["exchanges"]))

    # Since 2026-07-28 there are no sessions and no stream beside the requests'.
    sessions = {} if story["mode"] == "auto" else {"get_forecast after expiry": listening, "close": closed}

    read = {"mcp:connect", "mcp:tools:read"}
    write = read | {"mcp:tools:write"}
    for name, judgement in {
        "discovery by hand": discovery, "connect": connect, "list_stations": allowed, "tools/list": listed,
        "get_forecast": step_up("get_forecast", "tools/call get_forecast", read),
        "delete_station": step_up("delete_station", "tools/call delete_station", write),
        "get_forecast again": no_detour, "get_request_headers": stripped, "slow_count": streamed,
        "resource and prompt": lambda s: (step_up("resource and prompt", "resources/read weather://stations/north",
                                                  write | {"mcp:resources:read"})(s), resource(s)),
        "tool without a rule": ruleless, "expired token by hand": expired, "get_forecast after expiry": refreshed,
    }.items():
        check(name, judgement)
    for name, judgement in sessions.items():
        check(name, judgement)

    everyone = [x for s in story["steps"] for x in s["exchanges"] if x["url"] == url]
    v.claim("the gateway never answered 5xx", bool(everyone) and all((x["status"] or 0) < 500 for x in everyone),
            f"{len(everyone)} requests of the SDK: " + ", ".join(f"{n} × {s}" for s, n in sorted(
                {s: sum(x["status"] == s for x in everyone) for s in {x["status"] for x in everyone}}.items(), key=str)))
    return v.wrong
