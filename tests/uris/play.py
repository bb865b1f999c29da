"""Sends the spellings and prints what came of them. Started by run.py.

Every line is one claim, PASS or FAIL, with its evidence; the last one counts them, and the exit code is 0 only when none failed.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import world
from corpus import ALLOWED, DENIED, REVIEWED, forms, mutated, combined, shown, spellings
from policies import EXACT, FILES, HR, POLICIES, allows

COMBINATIONS, MUTATIONS, GENERATED = 900, 900, 10_000
EVERY = 10  # of the spellings, one in so many is also subscribed to, and one completed
AT_ONCE = 3


class Claims:
    def __init__(self):
        self.passed, self.failed = 0, []

    def __call__(self, good, claim):
        print(f"{'PASS' if good else 'FAIL'} {claim}", flush=True)
        if good:
            self.passed += 1
        else:
            self.failed.append(claim)


def read(client, text):
    return client.post("resources/read", {"uri": text})


def complete(client, text):
    return client.post("completion/complete", {"ref": {"type": "ref/resource", "uri": text}, "argument": {"name": "n", "value": ""}})


def subscribe(client, text):
    return client.post("resources/subscribe", {"uri": text})


def each(jobs, work):
    """What `work` says of each job, several at once."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, jobs))


def brought(answer):
    """The denied URI whose content an answer holds."""
    found = re.search(r"MARKER (\d+)", answer[1])
    return DENIED[int(found[1])] if found else None


def denied_readings():
    """What a server writes down when it reads a denied resource, and which one that is."""
    table = world.resources()
    found = {uri: uri for uri in DENIED}
    for kind, prefix in (("web", ""), ("posix", "posix "), ("windows", "windows ")):
        found |= {prefix + path: brought((200, said)) for path, said in table[kind].items() if said.startswith("MARKER")}
    return found


def control(around, texts):
    """What each server returns when it is asked directly: {text: the denied URI that it read}, for reading, subscribing and completing."""

    def ask(name):
        server, client, readings = around.servers[name], around.direct(name), denied_readings()
        reads = {text: brought(read(client, text)) for text in texts}
        completes = {text: brought(complete(client, text)) for text in texts[5::EVERY]}
        subscribes = {}
        for text in texts[::EVERY]:
            mark = server.mark()
            subscribe(client, text)
            subscribes[text] = next((readings.get(note["reading"]) for note in server.since(mark)), None)
        return name, *({text: uri for text, uri in found.items() if uri} for found in (reads, subscribes, completes))

    return {name: found for name, *found in each(around.servers, ask)}


def reviewed(claims, around, directly, holes):
    through, reach = set(), [text for text in REVIEWED if text not in DENIED and any(text in directly[name][0] for name in ("ts", "py1"))]
    for policy in ("literals that need a scope, then *", "globs denied, then broader ones"):
        for name in ("ts", "py1"):
            client = around.through(policy, name)
            for text in REVIEWED:
                if brought(read(client, text)):
                    through.add(text)
                    holes[text].append(f"{policy} [{name}]")
    claims(not through, f"of the review's {len(REVIEWED)} spellings {len(reach)} reach a denied resource by another spelling directly, {len(through)} through the gateway")


