"""Starts the interop world, lets each client play its story in it, and judges what was seen. Started by `run`.

PASS and FAIL lines carry their evidence; the exit code is 0 only when every line says PASS.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import sys
import time

from verdicts import Cell, judge, table

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from real_parts import ROOT, Parts, Process, filled, free_ports  # noqa: E402

PARTS = Parts(HERE)
RUN = PARTS.run
TTL_SECS = 8            # an access token's life; long enough for all calls before the wait
SKEW_SECS = 1           # clock_skew of gateway.yaml.in
AT_ONCE = 6             # stories at a time; most of each is waiting
CLIENTS = {             # name: (what it is, its environment, its mode)
    "py2-modern": ("Python mcp", "sdk2", "auto"),
    "py2-legacy": ("Python mcp", "sdk2", "legacy"),
    "py1": ("Python mcp", "sdk1", "legacy"),
    "ts2-modern": ("TypeScript client", "2", "auto"),
    "ts2-legacy": ("TypeScript client", "2", "legacy"),
    "ts1": ("TypeScript sdk", "1", "legacy"),
}
SERVERS = {             # name: (what it is, whether it serves 2026-07-28 besides the versions with sessions)
    "fastmcp": ("FastMCP 4.1.2", True),
    "py1": ("Python mcp 1.30.0", False),
    "ts2": ("TypeScript server 2.4.0", True),
    "ts1": ("TypeScript sdk 1.32.2", False),
}


def lines(log):
    """The lines of a log that are JSON."""
    return [json.loads(line) for line in log.read_text(errors="replace").splitlines() if line.startswith("{")]


def refused_early(port, ca, path):
    """What follows on one connection when the 401 was sent before the body had come, as with clients that write head and body apart."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    plain = socket.create_connection(("127.0.0.1", port), 5)
    with ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname="127.0.0.1") as connection, connection.makefile("rb") as answers:

        def ask(request_line, *fields):
            connection.sendall("\r\n".join([f"{request_line} HTTP/1.1", f"host: 127.0.0.1:{port}", *fields, "", ""]).encode())

        def answer():
            status, fields = answers.readline().decode().strip(), {}
            while line := answers.readline().decode().strip():
                name, _, value = line.partition(":")
                fields[name.lower()] = value.strip()
            answers.read(int(fields.get("content-length", 0)))
            return status, fields.get("connection")

        ask(f"POST {path}", "content-type: application/json", f"content-length: {len(body)}")
        time.sleep(0.2)
        try:
            connection.sendall(body)
            first, option = answer()
            if option == "close":
                return True, f"{first}, connection: close"
            ask(f"GET /.well-known/oauth-protected-resource{path}")
            then, _ = answer()
            return then.endswith(" 200 OK"), f"{first}, then {then or 'nothing: the connection was closed'}"
        except OSError as e:
            return False, f"the connection broke: {e}"


