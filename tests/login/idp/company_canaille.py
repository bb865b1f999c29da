"""Canaille as the company's IdP: one person, one group, the gateway as a client, and an address to change them.

    python company_canaille.py PORT CALLBACK [SIGNED_WITH]

`GET /control?do=lock|unlock|delete|revoke|expire|ungroup|group|secret` does what an administrator would do. The data is in memory.
`SIGNED_WITH` is the algorithm of ID tokens; without it Canaille takes RS512. Three more clients get tokens for calls: `desktop` and `machine`, whose
tokens the gateway may introspect, and `elsewhere`, whose tokens are for itself alone.
"""

import datetime
import sys
import urllib.parse

import canaille
from canaille.app import models
from canaille.backends import Backend
from flask import request
from werkzeug.serving import run_simple

PORT, CALLBACK, SIGNED_WITH = int(sys.argv[1]), sys.argv[2], (sys.argv[3:] or [None])[0]

app = canaille.create_app({
    "SECRET_KEY": "only for tests, only in memory, on the loopback", "SERVER_NAME": f"127.0.0.1:{PORT}", "PREFERRED_URL_SCHEME": "http",
    "DEBUG": False, "SESSION_COOKIE_SECURE": False, "CANAILLE": {"DATABASE": "memory", "NAME": "Company"},
    "CANAILLE_OIDC": {"DYNAMIC_CLIENT_REGISTRATION_OPEN": False, "REQUIRE_NONCE": False}})
store = Backend.instance

with app.app_context():
    alice = models.User(formatted_name="Alice A", family_name="A", given_name="Alice", user_name="alice", emails=["alice@example.com"], password="wonderland-2026")
    store.save(alice)
    store.save(models.Group(display_name="eng", members=[alice]))
    client = models.Client(
        client_id="portcullis", client_name="Portcullis", client_secret="idp-secret", redirect_uris=[CALLBACK], token_endpoint_auth_method="client_secret_basic",
        grant_types=["authorization_code", "refresh_token"], response_types=["code"], scope=["openid", "profile", "email", "groups"],
        client_uri=urllib.parse.urljoin(CALLBACK, "/"), id_token_signed_response_alg=SIGNED_WITH)
    store.save(client)
    client.audience = [client]
    store.save(client)
    for name, grants, shared in (("desktop", ["authorization_code", "refresh_token"], [client]), ("elsewhere", ["authorization_code"], []), ("machine", ["client_credentials"], [client])):
        other = models.Client(
            client_id=name, client_name=name, client_secret="machine-secret", redirect_uris=["http://127.0.0.1:33418/callback"], grant_types=grants, response_types=["code"],
            token_endpoint_auth_method="client_secret_basic" if name == "machine" else "none", scope=["openid", "mcp:read", "mcp:write"],
            client_uri="http://127.0.0.1:33418/", id_token_signed_response_alg=SIGNED_WITH)
        store.save(other)
        other.audience = [other, *shared]
        store.save(other)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@app.route("/control")
def control():
    what, person = request.args["do"], store.get(models.User, user_name="alice")
    if what in ("lock", "unlock"):
        person.lock_date = now() - datetime.timedelta(seconds=5) if what == "lock" else None
        store.save(person)
    elif what == "delete":
        store.delete(person)
    elif what == "revoke":
        for token in store.query(models.Token):
            token.revokation_date = now()
            store.save(token)
    elif what == "expire":
        for token in store.query(models.Token):
            token.issue_date = now() - datetime.timedelta(seconds=token.lifetime + 60)
            store.save(token)
    elif what in ("group", "ungroup"):
        group = store.query(models.Group)[0]
        group.members = [person] if what == "group" else []
        store.save(group)
    elif what == "secret":
        changed = store.get(models.Client, client_id="portcullis")
        changed.client_secret = "another secret"
        store.save(changed)
    else:
        return "unknown", 400
    return "done"


run_simple("127.0.0.1", PORT, app, threaded=True)