def attempt(claims, around, found, directly, holes, verbose):
    """Every spelling under every policy: sent to a server that returns the marker for it, where there is one."""
    texts = list(found)
    marks = {name: server.mark() for name, server in around.servers.items()}

    def ask(numbered):
        number, (policy, rules) = numbered
        denied = {uri for uri in DENIED if not allows(rules, uri)}
        clients = {name: around.through(policy, name) for name in world.REALS}
        got, tried = [], 0
        for of, ask_so, step, every in ((0, read, 0, 1), (1, subscribe, 0, EVERY), (2, complete, 5, EVERY)):
            for at, text in enumerate(texts[step::every]):
                reach = [name for name in world.REALS if directly[name][of].get(text) in denied]
                if of and not reach:
                    continue
                name = (reach or world.REALS)[(at + number) % (len(reach) or len(world.REALS))]
                answer = ask_so(clients[name], text)
                tried += bool(of)
                # What is permitted here and would be denied content at another server is as bad.
                if brought(answer) in denied or (answer[0] == 200 and reach):
                    got.append((text, name if of == 0 else f"{name} {ask_so.__name__}"))
        return policy, denied, got, tried

    permitted = set(DENIED)
    for policy, denied, got, tried in each(enumerate(POLICIES.items()), ask):
        permitted &= denied
        unique = {text for text, _ in got}
        for text, name in got:
            holes[text].append(f"{policy} [{name}]")
        where = collections.Counter(found[text][0] for text in unique)
        tail = "".join(f"; {count} {name}" for name, count in where.most_common(6))
        claims(not got, f"policy {policy!r}: {len(unique)} of {len(texts)} spellings get through (and {tried} subscriptions and completions){tail}")
        if verbose:
            for text, name in got:
                print(f"     {name}: {shown(text)}")
    readings = denied_readings()
    for name, server in around.servers.items():
        log = server.since(marks[name])
        read_there = [note for note in log if readings.get(note["reading"]) in permitted]
        claims(not read_there, f"{name} wrote down {len(log)} requests that the gateway permitted, {len(read_there)} of them for what every policy denies")


def ways_are_open(claims, around):
    """A token that has all of it gets every denied resource as it is written; without it what is open stays so."""
    wide, shut = 0, []
    for policy, rules in POLICIES.items():
        for name in world.REALS:
            client = around.through(policy, name, scope=f"{world.CONNECT} {FILES} {HR}", department="hr")
            narrow = around.through(policy, name)
            for uri in ALLOWED:
                if world.marker(uri) not in read(narrow, uri)[1]:
                    shut.append(f"{policy} [{name}] {uri}")
            if any(rule.get("deny") for rule in rules) or policy.startswith("only"):
                continue
            for uri in (uri for uri in DENIED if not allows(rules, uri)):
                wide += 1
                if world.marker(uri) not in read(client, uri)[1]:
                    shut.append(f"{policy} [{name}] {uri} with every scope")
    claims(not shut, f"what is open passes under every policy, and {wide} denied ones do with every scope{'; not: ' + '; '.join(shut[:5]) if shut else ''}")


def ordinary(claims, around):
    """What no rule is about must reach the upstream as it was written; `!` marks what a wildcard cannot judge (C-04)."""
    lines = [line.strip() for line in (world.HERE / "ordinary.txt").read_text().splitlines()]
    uris = [line.lstrip("!") for line in lines if line and not line.startswith("#")]
    literal_only = {line[1:] for line in lines if line.startswith("!")}
    refused = collections.defaultdict(list)
    for policy, rules in EXACT.items():
        client = around.through(policy, "scripted")
        wild = any("*" in pattern for rule in rules[:-1] for pattern in rule["resources"])
        for uri in uris:
            if wild and uri in literal_only:
                continue
            around.scripted.bodies.clear()
            status, body = read(client, uri)
            same = [json.loads(sent)["params"]["uri"] for sent in around.scripted.bodies] == [uri]
            if status != 200 or not same:
                refused[uri].append(f"{policy} ({status} {body[47:160]})")
    for uri, where in refused.items():
        print(f"     {uri}: {len(where)} policies, first {where[0]}")
    claims(not refused, f"{len(uris)} ordinary URIs pass under {len(EXACT)} policies that are about others; {len(refused)} refused")


