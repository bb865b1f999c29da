"""kill -9 at random points while codes and refresh tokens are exchanged: nothing is lost, nothing works twice."""

import http.client
import random
import sqlite3
import threading
import time

import oauth
from person import Browser
from world import ALICES, READ, RUN, Ended, free_ports

CHAINS = 4          # refresh families in use at a time
LOAD_SECS = (0.01, 0.25)
ARRIVAL_SECS = 0.25
NO_ANSWER = (OSError, http.client.HTTPException)


class Chain:
    """A refresh family as its client knows it: every token that was acknowledged, the newest last."""

    def __init__(self, client, browser):
        self.client, self.fault, self.is_waiting = client, None, False
        tokens = client.tokens(browser, READ)
        self.held, self.access = [tokens["refresh_token"]], tokens["access_token"]

    def step(self):
        """Refreshes. False where no answer came."""
        self.is_waiting = True
        try:
            answer = self.client.refresh(self.held[-1], timeout=10)
        except NO_ANSWER:
            return False
        self.is_waiting = False
        if answer.status == 200:
            self.held.append(answer.json["refresh_token"])
            self.access = answer.json["access_token"]
        else:
            self.fault = str(answer)
        return True


class Codes:
    """Codes, each redeemed; whether an answer came to the first try."""

    def __init__(self, client, browser):
        self.client, self.browser, self.open, self.done = client, browser, None, []

    def step(self):
        try:
            self.open = self.client.code(self.browser, READ)
            answer = self.client.redeem(*self.open, timeout=10)
        except NO_ANSWER:
            return False
        self.done.append((self.open, answer.status))
        self.open = None
        return True


def play(judge, world):
    folder, ports = RUN / "kill", free_ports("GATEWAY", "ADMIN", "UPSTREAM")
    folder.mkdir()
    world.accounts(folder)
    base = f"http://127.0.0.1:{ports['GATEWAY']}"
    counts = dict.fromkeys(("kills", "refreshes", "unanswered", "kept but unanswered", "codes", "codes unanswered", "codes given after all", "old tokens"), 0)
    wrong = {"families lost": [], "families with two ends": [], "codes taken twice": [], "old tokens taken": [], "answers that are none": []}
    with Ended(judge) as started:
        config = world.configure(folder, ports, STORE={"file": "as.db"})
        gateway = world.run("gateway-kill", started, config, ports)
        client, browser = oauth.Client(f"{base}/oauth", f"{base}/mcp"), Browser()
        client.register()
        client.tokens(browser, READ, ALICES)
        chains, codes = [Chain(client, browser) for _ in range(CHAINS)], Codes(client, browser)
        seed = random.randrange(2**32)
        chance, panics = random.Random(seed), 0
        for _ in range(world.kills):
            before = sum(len(chain.held) for chain in chains)
            load = [threading.Thread(target=until_silent, args=(work, wrong)) for work in (*chains, codes)]
            for thread in load:
                thread.start()
            time.sleep(chance.uniform(*LOAD_SECS))
            gateway.child.kill()
            gateway.child.wait()
            for thread in load:
                thread.join()
            panics += "panicked" in gateway.output()
            counts["kills"] += 1
            counts["refreshes"] += sum(len(chain.held) for chain in chains) - before
            started.remove(gateway)
            gateway.file.close()
            gateway = world.run("gateway-kill", started, config, ports)
            after(chains, codes, client, browser, counts, wrong, chance)
        judge(counts["kills"] == world.kills and counts["refreshes"] > world.kills and 0 < counts["kept but unanswered"] < counts["unanswered"],
              f"killed {counts['kills']} times under load, before and after the change was kept (seed {seed})", " · ".join(f"{name} {count}" for name, count in counts.items()))
        for claim, name in (("every family goes on after each restart, with the newest token or the one whose answer was lost", "families lost"),
                            ("no family has two live ends", "families with two ends"), ("no code is taken twice", "codes taken twice"),
                            ("an old token is refused, and ends its family with its access token", "old tokens taken"),
                            ("every answer that comes is whole and is none of a fault", "answers that are none")):
            judge(not wrong[name], claim, "; ".join(wrong[name][:3]))
        judge(panics == 0, "no panic in any of the logs")
    with sqlite3.connect(folder / "as.db") as store:
        judge.same(store.execute("PRAGMA integrity_check").fetchone()[0], "ok", "the file is whole")


def until_silent(work, wrong):
    """Load, until no answer comes."""
    try:
        while work.step():
            if getattr(work, "fault", None):
                return
    except Exception as e:  # noqa: BLE001
        wrong["answers that are none"].append(f"{type(e).__name__}: {e}")


def after(chains, codes, client, browser, counts, wrong, chance):
    """What must hold after a restart, with nobody else at it."""
    for index, chain in enumerate(chains):
        was_waiting, since = chain.is_waiting, time.time()
        counts["unanswered"] += was_waiting
        good = not chain.fault and chain.step() and not chain.fault
        # A successor that was kept is given again only after it had time to arrive.
        counts["kept but unanswered"] += was_waiting and time.time() - since > ARRIVAL_SECS
        if not good:
            wrong["families lost"].append(f"{chain.fault} after {len(chain.held)} tokens, {'the answer was lost' if was_waiting else 'acknowledged'}")
            chains[index] = Chain(client, browser)
        # Twice: the end that was reached can be gone on from.
        elif not chain.step() or chain.fault:
            wrong["families with two ends"].append(f"{chain.fault} one after the restart")
            chains[index] = Chain(client, browser)
    # One family is ended by a token that is old in one way or another.
    index = chance.randrange(len(chains))
    chain = chains[index]
    if len(chain.held) > 2:
        counts["old tokens"] += 1
        old = chance.choice(chain.held[:-1])
        answer, newest = client.refresh(old), client.refresh(chain.held[-1])
        access = oauth.call(client.resource, chain.access).status
        if (answer.error, newest.error, access) != ("invalid_grant", "invalid_grant", 401):
            wrong["old tokens taken"].append(f"old {answer}, newest {newest}, access token {access}")
        chains[index] = Chain(client, browser)
    if codes.open:
        counts["codes unanswered"] += 1
        tries = [client.redeem(*codes.open).status for _ in range(3)]
        counts["codes given after all"] += tries[0] == 200
        if tries[0] not in (200, 400) or tries[1:] != [400, 400]:
            wrong["codes taken twice"].append(f"after the restart {tries}")
    for code, status in codes.done[-2:]:
        again = client.redeem(*code).status
        if status != 200 or again != 400:
            wrong["codes taken twice"].append(f"first {status}, then {again}")
    counts["codes"] += len(codes.done)
    codes.open, codes.done = None, []
