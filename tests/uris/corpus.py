"""The spellings: each form of each denied URI, their combinations, and seeded mutations of both."""

import random
import re

# As the servers' own parsers write them: only so can a registered resource be found at all.
DENIED = [
    "file:///secret.txt",
    "file:///a/b/secret.txt",
    "file:///c:/secret.txt",
    "file:///geheim/l%C3%B6hne.txt",
    "file://server/share/secret.txt",
    "http://internal/secret",
    "https://internal:8443/a/secret",
    "http://127.0.0.1/secret",
    "http://[::1]/secret",
    "http://xn--bcher-kva.example/secret",
    "https://docs.example/my%20secret",
    "https://api.example/q?user=boss",
    "memo://internal/x",
    "notes:secret/one",
]
ALLOWED = ["file:///pub/a.txt", "http://public/page", "https://docs.example/open", "memo://public/y", "notes:open/one"]

# What the review tried: a literal rule before a catch-all, and a glob that denies before a broader one that allows.
REVIEWED = [
    *["file:///secret.txt", "file:///./secret.txt", "file:///x/../secret.txt", "file:///x/%2e%2e/secret.txt", "file:///x/%2E%2E/secret.txt"],
    *["file:///x/.%2e/secret.txt", "FILE:///secret.txt", "File:///secret.txt", "file:/secret.txt", "file:secret.txt"],
    *["file://localhost/secret.txt", "file://LOCALHOST/secret.txt", "file:///x\\..\\secret.txt", "file:\\\\\\secret.txt", "file:\\secret.txt"],
    *[" file:///secret.txt", "file:///secret.txt ", "\tfile:///secret.txt", "file:///secret.txt\n", "file:///sec\tret.txt", "file:///sec\nret.txt"],
    *["fi\rle:///secret.txt", "file:///%73ecret.txt", "file:////secret.txt"],
    *["http://internal:80/secret", "http://internal:/secret", "http://internal:080/secret", "http://internal:00080/secret"],
    *["http:/internal/secret", "http:internal/secret", "http:///internal/secret", "https://internal:08443/a/secret"],
    *["http://127.1/secret", "http://0x7f.0.0.1/secret", "http://0177.0.0.1/secret", "http://2130706433/secret", "http://127.0.0.1./secret"],
    *["http://[0:0:0:0:0:0:0:1]/secret", "http://[::0.0.0.1]/secret", "http://[0000::0001]/secret"],
    *["file:///c|/secret.txt", "file:///C|/secret.txt", "file://c:/secret.txt", "file:c:/secret.txt"],
    *["memo://internal:/x", "memo://internal/./x", "memo://internal/y/../x", "MEMO://internal/x"],
]

SPECIAL = {"file", "http", "https"}
URI = re.compile(r"^([a-z]+):(?://([^/?#]*))?([^?#]*)(.*)$")


class Parts:
    """A URI in the pieces that the forms vary."""

    def __init__(self, uri):
        self.scheme, self.authority, self.path, self.rest = URI.match(uri).groups()
        self.slashes = "" if self.authority is None else "//"
        self.authority = self.authority or ""

    def text(self, **changes):
        piece = {**vars(self), **changes}
        return f"{piece['scheme']}:{piece['slashes']}{piece['authority']}{piece['path']}{piece['rest']}"


def replaced(text, at, new):
    return text[:at] + new + text[at + 1 :]


def schemes(u):
    yield "scheme in another case", u.scheme.upper()
    yield "scheme in another case", u.scheme.capitalize()
    yield "scheme in another case", replaced(u.scheme, 1, u.scheme[1].upper())
    for blank in "\t\n\r":
        yield "tab or newline inside", replaced(u.scheme, 2, blank + u.scheme[2])


def slashes(u):
    if not u.slashes:
        return
    if u.scheme in SPECIAL:
        for form in ("/", "", "///", "////", "\\\\", "\\", "/\\", "\\/"):
            # `file:` without a host keeps its root, whatever stands before it.
            yield ("backslash" if "\\" in form else "slashes too few or many"), form
    yield "tab or newline inside", "/\t/"
    yield "tab or newline inside", "\n//"


