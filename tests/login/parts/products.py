"""Two complete identity products sign people in: Canaille and LemonLDAP::NG. Who is removed from a group, locked, deleted or signed out there loses it here."""

import json
import sys

import oauth
from person import Browser
from world import HERE, PARTS, READ, RUN, WRITE, Ended, Process, free_ports, log_lines, until

sys.path.append(str(HERE / "idp"))
import lemonldap  # noqa: E402

MAPPED = [{"claims": {"groups": ["eng"]}, "scopes": [WRITE]}, {"claims": {"name": ["Alice A", "Doctor Who", "Rose Tyler"]}, "scopes": [READ]}]
ALL = f"{READ} {WRITE}"
CALL_ENDS = 5           # seconds: what a revoked login may still do


class Company:
    """One gateway in front of one product."""

    def __init__(self, judge, world, started, name, login, account, password):
        self.judge, self.name, self.account, self.password = judge, name, account, password
        folder, self.ports = RUN / name, free_ports("GATEWAY", "ADMIN", "UPSTREAM")
        folder.mkdir(exist_ok=True)
        (folder / "client.secret").write_text("idp-secret")
        self.issuer, self.resource = f"http://127.0.0.1:{self.ports['GATEWAY']}/oauth", f"http://127.0.0.1:{self.ports['GATEWAY']}/mcp"
        self.world, self.started, self.folder, self.login = world, started, folder, login

    @property
    def callback(self):
        return f"{self.issuer}/callback"

    def begin(self, **login):
        self.world.upstream(self.ports["UPSTREAM"], self.started)
        oidc = {"client_id": "portcullis", "client_secret": "file:client.secret", **self.login, **login}
        self.gateway = self.world.gateway(f"gateway-{self.name}", self.started, self.folder, self.ports, LOGIN={"oidc": oidc}, GRANTS=MAPPED, STORE={"file": "as.db"})

    def sign_in(self, account=None, password=None):
        client = oauth.Client(self.issuer, self.resource)
        client.register()
        return client, client.tokens(Browser(), ALL, password or self.password, account=account or self.account)

    def may(self, tokens):
        """What the scopes of an answer are."""
        return set(tokens.get("scope", "").split()) - {"offline_access"}

    def loses(self, client, tokens, how):
        """The login has ended: for refreshes at once, and for calls soon after."""
        refused = client.refresh(tokens["refresh_token"])
        self.judge((refused.status, refused.error) == (400, "invalid_grant"), f"{self.name}: {how}: the refresh is invalid_grant", refused)
        self.judge(until(lambda: oauth.call(self.resource, tokens["access_token"]).status == 401, CALL_ENDS), f"{self.name}: {how}: and calls are refused within {CALL_ENDS} s")

    def stays(self, client, tokens):
        """Two refreshes with all scopes; the last tokens."""
        for count in ("once", "twice"):
            answer = client.refresh(tokens["refresh_token"])
            if not self.judge(answer.status == 200 and self.may(answer.json) == {READ, WRITE}, f"{self.name}: {count} renewed with all scopes", f"{answer} {answer.json.get('scope')}"):
                return tokens
            tokens = answer.json
        return tokens


def play(judge, world):
    canaille(judge, world)
    lemon(judge, world)


