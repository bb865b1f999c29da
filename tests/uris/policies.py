"""The policies of the run, those that are generated, and what each says of a URI that has one reading."""

import re

from corpus import ALLOWED, DENIED

HR, FILES = "hr:read", "files:read"
# `?` is a wildcard in a pattern, so a URI with a query has no literal of its own; a glob above `*` would also judge more than a literal.
LITERALS = [uri for uri in DENIED if "?" not in uri]
RAW = [uri.replace("%C3%B6", "\u00f6").replace("xn--bcher-kva", "b\u00fccher") for uri in LITERALS]
GLOBS = [
    "file:///secret**",
    "file:///a/b/**",
    "file:///c:/secret**",
    "file:///geheim/**",
    "file://server/**",
    "http://internal/**",
    "https://internal:8443/**",
    "http://127.0.0.1/**",
    "http://[::1]/**",
    "http://xn--bcher-kva.example/**",
    "https://docs.example/my%20**",
    "https://api.example/**",
    "memo://internal/**",
    "notes:secret/**",
]
BROADER = ["file://**", "http://**", "https://**", "memo://**", "notes:**"]

# What each denies to the token of the run, which has FILES and not HR. All but the last two let everything else pass.
POLICIES = {
    "literals that need a scope, then *": [{"resources": LITERALS, "scopes": [HR]}, {"resources": ["*"]}],
    "literals denied, then **": [{"resources": LITERALS, "deny": True}, {"resources": ["**"]}],
    "literals beyond ASCII denied, then *": [{"resources": RAW, "deny": True}, {"resources": ["*"]}],
    "globs denied, then broader ones": [{"resources": GLOBS, "deny": True}, {"resources": BROADER}, {"resources": ["**"]}],
    "globs that need a scope, then cheaper ones": [{"resources": GLOBS, "scopes": [HR]}, {"resources": [*BROADER, "**"], "scopes": [FILES]}],
    "a claim, then a scope, then *": [
        {"resources": LITERALS[:6], "claims": {"department": ["hr"]}},
        {"resources": LITERALS[6:], "any_scope": [HR, "hr:admin"]},
        {"resources": ["*"]},
    ],
    "one rule each, cheapest last": [*({"resources": [uri], "scopes": [HR]} for uri in LITERALS), {"resources": BROADER, "scopes": [FILES]}, {"resources": ["*"]}],
    "** in the middle": [
        {"resources": ["**secret**", "**geheim**", "**internal**", "**boss**"], "scopes": [HR]},
        {"resources": ["*"]},
    ],
    "* in a deny rule": [{"resources": ["*secret*", "*geheim*", "*internal*", "*boss*"], "deny": True}, {"resources": ["*"]}],
    "only what is open is allowed": [
        {"resources": ["file:///pub/**", "http://public/**", "https://docs.example/open", "memo://public/**", "notes:open/**"]},
    ],
}
# Those that name the denied ones one by one, so that any other URI must stay allowed.
EXACT = {name: rules for name, rules in POLICIES.items() if name.startswith(("literals", "globs", "a claim", "one rule"))}


def rule_matches(rule, uri):
    return any(pattern_matches(pattern, uri, rule.get("deny", False)) for pattern in rule["resources"])


def pattern_matches(pattern, uri, deny):
    if "*" not in pattern and "?" not in pattern:
        return pattern == uri
    if pattern in ("*", "**"):
        return True
    source = ""
    for piece in re.findall(r"\*+|\?|[^*?]+", pattern):
        if piece.startswith("*"):
            source += ".*" if deny or len(piece) > 1 else "[^/]*"
        else:
            source += "." if piece == "?" else re.escape(piece)
    return re.fullmatch(source, uri, re.S) is not None


def allows(rules, uri):
    """Whether the token of the run may read what is spelled so, and in no other way."""
    for rule in rules:
        if rule_matches(rule, uri):
            return not rule.get("deny") and "claims" not in rule and HR not in rule.get("scopes", []) and HR not in rule.get("any_scope", [])
    return False


def generated(random, count):
    """Rules over the same URIs: what is named, how, in what order and at what price is chosen."""
    policies = {}
    for number in range(count):
        rules = []
        for _ in range(random.randint(1, 5)):
            index = random.randrange(len(DENIED))
            pattern = random.choice([DENIED[index], DENIED[index], GLOBS[index], random.choice(ALLOWED), random.choice(BROADER), "**secret**"])
            rule = {"resources": [pattern]}
            if random.random() < 0.3:
                rule["resources"].append(random.choice(DENIED + GLOBS))
            kind = random.choice(["deny", "hr", "any", "files", "free"])
            rule |= {"deny": {"deny": True}, "hr": {"scopes": [HR]}, "any": {"any_scope": [HR, "hr:admin"]}, "files": {"scopes": [FILES]}}.get(kind, {})
            rules.append(rule)
        if random.random() < 0.8:
            rules.append({"resources": [random.choice(["*", "**"])]})
        policies[f"generated {number}"] = rules
    return policies
