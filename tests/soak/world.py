"""What the soak runs and how it is told: two replicas, their upstream, the issuer; and when each of them changed."""

import asyncio
import base64
import datetime
import hashlib
import ipaddress
import json
import os
import re
import secrets
import signal
import sys
import time
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from run import HERE, PARTS, real_parts

RUN = PARTS.run
KEYS_KEPT = 6           # more rotations than a token lives
SKEW = 1                # `clock_skew` of gateway.yaml.in


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Spans:
    """Times at which something was under way, by the clock of time.monotonic."""

    def __init__(self):
        self.all = []

    def begin(self):
        self.all.append([time.monotonic(), float("inf")])

    def end(self, after=0.0):
        self.all[-1][1] = time.monotonic() + after

    def touch(self, start, end):
        return any(begun <= end and start <= ended for begun, ended in self.all)


class Token:
    """A signed token, and what an audit line calls it."""

    def __init__(self, text, issuer, jti, expires):
        self.text, self.expires = text, expires
        self.digest = hashlib.sha256(f"{issuer}\0{jti}".encode()).hexdigest()[:32]


class Issuer:
    """Serves its metadata and its keys, and takes a new key now and then."""

    def __init__(self, port):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.number, self.keys, self.fetches, self.rotated = 0, [], 0, 0.0
        self.forged = ec.generate_private_key(ec.SECP256R1())
        self.rotate()

    def rotate(self):
        self.number += 1
        self.keys = [*self.keys[1 - KEYS_KEPT :], (f"k{self.number}", ec.generate_private_key(ec.SECP256R1()))]
        self.rotated = time.monotonic()

    async def serve(self):
        self.server = await asyncio.start_server(self.converse, "127.0.0.1", self.port)

    async def converse(self, reader, writer):
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            if path == "/keys":
                self.fetches += 1
                body = {"keys": [self.jwk(kid, key) for kid, key in self.keys]}
            else:
                body = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
            body = json.dumps(body).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    @staticmethod
    def jwk(kid, key):
        point = key.public_key().public_numbers()
        x, y = (b64(number.to_bytes(32, "big")) for number in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y}

    def token(self, audience, user, scope="mcp:connect", lives=60, kid=None, key=None):
        """By the newest key, unless another is named."""
        now, jti = int(time.time()), secrets.token_hex(8)
        claims = {"iss": self.url, "aud": audience, "sub": user, "client_id": "soak", "iat": now, "exp": now + lives, "jti": jti, "scope": scope}
        head = {"alg": "ES256", "typ": "at+jwt", "kid": kid or self.keys[-1][0]}
        text = ".".join(b64(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature((key or self.keys[-1][1]).sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return Token(f"{text}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}", self.url, jti, now + lives)


class Upstream:
    """The MCP server in a process of its own, which is killed and started again."""

    def __init__(self, port, port2):
        self.port, self.port2, self.log, self.count = port, port2, RUN / "upstream.jsonl", 0
        self.down, self.refused, self.longest = Spans(), [], 0.0
        self.log.touch()

    async def start(self):
        self.count += 1
        self.process = real_parts.Process(PARTS, f"upstream-{self.count}", [sys.executable, HERE / "upstream.py", self.port, self.port2, RUN])
        until = time.monotonic() + 30
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                return writer.close()
            except OSError:
                if time.monotonic() > until:
                    PARTS.fail(f"the upstream does not start: {self.process.tail()}")
                await asyncio.sleep(0.02)

    async def restart(self):
        """Kills it, with what it was doing, and starts it again: at once, or after a second in which it refuses connections."""
        self.down.begin()
        self.process.child.kill()
        await asyncio.to_thread(self.process.child.wait)
        gone = time.monotonic()
        await asyncio.sleep(self.count % 2)
        await self.start()
        took = time.monotonic() - gone
        self.longest = max(self.longest, took)
        # An upstream that refused for 2 s is dialled once a second; one that refused for less is dialled all the time.
        self.down.end(0.5 if took < 1.8 else 2.5)
        if took < 1.8:
            self.refused.append((gone, gone + took))

    def saw(self):
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]


class Replica:
    """One gateway, its files and what the kernel says of it."""

    def __init__(self, name, binary, values):
        self.name, self.binary, self.values = name, binary, values
        self.folder, self.port, self.admin = RUN / name, values["LISTEN"], values["ADMIN"]
        self.folder.mkdir()
        # (from when a swap was under way, when it was done, whether flip_* is allowed since)
        self.swaps, self.samples = [(0.0, 0.0, True)], []

    def write(self, flip):
        text = real_parts.filled(HERE / "gateway.yaml.in", {**self.values, "FLIP": "" if flip else ", deny: true"})
        (self.folder / "next.yaml").write_text(text)
        os.replace(self.folder / "next.yaml", self.folder / "gateway.yaml")

    async def start(self):
        self.write(True)
        self.process = real_parts.Process(PARTS, self.name, [self.binary, "run", "--config", self.folder / "gateway.yaml"])
        await asyncio.to_thread(self.process.ready, f"http://127.0.0.1:{self.admin}/readyz")

    def tell(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metrics(self):
        """The series of each name, summed."""
        sums = {}
        for line in self.tell("/metrics").splitlines():
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                name = series.partition("{")[0].removeprefix("portcullis_")
                sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    async def swap(self, flip):
        """Changes what is done with flip_*, and waits until the change is in force."""
        before = (await asyncio.to_thread(self.metrics))["config_reloads_total"]
        begun = time.monotonic()
        self.swaps.append((begun, float("inf"), flip))
        self.write(flip)
        self.process.child.send_signal(signal.SIGHUP)
        while (await asyncio.to_thread(self.metrics))["config_reloads_total"] <= before:
            if time.monotonic() - begun > 20:
                PARTS.fail(f"{self.name} does not take its configuration:\n{self.process.tail()}")
            await asyncio.sleep(0.02)
        self.swaps[-1] = (begun, time.monotonic(), flip)

    def flips(self, start, end):
        """What could have been in force at any moment between the two."""
        possible = set()
        for (begun, _, flip), following in zip(self.swaps, [*self.swaps[1:], None]):
            if begun <= end and (following is None or start <= following[1]):
                possible.add(flip)
        return possible

    def sample(self):
        status = open(f"/proc/{self.process.child.pid}/status").read()
        figure = lambda name: int(re.search(rf"{name}:\s+(\d+)", status)[1])  # noqa: E731
        self.samples.append((time.monotonic(), figure("VmRSS") / 1024, len(os.listdir(f"/proc/{self.process.child.pid}/fd")), figure("Threads")))

    def audit(self):
        """The audit lines, in their order."""
        lines = (json.loads(line) for line in self.process.output().splitlines() if line.startswith('{"audit"'))
        return list(lines)


class World:
    """All of it, up and running."""

    def __init__(self, binary):
        ports = real_parts.free_ports("first", "second", "admin-first", "admin-second", "upstream", "upstream-h2", "issuer")
        self.authority = f"localhost:{ports['first']}"
        self.audience = f"https://{self.authority}/mcp"
        self.issuer, self.upstream = Issuer(ports["issuer"]), Upstream(ports["upstream"], ports["upstream-h2"])
        common = {"PUBLIC": ports["first"], "ISSUER": ports["issuer"], "UPSTREAM": ports["upstream"], "UPSTREAM2": ports["upstream-h2"]}
        self.certificate(RUN, "upstream")
        key = secrets.token_hex(32)
        self.replicas = []
        for name in ("first", "second"):
            replica = Replica(name, binary, {**common, "LISTEN": ports[name], "ADMIN": ports[f"admin-{name}"]})
            (replica.folder / "session.key").write_text(key)
            self.certificate(replica.folder)
            self.replicas.append(replica)

    @staticmethod
    def certificate(folder, name="tls"):
        key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.timezone.utc)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        made = made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=2)).add_extension(names, False)
        (folder / f"{name}.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{name}.key").write_bytes(private)

    async def start(self):
        await self.issuer.serve()
        await self.upstream.start()
        for replica in self.replicas:
            await replica.start()

    def stop(self):
        return {replica.name: replica.process.stop() for replica in self.replicas if hasattr(replica, "process")}
