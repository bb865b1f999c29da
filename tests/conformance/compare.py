"""Reads what the suite wrote, and says where two runs of it differ."""

import json
import re

PASSED = {"SUCCESS", "INFO", "SKIPPED"}


def results(folder):
    """{scenario: [(check id, status, message)]}, as the suite left it in its output folder."""
    found = {}
    for file in sorted(folder.glob("*/checks.json")):
        # server-NAME-2026-01-01T00-00-00-000Z
        name = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", file.parent.name).removeprefix("server-")
        found[name] = [(c["id"], c["status"], c.get("errorMessage") or "") for c in json.loads(file.read_text())]
    return found


def judged(found):
    """Without what the suite noted in passing: who spoke first on two connections is chance."""
    return {scenario: [c for c in checks if c[1] != "INFO"] for scenario, checks in found.items()}


def plain(checks):
    return [(check, status) for check, status, _ in checks]


def tally(found):
    """Counts as the suite does: what succeeded, and what failed or was warned of."""
    checks = [status for checks in found.values() for _, status, _ in checks]
    return checks.count("SUCCESS"), sum(status not in PASSED for status in checks)


def wrong(found):
    """The checks that did not pass."""
    return [f"{scenario} / {check}: {status} {message}".rstrip()
            for scenario, checks in found.items() for check, status, message in checks if status not in PASSED]


def differences(direct, through):
    """One line for each check that is not the same in both."""
    lines = []
    for scenario in sorted(direct.keys() | through.keys()):
        one, other = direct.get(scenario), through.get(scenario)
        if one is None or other is None:
            lines.append(f"{scenario}: ran only {'directly' if other is None else 'through the gateway'}")
        elif plain(one) != plain(other):
            lines += unlike(scenario, one, other)
    return lines


def unlike(scenario, one, other):
    """Check ids repeat within a scenario, so the n-th of an id is held against the n-th."""
    def numbered(checks):
        seen, out = {}, {}
        for check, status, message in checks:
            seen[check] = seen.get(check, 0) + 1
            out[check, seen[check]] = f"{status} {message}".rstrip()
        return out

    here, there = numbered(one), numbered(other)
    lines = []
    for check, n in sorted(here.keys() | there.keys()):
        a, b = here.get((check, n), "absent"), there.get((check, n), "absent")
        if a.split()[0] != b.split()[0]:
            lines.append(f"{scenario} / {check}{f' ({n})' if n > 1 else ''}: directly {a}; through the gateway {b}")
    return lines or [f"{scenario}: the same checks in another order"]
