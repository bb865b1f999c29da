"""Somebody at a browser, without the browser: a jar of cookies, pages and forms. Says what they read on each page.

    python person.py URL --until http://127.0.0.1:33418/callback --jar jar.json [--account A] [--password P] [--answer deny]

As a program it prints one JSON object: where the browser was sent at last, and the pages on the way. The clients of this run use it.
"""

import argparse
import dataclasses
import html.parser
import http.client
import json
import pathlib
import urllib.parse

HOPS_MAX = 20


class Reader(html.parser.HTMLParser):
    """The forms of a page, its words, and anything that a page of ours must not have."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.words, self.scripts, self.title = [], [], 0, ""
        self.inside, self.button = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.scripts += tag in ("script", "iframe", "object", "embed") or any(name.startswith("on") for name in of)
        if tag == "form":
            self.forms.append({"action": of.get("action", ""), "method": of.get("method", "get").lower(), "fields": [], "buttons": []})
        elif tag in ("input", "button") and self.forms:
            kind = of.get("type", "submit" if tag == "button" else "text").lower()
            if kind == "submit":
                self.button = {"name": of.get("name"), "value": of.get("value", ""), "words": of.get("value", "") if tag == "input" else ""}
                self.forms[-1]["buttons"].append(self.button)
            else:
                self.forms[-1]["fields"].append({"kind": kind, "name": of.get("name"), "value": of.get("value", "on" if kind == "checkbox" else ""),
                                                 "checked": "checked" in of})
        if tag not in ("input", "meta", "link", "br", "hr", "img", "wbr"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass
        if tag == "button":
            self.button = None

    def handle_data(self, data):
        words = " ".join(data.split())
        if not words or "style" in self.inside:
            return
        if "title" in self.inside:
            self.title += words
            return
        if "button" in self.inside and self.button is not None:
            self.button["words"] += words
        self.words.append(words)


@dataclasses.dataclass
class Page:
    url: str
    status: int
    headers: dict
    text: str
    cookies: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.read = Reader(self.text if "html" in self.headers.get("content-type", "") else "")

    @property
    def location(self):
        if (onward := self.headers.get("refresh", "")).startswith("0; url="):
            return onward.removeprefix("0; url=")
        where = self.headers.get("location")
        return urllib.parse.urljoin(self.url, where) if where and self.status in (301, 302, 303, 307, 308) else None

    @property
    def words(self):
        return "\n".join(self.read.words)

    @property
    def kind(self):
        """login, consent or error, told by what can be done there."""
        kinds = {field["kind"] for form in self.read.forms for field in form["fields"]}
        if "password" in kinds:
            return "login"
        return "consent" if self.button("allow") else "error" if self.status >= 400 else "other"

    def button(self, word):
        """(form, button) whose caption or value says so."""
        for form in self.read.forms:
            for button in form["buttons"]:
                if word in f"{button['words']} {button['value']}".lower():
                    return form, button
        return None


class Browser:
    """Cookies are kept by host alone, as browsers do: two services on one host and two ports see each other's."""

    def __init__(self, via=None):
        self.jar, self.pages, self.via = {}, [], via or {}    # via: the port to dial instead of one in an address

    # ---- requests ----

    def request(self, method, url, body=None, origin=None, headers=()):
        at = urllib.parse.urlsplit(url)
        if at.scheme != "http":
            raise ValueError(f"only http here: {url}")
        connection = http.client.HTTPConnection(at.hostname, self.via.get(at.port, at.port), timeout=30)
        fields = {"host": at.netloc, "accept": "text/html,application/xhtml+xml", "user-agent": "person", **dict(headers)}
        if cookies := self.cookies_for(at):
            fields["cookie"] = cookies
        if body is not None:
            fields |= {"content-type": "application/x-www-form-urlencoded", "origin": origin or f"http://{at.netloc}", "sec-fetch-site": "same-origin"}
        path = (at.path or "/") + (f"?{at.query}" if at.query else "")
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            set_cookies = answer.headers.get_all("set-cookie") or []
            names = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "set-cookie"}
        finally:
            connection.close()
        for line in set_cookies:
            self.keep(at, line)
        page = Page(url, answer.status, names, text, set_cookies)
        self.pages.append(page)
        return page

    def keep(self, at, line):
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        of = {key.lower(): text for key, _, text in (a.partition("=") for a in attributes)}
        path = of.get("path", at.path.rsplit("/", 1)[0] or "/")
        key = f"{at.hostname}|{path}|{name}"
        if of.get("max-age") == "0" or "1970" in of.get("expires", ""):
            self.jar.pop(key, None)
        else:
            self.jar[key] = value

    def cookies_for(self, at):
        held = []
        for key, value in self.jar.items():
            host, path, name = key.split("|", 2)
            below = at.path == path or at.path.startswith(path if path.endswith("/") else path + "/")
            if host == at.hostname and below:
                held.append(f"{name}={value}")
        return "; ".join(held)

    # ---- what a person does ----

    def open(self, url, until):
        """Follows redirects from there to a page, or to an address that begins with `until`."""
        return self.follow(self.request("GET", url), until)

    def follow(self, page, until):
        for _ in range(HOPS_MAX):
            if not page.location:
                return page
            if page.location.startswith(until):
                return page
            page = self.request("GET", page.location)
        raise RuntimeError(f"too many redirects, at {page.url.split('?')[0]}")

    def submit(self, page, form, button=None, **typed):
        """Sends a form as it stands, with what was typed by kind of field."""
        pairs = []
        for field in form["fields"]:
            if field["name"] is None or field["kind"] in ("checkbox", "radio") and not field["checked"]:
                continue
            pairs.append((field["name"], typed.get(field["kind"], field["value"])))
        if button and button["name"]:
            pairs.append((button["name"], button["value"]))
        target, body = urllib.parse.urljoin(page.url, form["action"] or page.url), urllib.parse.urlencode(pairs)
        if form["method"] == "get":
            return self.request("GET", f"{target.split('?')[0]}?{body}")
        return self.request("POST", target, body)

    def log_in(self, page, account, password):
        form = next(form for form in page.read.forms if any(field["kind"] == "password" for field in form["fields"]))
        return self.submit(page, form, next(iter(form["buttons"]), None), text=account, password=password)

    def press(self, page, word):
        found = page.button(word)
        if not found:
            raise RuntimeError(f"no button says {word!r} at {page.url.split('?')[0]} ({page.status}): {page.words[:300]}")
        return self.submit(page, *found)

    def go(self, url, until, account="alice", password=None, answer="allow"):
        """From an authorize address to the client's own: logs in where asked, answers at the consent page. The last page."""
        page = self.open(url, until)
        for _ in range(6):
            if page.location and page.location.startswith(until):
                return page
            if page.kind == "login" and password is not None:
                page = self.follow(self.log_in(page, account, password), until)
            elif page.kind == "consent":
                page = self.follow(self.press(page, answer), until)
            elif page.button("authorize"):          # the consent page of django-oauth-toolkit
                page = self.follow(self.press(page, "authorize"), until)
            elif page.button("continue"):           # the consent page of oidc-provider, the first page of Canaille
                page = self.follow(self.submit(page, *page.button("continue"), text=account), until)
            else:
                return page
        raise RuntimeError(f"login and consent do not end, at {page.url.split('?')[0]}: {page.words[:300]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url")
    p.add_argument("--until", required=True)
    p.add_argument("--jar", type=pathlib.Path, required=True)
    p.add_argument("--account", default="alice")
    p.add_argument("--password")
    p.add_argument("--answer", default="allow")
    a = p.parse_args()
    browser = Browser()
    if a.jar.exists():
        browser.jar = json.loads(a.jar.read_text())
    last = browser.go(a.url, a.until, a.account, a.password, a.answer)
    a.jar.write_text(json.dumps(browser.jar))
    arrived = last.location if last.location and last.location.startswith(a.until) else None
    print(json.dumps({"location": arrived, "stopped_at": None if arrived else f"{last.status} {last.words[:400]}",
                      "pages": [{"kind": page.kind, "words": page.read.words, "scripts": page.read.scripts} for page in browser.pages
                                if page.status == 200 or page.status >= 400]}))


if __name__ == "__main__":
    main()