def canaille(judge, world):
    python = PARTS.environment("canaille", "idp/requirements.txt", "idp/constraints.txt")
    with Ended(judge) as started:
        ports = free_ports("IDP")
        company = Company(judge, world, started, "canaille", {"issuer": f"http://127.0.0.1:{ports['IDP']}", "scopes": ["openid", "profile", "email", "groups"]}, "alice", "wonderland-2026")
        idp = serve(started, ports["IDP"], "idp-canaille", [python, HERE / "idp/company_canaille.py", ports["IDP"], company.callback, "RS256"])
        company.begin()
        do = lambda what: oauth.ask("GET", f"{idp}/control?do={what}")  # noqa: E731

        client, tokens = company.sign_in()
        judge.same(company.may(tokens), {READ, WRITE}, "canaille: a member of the group signs in and gets what the group may")
        judge(oauth.call(company.resource, tokens["access_token"]).status == 200, "canaille: and calls")
        tokens = company.stays(client, tokens)

        do("ungroup")
        answer = client.refresh(tokens["refresh_token"])
        judge(answer.status == 200 and company.may(answer.json) == {READ}, "canaille: removed from the group: the next refresh no longer gives its scope, although no ID token came", f"{answer} {answer.json.get('scope')}")
        do("group")
        for how, back in (("lock", "unlock"), ("revoke", None), ("delete", None)):
            client, tokens = company.sign_in()
            tokens = company.stays(client, tokens)
            do(how)
            company.loses(client, tokens, {"lock": "locked", "revoke": "signed out", "delete": "deleted"}[how])
            if back:
                do(back)


def lemon(judge, world):
    installed = PARTS.work / "lemonldap"
    PARTS.once("lemonldap", [" ".join(lemonldap.PACKAGES)], lambda: lemonldap.install(PARTS, installed), said="LemonLDAP::NG")
    with Ended(judge) as started:
        ports, folder = free_ports("IDP"), RUN / "lemonldap-ng"
        scopes = ["openid", "profile", "email", "groups"]
        login = {"issuer": f"http://127.0.0.1:{ports['IDP']}/", "scopes": scopes}
        companies = {name: Company(judge, world, started, f"lemonldap-{name}", {**login, "client_id": name, **more}, "dwho", "dwho") for name, more in {
            "offline": {"scopes": [*scopes, "offline_access"], "authorize_parameters": {"prompt": "consent"}}, "online": {}}.items()}
        command, env = lemonldap.configure(PARTS, installed, folder, ports["IDP"], {name: company.callback for name, company in companies.items()})
        people = lemonldap.People(folder)
        idp = serve(started, ports["IDP"], "idp-lemonldap", command, env)
        for company in companies.values():
            company.begin()
        # An online session of the portal keeps the groups of its sign-in; an offline one looks them up at each refresh.
        members(judge, companies["offline"], people)
        signed_out(judge, idp, **companies)
        client, tokens = companies["offline"].sign_in()
        people.delete("dwho")
        companies["offline"].loses(client, tokens, "deleted")


def members(judge, company, people):
    """What the group gives, and what leaving it takes."""
    name = company.name
    client, tokens = company.sign_in()
    judge.same(company.may(tokens), {READ, WRITE}, f"{name}: a member of the group signs in and gets what the group may")
    judge(oauth.call(company.resource, tokens["access_token"]).status == 200, f"{name}: and calls")
    tokens = company.stays(client, tokens)
    _, others = company.sign_in("rtyler", "rtyler")
    judge.same(company.may(others), {READ}, f"{name}: another person gets what everybody may")
    people.leave("eng", "dwho")
    answer = client.refresh(tokens["refresh_token"])
    judge(answer.status == 200 and company.may(answer.json) == {READ}, f"{name}: removed from the group: the next refresh no longer gives its scope", f"{answer} {answer.json.get('scope')}")
    people.restore()


def signed_out(judge, idp, offline, online):
    """Signed out at the portal: a session there ends, an offline one goes on, as the product says."""
    for company, ends in ((online, True), (offline, False)):
        browser = Browser()
        client = oauth.Client(company.issuer, company.resource)
        client.register()
        tokens = company.stays(client, client.tokens(browser, ALL, "dwho", account="dwho"))
        browser.request("GET", f"{idp}/?logout=1")
        if ends:
            company.loses(client, tokens, "signed out")
        else:
            company.stays(client, tokens)


def serve(started, port, name, command, env=None):
    idp = Process(PARTS, name, command, **({"env": env} if env else {}))
    started.append(idp)
    idp.ready(f"http://127.0.0.1:{port}/.well-known/openid-configuration")
    return f"http://127.0.0.1:{port}"
