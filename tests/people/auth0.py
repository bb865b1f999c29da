"""A pretended Auth0 tenant: metadata, keys, and machine tokens as the real one issues them. Usage: auth0.py PORT IDENTIFIER CLIENT SECRET SCOPE"""

import base64
import http.server
import json
import secrets
import sys
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PORT, IDENTIFIER, CLIENT, SECRET, SCOPE = int(sys.argv[1]), *sys.argv[2:6]
BASE = f"http://127.0.0.1:{PORT}/"
KEY, KID = rsa.generate_private_key(65537, 2048), secrets.token_urlsafe(15)
DAY = 86400


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def token():
    now, numbers = int(time.time()), {"alg": "RS256", "typ": "JWT", "kid": KID}
    claims = {"iss": BASE, "sub": f"{CLIENT}@clients", "aud": IDENTIFIER, "iat": now, "exp": now + DAY, "scope": SCOPE, "gty": "client-credentials", "azp": CLIENT}
    signed = ".".join(b64(json.dumps(part).encode()) for part in (numbers, claims))
    return f"{signed}.{b64(KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def documents():
    public = KEY.public_key().public_numbers()
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": number(public.n), "e": number(public.e)}
    metadata = {"issuer": BASE, "authorization_endpoint": f"{BASE}authorize", "token_endpoint": f"{BASE}oauth/token", "jwks_uri": f"{BASE}.well-known/jwks.json",
                "registration_endpoint": f"{BASE}oidc/register", "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256", "plain"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["HS256", "RS256"]}
    return {"/.well-known/openid-configuration": metadata, "/.well-known/jwks.json": {"keys": [key]}}


class Tenant(http.server.BaseHTTPRequestHandler):
    published = documents()

    def do_GET(self):
        found = self.published.get(self.path)
        self.answer(200 if found else 404, found or {"error": "Not Found"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/oauth/token" or asked.get("grant_type") != "client_credentials":
            return self.answer(403, {"error": "unauthorized_client", "error_description": "Grant type not allowed for the client."})
        if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT, SECRET):
            return self.answer(401, {"error": "access_denied", "error_description": "Unauthorized"})
        if asked.get("audience") != IDENTIFIER:
            return self.answer(403, {"error": "access_denied", "error_description": f"Service not found: {asked.get('audience')}"})
        return self.answer(200, {"access_token": token(), "scope": SCOPE, "expires_in": DAY, "token_type": "Bearer"})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Tenant).serve_forever()