def main():
    p = argparse.ArgumentParser(prog="tests/interop/run", description="The whole OAuth story with real parts, through the gateway over TLS.")
    p.add_argument("--gateway", help="the binary; default: $PORTCULLIS_BIN, else what `cargo build` makes")
    p.add_argument("--client", choices=CLIENTS, help="one client instead of all")
    p.add_argument("--server", choices=SERVERS, help="one server instead of all")
    p.add_argument("--install", action="store_true", help="install what is needed, run nothing")
    a = p.parse_args()

    # Ended from outside, this script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sdk = {"sdk2": PARTS.environment("sdk2", "requirements.txt", "constraints.txt"),
           "sdk1": PARTS.environment("sdk1", "requirements-sdk1.txt", "constraints-sdk1.txt")}
    runtime, authority_folder = PARTS.packages("as", "as", ["as/server.mjs"])
    _, ts = PARTS.packages("ts", "ts", ["client/flow.mjs", "servers/common.mjs", "servers/sdk1.mjs", "servers/sdk2.mjs"])
    if a.install:
        return
    binary = PARTS.gateway(a.gateway)

    began = time.time()
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)
    PARTS.command("certificates", sdk["sdk2"], HERE / "certificate.py", RUN)
    ports = free_ports("GATEWAY", "ADMIN", "AS", *SERVERS)
    (RUN / "gateway.yaml").write_text(filled(HERE / "gateway.yaml.in", ports))
    PARTS.command("check of gateway.yaml", binary, "check", "--config", RUN / "gateway.yaml")

    started = {
        "fastmcp": [sdk["sdk2"], HERE / "servers/fastmcp_server.py"],
        "py1": [sdk["sdk1"], HERE / "servers/sdk1_server.py"],
        "ts2": [runtime, ts / "sdk2.mjs"],
        "ts1": [runtime, ts / "sdk1.mjs"],
    }
    issuer, base = f"http://127.0.0.1:{ports['AS']}", f"https://127.0.0.1:{ports['GATEWAY']}"

    def player(client, server):
        _, env, mode = CLIENTS[client]
        name = f"{client}@{server}"
        program = [sdk[env], HERE / "client/flow.py", "--ca", RUN / "ca.pem"] if env in sdk else [runtime, ts / "flow.mjs", "--sdk", env]
        return Process(PARTS, name, [*program, "--url", f"{base}/{server}/mcp", "--mode", mode, "--report", RUN / f"{name}.json",
                                     "--life", TTL_SECS + SKEW_SECS + 0.5, "--name", name],
                       env={**os.environ, "NODE_EXTRA_CA_CERTS": str(RUN / "ca.pem"), "NODE_NO_WARNINGS": "1"})

    running, clean, played, early = [], {}, {}, (False, "not asked")
    try:
        authority = Process(PARTS, "as", [runtime, authority_folder / "server.mjs", "--port", ports["AS"], "--ttl", TTL_SECS])
        running.append(authority)
        upstreams = {name: Process(PARTS, f"server-{name}", [*program, ports[name]]) for name, program in started.items()}
        running += upstreams.values()
        authority.ready(f"{issuer}/.well-known/oauth-authorization-server")
        for name, upstream in upstreams.items():
            upstream.ready(f"http://127.0.0.1:{ports[name]}/mcp", good=lambda status: status in (400, 405, 406))
        gateway = Process(PARTS, "gateway", [binary, "run", "--config", RUN / "gateway.yaml"])
        running.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz")
        print(f"gateway {base} (pid {gateway.child.pid}) · issuer {issuer} · logs in {RUN.relative_to(ROOT)}")

        early = refused_early(ports["GATEWAY"], RUN / "ca.pem", "/fastmcp/mcp")
        waiting = [(c, s) for s in SERVERS for c in CLIENTS if a.client in (None, c) and a.server in (None, s)]
        playing = {}
        while waiting or playing:
            while waiting and len(playing) < AT_ONCE:
                cell = waiting.pop(0)
                playing[cell] = player(*cell), time.time()
                running.append(playing[cell][0])
            time.sleep(0.1)
            for cell, (client, since) in list(playing.items()):
                if client.child.poll() is not None or time.time() - since > 120:
                    played[cell] = client.stop(0), time.time() - since
                    del playing[cell]
    finally:
        for process in reversed(running):
            clean[process.name] = process.stop()

    # The gateway writes a line when a stream ends: judged is what stands there after its own end.
    audits, asked = [line for line in lines(gateway.log) if "audit" in line], lines(authority.log)
    reached = {name: lines(upstream.log) for name, upstream in upstreams.items()}
    matrix, wrong = {}, 0
    for (client, server), (code, took) in played.items():
        name = f"{client}@{server}"
        report = RUN / f"{name}.json"
        story = json.loads(report.read_text()) if report.exists() else {"sdk": "?", "mode": CLIENTS[client][2], "client": None, "steps": []}
        print(f"\n== {CLIENTS[client][0]} {story['sdk']} ({story['mode']}) at {SERVERS[server][0]}: {took:.0f} s ==")
        verdicts = judge(story, Cell(
            url=f"{base}/{server}/mcp", issuer=issuer, root=f"{base}/fastmcp/mcp", modern=story["mode"] == "auto" and SERVERS[server][1],
            steps_up_alone=client != "ts1", stream_secs_max=TTL_SECS + SKEW_SECS + 1, audits=[x for x in audits if x.get("server") == server and x.get("client") == story["client"]],
            asked=[x for x in asked if x.get("client") == story["client"]],
            reached=[x for x in reached[server] if x["client"] == story["client"]]))
        if code:
            verdicts.claim("the client played its story to the end", False, f"exit code {code}", *(RUN / f"{name}.log").read_text().splitlines()[-40:])
        matrix[client, server] = verdicts
        wrong += verdicts.wrong

    table(CLIENTS, SERVERS, matrix)
    print("\n== the end ==")
    log = gateway.log.read_text(errors="replace")
    everything = [line for seen in reached.values() for line in seen]
    for claim, good, evidence in (
            ("no credential of a client reached any server", bool(everything) and not any(x["authorization"] for x in everything),
             f"{len(everything)} requests"),
            ("nothing reached a server but by a client that the gateway named, and the probe of this script",
             sum(x["client"] is None for x in everything) == len(SERVERS), f"{len(everything)} requests"),
            ("a refusal before the body has come leaves the connection usable, or says that it closes", *early),
            ("the gateway stopped cleanly on SIGTERM", clean["gateway"] == 0, f"exit code {clean['gateway']}"),
            ("no panic in the gateway's log", "panicked" not in log, f"{len(log.splitlines())} lines"),
            ("no token in the gateway's log", "eyJ" not in log, "no JWT prefix")):
        wrong += not good
        print(f"{'PASS' if good else 'FAIL'} {claim} ({evidence})")
    if wrong:
        print(f"\n-- last lines of the gateway --\n{gateway.tail()}")
    print(f"\ninterop: {'all passed' if not wrong else f'{wrong} FAILED'} in {time.time() - began:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
