"""Two gateways on one Redis: a login begun on one and finished on the other, a refresh token used on both, and Redis away."""

import concurrent.futures
import time

import oauth
from person import Browser
from world import ALICES, PARTS, READ, RUN, Ended, Process, find, free_ports, until

ROUNDS = 12         # of each race
SECS_MAX = 5        # until a revocation is known everywhere


def play(judge, world):
    folder, ports = RUN / "replicas", free_ports("PUBLIC", "A", "ADMIN_A", "B", "ADMIN_B", "UPSTREAM", "REDIS")
    folder.mkdir()
    world.accounts(folder)
    # Nothing listens at the public address: what a load balancer would choose, `via` does.
    base, a, b = f"http://127.0.0.1:{ports['PUBLIC']}", ports["A"], ports["B"]
    with Ended(judge) as started:
        world.upstream(ports["UPSTREAM"], started)
        redis = server(started, folder, ports["REDIS"])
        store = {"redis": f"redis://127.0.0.1:{ports['REDIS']}/0"}
        for name in "AB":
            world.gateway(f"gateway-{name}", started, folder, {**ports, "GATEWAY": ports[name], "ADMIN": ports[f"ADMIN_{name}"]}, STORE=store)
        client, resource = oauth.Client(f"{base}/oauth", f"{base}/mcp"), f"{base}/mcp"
        keys = [oauth.ask("GET", f"{base}/oauth/jwks", via=via).text for via in (a, b)]
        judge(keys[0] == keys[1] and "kid" in keys[0], "both publish the same keys", f"{len(keys[0])} bytes")

        browser = Browser({ports["PUBLIC"]: a})
        judge.same(client.register(via=a).status, 201, "a client registers at A")
        url, verifier, _ = client.authorize(READ)
        page = browser.open(url, client.redirect)
        browser.via[ports["PUBLIC"]] = b
        page = browser.follow(browser.log_in(page, "alice", ALICES), client.redirect)
        judge(page.kind == "consent", "authorize at A, log in at B", page.kind)
        browser.via[ports["PUBLIC"]] = a
        came = oauth.came_with(browser.follow(browser.press(page, "allow"), client.redirect))
        answer = client.redeem(came.get("code", ""), verifier, via=b)
        judge(answer.status == 200, "consent at A, the token at B", answer)
        first = answer.json
        judge.same([oauth.call(resource, first["access_token"], via=via).status for via in (a, b)], [200, 200], "which both take")

        second = client.refresh(first["refresh_token"], via=a)
        reused = client.refresh(first["refresh_token"], via=b)
        judge((second.status, reused.status, reused.error) == (200, 400, "invalid_grant"), "a refresh token used at A is refused at B", f"{second} · {reused}")
        since = time.time()
        dead = until(lambda: all(oauth.call(resource, token, via=via).status == 401 for token in (first["access_token"], second.json["access_token"]) for via in (a, b)), SECS_MAX)
        judge(dead, "and both access tokens are refused at both", f"after {time.time() - since:.1f} s")
        judge.same([client.refresh(second.json["refresh_token"], via=via).error for via in (a, b)], ["invalid_grant"] * 2, "as is the newer refresh token")

        raced(judge, client, browser, a, b)
        away(judge, world, client, resource, browser, a, b, redis, started, folder, ports["REDIS"])


def server(started, folder, port):
    redis = Process(PARTS, "redis", [find("redis-server"), "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--appendfsync", "always", "--save", ""])
    started.append(redis)
    until(lambda: "Ready to accept connections" in redis.output())
    return redis


def raced(judge, client, browser, a, b):
    """The same at both, at the same time."""
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        twice = revoked = 0
        for _ in range(ROUNDS):
            code = client.code(browser, READ)
            answers = [work.result() for work in [both.submit(client.redeem, *code, via=via) for via in (a, b)]]
            good = [answer for answer in answers if answer.status == 200]
            twice += len(good) > 1
            revoked += bool(good) and client.refresh(good[0].json["refresh_token"], via=a).error == "invalid_grant"
        judge(twice == 0, "a code redeemed at both at once is never taken twice", f"{ROUNDS} races")
        judge.same(revoked, ROUNDS, "and whatever it gave is taken back")

        two = lost = 0
        for _ in range(ROUNDS):
            token = client.tokens(browser, READ, via=a)["refresh_token"]
            answers = [work.result() for work in [both.submit(client.refresh, token, via=via) for via in (a, b)]]
            successors = {answer.json["refresh_token"] for answer in answers if answer.status == 200}
            two += len(successors) > 1
            lost += not successors
            others = {(answer.status, answer.error) for answer in answers if answer.status != 200}
            two += not others <= {(400, "invalid_grant")}
        judge(two == 0 and lost == 0, "a refresh token used at both at once has one successor, never two", f"{ROUNDS} races")


def away(judge, world, client, resource, browser, a, b, redis, started, folder, port):
    """Redis ends, and comes back."""
    tokens = client.tokens(browser, READ, via=a)
    judge.same(oauth.call(resource, tokens["access_token"], via=b).status, 200, "a token is issued before Redis ends")
    fresh = client.tokens(browser, READ, via=a)["access_token"]        # which neither has seen yet
    redis.stop()
    started.remove(redis)
    since = time.time()
    answers = [client.refresh(tokens["refresh_token"], via=via) for via in (a, b)]
    judge([(answer.status, answer.error) for answer in answers] == [(503, "temporarily_unavailable")] * 2 and all(answer.headers.get("retry-after") for answer in answers),
          "without Redis the token endpoint answers 503 with Retry-After", f"{answers[0]}, Retry-After: {answers[0].headers.get('retry-after')}, {time.time() - since:.1f} s")
    page = browser.open(client.authorize(READ)[0], client.redirect)
    judge(page.status == 503 or oauth.came_with(page).get("error") == "temporarily_unavailable", "and whoever wants to log in is told so", f"{page.status} {page.words[:60]!r}")
    for what, token in (("access tokens that are known", tokens["access_token"]), ("and one that nobody has shown before", fresh)):
        judge.same([oauth.call(resource, token, via=via).status for via in (a, b)], [200, 200], f"{what} keep working at both")
    judge.same([oauth.ask("GET", f"{client.issuer}/jwks", via=via).status for via in (a, b)], [200, 200], "as do the keys")
    server(started, folder, port)
    renewed = until(lambda: next((answer for answer in [client.refresh(tokens["refresh_token"], via=b)] if answer.status != 503), None), 15, 0.2)
    judge(renewed and renewed.status == 200, "when Redis is back, the refresh token that was refused is taken", renewed)
    judge(client.tokens(browser, READ, via=a) is not None, "and people log in as before")
