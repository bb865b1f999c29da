"""An MCP client in plain HTTP, for the parts of this run that look at single answers: registration, codes, tokens, calls."""

import base64
import dataclasses
import hashlib
import http.client
import json
import secrets
import urllib.parse

REDIRECT = "http://127.0.0.1:33418/callback"   # nothing listens there: the person's browser stops in front of it


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    text: str

    @property
    def json(self):
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def error(self):
        return self.json.get("error")

    def __str__(self):
        return f"{self.status} {self.error or ''}".strip()


def ask(method, url, body=None, headers=(), via=None, timeout=30):
    """One request on a connection of its own, to the port `via` where several answer for one address. Raises OSError or
    HTTPException where no answer came."""
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, via or at.port, timeout=timeout)
    try:
        connection.request(method, at.path + (f"?{at.query}" if at.query else ""), body, {"host": at.netloc, **dict(headers)})
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode(errors="replace"))
    finally:
        connection.close()


def post_form(url, pairs, via=None, timeout=30):
    return ask("POST", url, urllib.parse.urlencode(pairs), {"content-type": "application/x-www-form-urlencoded"}, via, timeout)


def call(url, token, name="list_stations", via=None, **arguments):
    """tools/call of a client of 2026-07-28, which needs no session."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "login", "version": "1"}}
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28",
               "mcp-method": "tools/call", "mcp-name": name}
    if token:
        headers["authorization"] = f"Bearer {token}"
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments, "_meta": meta}}
    return ask("POST", url, json.dumps(body), headers, via)


def claims(token):
    """What a JWT says, unchecked."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Client:
    """A public client of one issuer. `via` is the port of one of its replicas. The endpoints are those of `metadata`, or else ours."""

    def __init__(self, issuer, resource, client_id=None, redirect=REDIRECT, metadata=None):
        self.issuer, self.resource, self.client_id, self.redirect = issuer, resource, client_id, redirect
        self.authorization_endpoint, self.token_endpoint, self.revocation_endpoint = (
            (metadata or {}).get(f"{name}_endpoint", f"{issuer}/{path}") for name, path in (("authorization", "authorize"), ("token", "token"), ("revocation", "revoke")))

    def register(self, via=None, **more):
        metadata = {"client_name": "plain", "redirect_uris": [self.redirect], "token_endpoint_auth_method": "none",
                    "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], **more}
        answer = ask("POST", f"{self.issuer}/register", json.dumps(metadata), {"content-type": "application/json"}, via)
        self.client_id = answer.json.get("client_id")
        return answer

    def authorize(self, scope, **more):
        """(the address to send the browser to, the verifier, the state)"""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect, "scope": scope, "state": state,
                 "code_challenge": challenge, "code_challenge_method": "S256", "resource": self.resource, **more}
        return f"{self.authorization_endpoint}?{urllib.parse.urlencode(query)}", verifier, state

    def redeem(self, code, verifier, via=None, timeout=30, **more):
        return post_form(self.token_endpoint, {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect, "client_id": self.client_id,
            "code_verifier": verifier, "resource": self.resource, **more}, via, timeout)

    def refresh(self, token, via=None, timeout=30, **more):
        return post_form(self.token_endpoint, {
            "grant_type": "refresh_token", "refresh_token": token, "client_id": self.client_id, "resource": self.resource, **more}, via, timeout)

    def revoke(self, token, via=None):
        return post_form(self.revocation_endpoint, {"token": token, "client_id": self.client_id}, via)

    def code(self, browser, scope, password=None, account="alice", **more):
        """(code, verifier) by login and consent; raises where the browser ends elsewhere."""
        url, verifier, state = self.authorize(scope, **more)
        last = browser.go(url, self.redirect, account, password)
        came = came_with(last, self.redirect)
        if came.get("state") != state or "code" not in came:
            raise RuntimeError(f"no code: {last.status} {came or last.words[:300]}")
        return came["code"], verifier

    def tokens(self, browser, scope, password=None, via=None, **more):
        answer = self.redeem(*self.code(browser, scope, password, **more), via=via)
        if answer.status != 200:
            raise RuntimeError(f"no token: {answer}")
        return answer.json


def came_with(page, redirect=REDIRECT):
    """The parameters that a client's redirect URI was called with, where the browser was sent there. Each must be there once."""
    if not page.location or not page.location.startswith(redirect):
        return {}
    pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(page.location).query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
