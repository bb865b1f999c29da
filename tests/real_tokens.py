"""Who signs the tokens of the runs with real parts: a key made on the spot, published as the file that the gateway reads.

Shared by tests/attacks and tests/uris, whose environments have `cryptography`.
"""

import base64
import json
import secrets
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens for one audience, and writes `keys.json` into a folder."""

    def __init__(self, folder, audience):
        self.audience = audience
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        key = {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": "k1",
            "x": b64(numbers.x.to_bytes(32, "big")),
            "y": b64(numbers.y.to_bytes(32, "big")),
        }
        (folder / "keys.json").write_text(json.dumps({"keys": [key]}))
        self.made = {}

    def token(self, user, scope, **more):
        """A good token; the same one for the same words."""
        words = (user, scope, json.dumps(more))
        if words not in self.made:
            now = int(time.time())
            claims = {
                "iss": "https://issuer.test",
                "aud": self.audience,
                "sub": user,
                "client_id": "client",
                "iat": now - 5,
                "exp": now + 3600,
                "jti": secrets.token_hex(8),
                "scope": scope,
                **more,
            }
            parts = [b64(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}, claims)]
            r, s = decode_dss_signature(self.key.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256())))
            parts.append(b64(r.to_bytes(32, "big") + s.to_bytes(32, "big")))
            self.made[words] = ".".join(parts)
        return self.made[words]
