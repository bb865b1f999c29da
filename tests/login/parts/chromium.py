"""Headless Chromium goes through login and consent: by mouse, without scripts, by keyboard, on a phone of 320 px, in a frame."""

import json
import os

from parts.bridge import MAPPED, provider
from world import ALICE, ALICES, PARTS, RUN, Ended, Process, find, free_ports, until

SHOTS = RUN / "screenshots"


def play(judge, world):
    folder, ports = RUN / "chromium", free_ports("GATEWAY", "ADMIN", "UPSTREAM", "GATEWAY_2", "ADMIN_2", "IDP")
    folder.mkdir()
    SHOTS.mkdir()
    world.accounts(folder)
    with Ended(judge) as started:
        # Nobody calls a tool here: the server behind the gateway is not started.
        world.gateway("gateway-chromium", started, folder, ports)
        base, bridge = (f"http://127.0.0.1:{ports[name]}" for name in ("GATEWAY", "GATEWAY_2"))
        idp, _ = provider(world, started, folder, ports["IDP"], f"{bridge}/oauth/callback", "localhost")
        world.gateway("gateway-chromium-bridge", started, folder, {**ports, "GATEWAY": ports["GATEWAY_2"], "ADMIN": ports["ADMIN_2"]}, LOGIN=idp, GRANTS=MAPPED)
        walk = Process(PARTS, "walk", [world.node, world.modules / "walk.mjs", "--base", base, "--bridge", bridge, "--shots", SHOTS, "--chromium", find("chromium")],
                       env={**os.environ, "ACCOUNT": ALICE, "PASSWORD": ALICES, "HOME": str(folder)})
        judged(judge, started, walk, "every walk was walked to its end")
        chains(judge, world, started, folder, base)


def judged(judge, started, walk, claim):
    """Waits for a walk, and judges what it says."""
    started.append(walk)
    until(lambda: walk.child.poll() is not None, 150, 0.1)
    code = walk.stop()
    said = [json.loads(line) for line in walk.output().splitlines() if line.startswith('{"good"')]
    for line in said:
        judge(line["good"], line["claim"], line["evidence"])
    judge(code == 0 and said, claim, f"exit code {code}, {len(list(SHOTS.glob('*.png')))} screenshots in {SHOTS.name}" if code == 0 else walk.tail())


def chains(judge, world, started, folder, base):
    """Clients whose callback redirects on. They are sites: any certificate will do."""
    PARTS.command("a certificate", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=client.example",
                  "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    walk = Process(PARTS, "chains", [world.node, world.modules / "chains.mjs", "--base", base, "--tls", folder, "--chromium", find("chromium")],
                   env={**os.environ, "ACCOUNT": ALICE, "PASSWORD": ALICES, "HOME": str(folder)})
    judged(judge, started, walk, "every chain was tried")