def hosts(u):
    if not u.slashes:
        return
    host, colon, port = u.authority.partition(":") if not u.authority.startswith("[") else (u.authority, "", "")
    if u.scheme == "file":
        if not u.authority:
            for name in ("localhost", "LOCALHOST", "%6cocalhost", "loc\talhost"):
                yield ("localhost" if "\t" not in name else "tab or newline inside"), name
        else:
            yield "host in another case", u.authority.upper()
            yield "host escaped", f"%{ord(u.authority[0]):02x}{u.authority[1:]}"
        return
    for name in ("", ":"):
        yield "empty userinfo", f"{name}@{u.authority}"
    yield "userinfo", f"someone@{u.authority}"
    default = {"http": "80", "https": "443"}.get(u.scheme)
    if not port:
        yield "port", f"{host}:"
        if default:
            for form in (default, f"0{default}", f"000{default}", f"{default[0]}\t{default[1:]}"):
                yield "port", f"{host}:{form}"
    else:
        yield "port", f"{host}:0{port}"
        yield "port", f"{host}:000{port}"
    if u.scheme not in SPECIAL:
        return
    tail = colon + port
    if host == "127.0.0.1":
        for form in ("127.1", "127.0.1", "0x7f.1", "0x7f000001", "0X7F.0x0.0x0.0x1", "2130706433", "0177.0.0.1", "017700000001", "127.0.0.1."):
            yield "IPv4", form
        for form in ("127.0.0.01", "127.000.000.001", "0177.1", "127.0x1", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021"):
            yield "IPv4", form
    elif host.startswith("["):
        for form in ("0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0001", "::0.0.0.1", "0::1", "::0:1", "0:0:0:0:0:0:0.0.0.1"):
            yield "IPv6", f"[{form}]"
    else:
        yield "host in another case", host.upper() + tail
        yield "host in another case", host.capitalize() + tail
        yield "host escaped", f"%{ord(host[0]):02x}{host[1:]}{tail}"
        yield "host escaped", "".join(f"%{ord(c):02X}" if c.isalnum() else c for c in host) + tail
        yield "host beyond ASCII", "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in host) + tail
        yield "host beyond ASCII", f"{host[:3]}\u00ad{host[3:]}{tail}"
        yield "host beyond ASCII", f"{host[:3]}\u200b{host[3:]}{tail}"
        if host.startswith("xn--"):
            for form in ("b\u00fccher.example", "BU\u0308CHER.EXAMPLE", "b%C3%BCcher.example", "b\u00fccher\u3002example"):
                yield "host beyond ASCII", form + tail


DOTS = {
    "dot segment": [".", "x/..", "x/y/../..", "./x/../."],
    "escaped dot segment": ["%2e", "%2E", "x/%2e%2e", "x/%2E%2E", "x/.%2e", "x/%2e.", "x/%2E%2e"],
}


def paths(u):
    head, _, last = u.path.rpartition("/")
    if u.slashes:
        for name, forms in DOTS.items():
            for dots in forms:
                yield name, f"/{dots}{u.path}"
                if head:
                    yield name, f"{head}/{dots}/{last}"
        yield "dot segment", f"/..{u.path}"
        yield "dot segment", f"/../..{u.path}"
        yield "escaped dot segment", f"/%2e%2e{u.path}"
        yield "dot segment", f"{u.path}/x/../../{last}"
        yield "escaped slash", f"/x%2f..{u.path}"
        yield "escaped slash", f"/x/..%2f{u.path[1:]}"
        yield "escaped slash", f"/x%5c..{u.path}"
        yield "escaped twice", f"/x/%252e%252e{u.path}"
        yield "slash twice", f"/{u.path}"
        yield "slash twice", f"{head}//{last}"
        yield "slash twice", f"/x//..{u.path}"
        if head:
            yield "escaped slash", f"{head}%2F{last}"
        if u.scheme in SPECIAL:
            yield "backslash", u.path.replace("/", "\\")
            yield "backslash", f"/x\\..{u.path}"
            yield "backslash", f"\\.\\{u.path[1:]}"
            yield "backslash", f"{head}\\{last}"
    else:
        yield "dot segment", f"x/../{u.path}"
        yield "dot segment", f"./{u.path}"
    yield "escape that is not needed", f"{head}/%{ord(last[0]):02x}{last[1:]}" if head or u.slashes else f"%{ord(u.path[0]):02x}{u.path[1:]}"
    yield "escape that is not needed", f"{u.path[:-1]}%{ord(u.path[-1]):02X}"
    yield "escaped twice", f"{u.path[:-1]}%25{ord(u.path[-1]):02x}"
    for blank in "\t\n\r":
        at = len(u.path) - 2
        yield "tab or newline inside", u.path[:at] + blank + u.path[at:]
    if "%C3%B6" in u.path:
        for form in ("\u00f6", "o\u0308", "%c3%b6", "%C3%b6", "\t\u00f6"):
            yield "escape that is missing or differs", u.path.replace("%C3%B6", form)
    if "%20" in u.path:
        for form in (" ", "%2520", "\t%20", "+"):
            yield "escape that is missing or differs", u.path.replace("%20", form)
    if "c:" in u.path:
        for drive in ("C:", "c|", "C|", "c%3a", "c%7C"):
            yield "drive", u.path.replace("c:", drive)
        yield "drive", f"{u.path[:3]}/..{u.path}"
        yield "drive", f"{u.path[:3]}/..{u.path[3:]}"
        yield "drive", f"{u.path[:3]}/../..{u.path[3:]}"


def rests(u):
    if u.rest:
        yield "query", u.rest.replace("boss", "bo\tss")
        yield "query", u.rest.replace("boss", "%62oss")
        yield "query", u.rest.replace("boss", "boss#")
        yield "query", u.rest.replace("?", "?x=1&")
    else:
        for form in ("?", "#", "#x", "?x=1", "?#", ";x=1", "/", "/."):
            yield "something after it", form


def around(u):
    for blank in (" ", "\t", "\n", "\r\n", "\x00", "\x1f", "  \t"):
        yield "blanks around", blank, ""
        yield "blanks around", "", blank
    yield "blanks around", " ", " "


PIECES = {"scheme": schemes, "slashes": slashes, "authority": hosts, "path": paths, "rest": rests}


def whole(u):
    """Forms that change several pieces at once."""
    if u.scheme == "file":
        yield "slashes too few or many", f"file:/{u.authority and '/' + u.authority}{u.path}"
        yield "slashes too few or many", f"file:{u.path.lstrip('/')}"
        if u.authority:
            yield "slashes too few or many", f"file:////{u.authority}{u.path}"
            yield "backslash", f"file:\\\\{u.authority}{u.path.replace('/', chr(92))}"
        else:
            yield "slashes too few or many", f"file:////{u.path}"
            yield "slashes too few or many", f"file://{u.path[1:]}" if ":" in u.path else f"file:/{u.path}"
    elif u.scheme in SPECIAL:
        yield "backslash", f"{u.scheme}:\\\\{u.authority}{u.path.replace('/', chr(92))}{u.rest}"
    yield "tab or newline inside", "".join(f"{c}\t" for c in u.text())


def forms(uri):
    """Every form of one URI: (what it is, the text)."""
    u = Parts(uri)
    for piece, vary in PIECES.items():
        for name, form in vary(u):
            yield name, u.text(**{piece: form})
    yield from whole(u)
    for name, before, after in around(u):
        yield name, f"{before}{uri}{after}"


def combined(uri, random):
    """Two to four pieces in another form at once."""
    u, changes = Parts(uri), {}
    for piece, vary in random.sample(list(PIECES.items()), random.randint(2, 4)):
        if choices := list(vary(u)):
            changes[piece] = random.choice(choices)[1]
    text = u.text(**changes)
    if random.random() < 0.3:
        _, before, after = random.choice(list(around(u)))
        text = f"{before}{text}{after}"
    return text


def mutated(text, random):
    """One to four small changes, of those that some parser undoes."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        slashes_at = [i for i, c in enumerate(text) if c == "/"]
        slash = random.choice(slashes_at or [0])
        change = random.randrange(10)
        if change == 0:
            text = text[:at] + random.choice("\t\n\r") + text[at:]
        elif change == 1 and slashes_at:
            text = text[: slash + 1] + random.choice(["./", "x/../", "%2e/", "y/%2e%2e/", ".%00/../"]) + text[slash + 1 :]
        elif change == 2 and slashes_at:
            text = replaced(text, slash, "\\")
        elif change == 3 and at < len(text):
            text = replaced(text, at, "%" + format(ord(text[at]) & 0xFF, random.choice(["02x", "02X"])))
        elif change == 4 and at < len(text):
            text = replaced(text, at, text[at].swapcase())
        elif change == 5 and slashes_at:
            text = text[:slash] + "/" + text[slash:]
        elif change == 6 and slashes_at:
            text = text[:slash] + text[slash + 1 :]
        elif change == 7:
            text = random.choice([" ", "\x01", "\n", "\t"]) + text
        elif change == 8:
            text = text + random.choice([" ", "\x1f", "\r\n", "?", "#", "/", "/..", "%20"])
        elif change == 9 and "//" in text:
            after = text.index("//") + 2
            text = text[:after] + random.choice(["@", ":@", "x@", ".", "[", "%"]) + text[after:]
    return text


def spellings(seed, combinations, mutations):
    """All of them, each once: {text: (what it is, the denied URI that it spells)}."""
    rng, found = random.Random(seed), {}
    for uri in DENIED:
        found[uri] = ("as written", uri)
    for text in REVIEWED:
        found.setdefault(text, ("tried by the review", ""))
    for uri in DENIED:
        for name, text in forms(uri):
            found.setdefault(text, (name, uri))
    for number in range(combinations):
        uri = DENIED[number % len(DENIED)]
        found.setdefault(combined(uri, rng), ("forms combined", uri))
    singles = [(text, uri) for text, (_, uri) in found.items()]
    for _ in range(mutations):
        text, uri = rng.choice(singles)
        found.setdefault(mutated(text, rng), ("mutations", uri))
    return found


def shown(text):
    return text.encode("unicode_escape").decode()