def readings(args, texts):
    """What one reader makes of each, in one process."""
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([str(a) for a in args], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def property_holds(claims, around, node, sdk1, rng, holes, verbose):
    texts = {}
    while len(texts) < GENERATED:
        uri = rng.choice(DENIED + ALLOWED)
        kind = rng.randrange(4)
        text = uri if kind == 0 else combined(uri, rng) if kind == 1 else rng.choice(list(forms(uri)))[1]
        texts[mutated(text, rng) if kind == 0 or rng.random() < 0.5 else text] = None
    texts = list(texts)
    seen = {
        "new URL": readings([node, world.HERE / "servers/read.mjs"], texts),
        "AnyUrl": readings([sdk1, world.HERE / "servers/read.py"], texts),
    }
    policies = {**around.generated, **POLICIES}
    names = list(policies)
    parts = [range(start, len(texts), AT_ONCE) for start in range(AT_ONCE)]

    def ask(part):
        clients, got = {}, []
        for at in part:
            policy = names[at % len(names)]
            client = clients.setdefault(policy, around.through(policy, "scripted"))
            got.append((at, policy, read(client, texts[at])[0]))
        return got

    wrong, denied, permitted, tidy = [], 0, 0, []
    for at, policy, status in (one for got in each(parts, ask) for one in got):
        read_as = {reader: said[at] for reader, said in seen.items() if said[at] is not None}
        bad = {reader: said for reader, said in read_as.items() if not allows(policies[policy], said)}
        denied += bool(bad)
        permitted += status == 200
        if bad and status == 200:
            wrong.append(f"{policy}: {shown(texts[at])} is {bad}")
            holes[texts[at]].append(policy)
        if status != 200 and len(read_as) == 2 and set(read_as.values()) == {texts[at]} and allows(policies[policy], texts[at]):
            tidy.append(f"{policy}: {shown(texts[at])}")
    if verbose:
        for line in wrong:
            print(f"     {line}")
    for line in (wrong if not verbose else [])[:5]:
        print(f"     {line}")
    claims(
        not wrong,
        f"{len(texts)} generated URIs under {len(names)} policies: {denied} are denied as some server reads them, {len(wrong)} of these permitted",
    )
    print(f"     {permitted} permitted; {len(tidy)} refused that both read as they are written and permit{': ' + '; '.join(tidy[:5]) if tidy else ''}")


def main():
    p = argparse.ArgumentParser()
    for name in ("gateway", "node", "server", "sdk1"):
        p.add_argument(name)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--holes", type=pathlib.Path)
    p.add_argument("--verbose", action="store_true")
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    began = time.time()
    shutil.rmtree(world.RUN, ignore_errors=True)
    world.RUN.mkdir(parents=True)
    claims, holes, rng = Claims(), collections.defaultdict(list), random.Random(a.seed)
    around = world.World(a.gateway, a.node, a.server, a.sdk1, rng)
    try:
        found = spellings(a.seed, COMBINATIONS, MUTATIONS)
        texts = list(found)
        directly = control(around, texts)
        counts = ", ".join(f"{name} {len(reach)} (+ {len(subs)} by subscription, {len(done)} by completion)" for name, (reach, subs, done) in directly.items())
        claims(len(texts) >= 2000, f"{len(texts)} spellings of {len(DENIED)} denied URIs; directly these reach one: {counts}")
        kinds = collections.Counter(kind for kind, _ in found.values())
        reach = {kind: {n: sum(text in directly[n][0] for text in texts if found[text][0] == kind) for n in world.REALS} for kind in kinds}
        for kind, count in kinds.items():
            print(f"     {kind}: {count}, of which " + ", ".join(f"{n} {reach[kind][n]}" for n in world.REALS))
        idle = [kind for kind in kinds if not any(reach[kind].values())]
        claims(not idle, f"each of the {len(kinds)} kinds of spelling works on a server{'; none of these does: ' + ', '.join(idle) if idle else ''}")
        reviewed(claims, around, directly, holes)
        ways_are_open(claims, around)
        attempt(claims, around, found, directly, holes, a.verbose)
        ordinary(claims, around)
        property_holds(claims, around, a.node, a.sdk1, rng, holes, a.verbose)
    finally:
        clean = around.stop()
    output = around.gateway.output()
    claims(clean["gateway"] == 0, f"the gateway stopped cleanly (exit code {clean['gateway']})")
    claims("panicked" not in output and "eyJ" not in output, "the gateway did not panic and logged no token")
    if a.holes:
        a.holes.write_text("".join(f"{shown(text)}\t{' | '.join(sorted(set(where)))}\n" for text, where in sorted(holes.items())))
    print(f"uris: {len(holes)} spellings got through, in {time.time() - began:.0f} s")
    print(f"{claims.passed} passed, {len(claims.failed)} failed")
    sys.exit(1 if claims.failed else 0)


if __name__ == "__main__":
    main()
