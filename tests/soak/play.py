"""Plays the soak: starts the world, lets its clients loose, changes what is around them, and adds up. Started by run.py."""

import asyncio
import contextlib
import random
import shutil
import sys
import time
import traceback

from clients import Http1, Http2, tls_context
from ledger import Ledger
from traffic import KINDS, Caller
from world import RUN, World

RELOAD_EVERY, RESTART_EVERY, ROTATE_EVERY, SAMPLE_EVERY = 10, 17, 25, 1
HTTP1_CALLERS, HTTP2_CALLERS, STREAMS = 12, 12, 6


class Pace:
    """So many requests a second in all."""

    def __init__(self, rate):
        self.between, self.next = 1 / rate, time.monotonic()

    async def __call__(self):
        self.next = max(self.next + self.between, time.monotonic() - 1)
        await asyncio.sleep(self.next - time.monotonic())


class Play:
    """One soak."""

    def __init__(self, binary, seconds, rate):
        self.world, self.ledger, self.seconds = World(binary), Ledger(), seconds
        self.pace, self.over, self.opened = Pace(rate), asyncio.Event(), []

    def connections(self, protocol, peer):
        """One to each replica."""
        made = {}
        for replica in self.world.replicas:
            tls = tls_context(replica.folder / "tls.crt", "h2" if protocol is Http2 else "http/1.1")
            made[replica.name] = protocol(tls, "127.0.0.1", replica.port, self.world.authority, peer)
            self.opened.append(made[replica.name])
        return made

    def caller(self, user, peer, connections):
        return Caller(self.world, self.ledger, user, peer, connections)

    async def again(self, every, do):
        """Until the end: `do`, and wait."""
        while not self.over.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.over.wait(), every)
                return
            await do()

    async def chatter(self, caller):
        weights, kinds = zip(*KINDS)
        while not self.over.is_set():
            await self.pace()
            await random.choices(kinds, weights)[0](caller)

    # ---- what changes meanwhile ----

    async def reload(self):
        self.flip = not getattr(self, "flip", True)
        for replica in self.world.replicas:
            await replica.swap(self.flip)

    async def rotate(self):
        self.world.issuer.rotate()
        await asyncio.gather(*(caller.fresh(replica) for replica in self.world.replicas for caller in self.early))

    async def sample(self):
        for replica in self.world.replicas:
            replica.sample()

    def jobs(self):
        """Everything that goes on until the end."""
        h2 = {peer: self.connections(Http2, peer) for peer in ("127.0.0.21", "127.0.0.22")}
        callers = [self.caller(f"user-{n}", f"127.0.0.{11 + n % 4}", self.connections(Http1, f"127.0.0.{11 + n % 4}")) for n in range(HTTP1_CALLERS)]
        callers += [self.caller(f"user-{n % 8}-h2", peer, connections) for n, (peer, connections) in enumerate([*h2.items()] * (HTTP2_CALLERS // 2))]
        yield from (self.chatter(caller) for caller in callers)
        listeners = [self.caller(f"listener-{n}", "127.0.0.31", self.connections(Http1, "127.0.0.31")) for n in range(STREAMS)]
        listeners += [self.caller(f"listener-{n}-h2", "127.0.0.21", h2["127.0.0.21"]) for n in range(STREAMS)]
        for number, listener in enumerate(listeners):
            yield self.again(1, listener.listening if number % 3 else listener.listening_too_long)
        for number in range(2):
            alice, bob = (self.caller(f"{name}-{number}", "127.0.0.41", self.connections(Http1, "127.0.0.41")) for name in ("alice", "bob"))
            yield self.again(0.3, lambda alice=alice, bob=bob: alice.session(bob))
        yield self.again(1, self.caller("late", "127.0.0.51", self.connections(Http1, "127.0.0.51")).expiring)
        none, expired, forged = (self.caller("eve", peer, self.connections(Http1, peer)) for peer in ("127.0.0.61", "127.0.0.62", "127.0.0.63"))
        yield self.again(0.5, lambda: none.refused_tokens(none, expired, forged))
        self.early = [self.caller(f"early-{n}", f"127.0.0.{71 + n}", self.connections(Http1, f"127.0.0.{71 + n}")) for n in range(2)]
        yield self.again(ROTATE_EVERY, self.rotate)
        yield self.again(RELOAD_EVERY, self.reload)
        yield self.again(RESTART_EVERY, self.world.upstream.restart)
        yield self.again(SAMPLE_EVERY, self.sample)

    async def run(self):
        await self.world.start()
        began = time.monotonic()
        jobs = [asyncio.create_task(job) for job in self.jobs()]
        self.end_at(self.seconds)
        # One that fails ends them all.
        done, running = await asyncio.wait(jobs, return_when=asyncio.FIRST_EXCEPTION)
        self.over.set()
        if running:
            await asyncio.wait(running, timeout=30)
        ended = time.monotonic()
        for job in jobs:
            if job.done() and job.exception():
                traceback.print_exception(job.exception())
        self.ledger.check(all(job.done() and not job.exception() for job in jobs), "every client went on to the end")
        for connection in self.opened:
            connection.close()
        # Idle connections to the upstream end after 4 s, and with them the last descriptors.
        await asyncio.sleep(6)
        return began, ended

    def end_at(self, seconds):
        asyncio.get_running_loop().call_later(seconds, self.over.set)
        for share in (1, 2, 3):
            asyncio.get_running_loop().call_later(seconds * share / 4, lambda share=share: print(
                f"after {seconds * share // 4} s: {len(self.ledger.all)} requests, {sum(1 for sent in self.ledger.all if sent.wrong)} wrong", flush=True))

    def account(self, began, ended):
        world, ledger = self.world, self.ledger
        metrics = [replica.metrics() for replica in world.replicas]
        codes = world.stop()
        world.upstream.process.stop()
        print(f"\n{ended - began:.0f} s: {len(ledger.all)} requests, {len(ledger.all) / (ended - began):.0f} a second; {len(world.replicas[0].swaps) - 1} reloads of each "
              f"replica, {world.upstream.count - 1} restarts of the upstream (the longest took {world.upstream.longest:.1f} s), {world.issuer.number - 1} rotations, "
              f"{world.issuer.fetches} fetches of keys")
        ledger.answers()
        ledger.dialled_again(world.upstream.refused)
        ledger.executed(world.upstream.saw())
        for replica, counted in zip(world.replicas, metrics):
            ledger.audited(replica, replica.audit(), world.upstream.down)
            ledger.counted(replica, counted)
            ledger.flat(replica, began, ended)
            output = replica.process.output()
            ledger.check(codes[replica.name] == 0, f"{replica.name} stopped cleanly on SIGTERM", f"exit code {codes[replica.name]}")
            ledger.check("panicked" not in output and "eyJ" not in output, f"no panic and no token in the output of {replica.name}")


async def main(binary, seconds, rate):
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)
    play = Play(binary, seconds, rate)
    try:
        play.account(*await play.run())
    finally:
        play.world.stop()
        if hasattr(play.world.upstream, "process"):
            play.world.upstream.process.stop()
    good = sum(play.ledger.verdicts)
    print(f"\n{good} passed, {len(play.ledger.verdicts) - good} failed")
    return good != len(play.ledger.verdicts)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
