"""Attacks 136 to 139: tasks of others, tasks whose tool was taken away, tasks that nobody here made.

Each SDK has tasks in one version: 2025-11-25 in TypeScript, the extension of 2026-07-28 in Python. Their stores know no users.
"""

from case import DENIED, TASKS_META, Ask, attack, message, modern, session, tool

UNKNOWN = {"unknown_task"}


class Tasks:
    """The one way to make and ask for tasks that this upstream has."""

    def __init__(self, t):
        self.t, self.sessions = t, {}
        self.methods = ("tasks/get", "tasks/result", "tasks/cancel", "tasks/update") if t.u == "ts" else ("tasks/get", "tasks/update", "tasks/cancel")

    def lines(self, who):
        if who not in self.sessions:
            self.sessions[who] = self.t.session(who)
        return session(self.sessions[who])

    def making(self, who, name):
        if self.t.u == "ts":
            return Ask(tool(name, task={"ttl": 60_000}), *self.lines(who))
        return modern("tools/call", {"name": name}, name=name, meta=TASKS_META)

    def make(self, who, name="work"):
        """Makes one; its id."""
        answer = self.t.send(self.making(who, name), who, "mcp")
        results = [m["result"] for m in answer.results() if "result" in m] if answer.status == 200 else []
        for result in results:
            ident = result.get("taskId") or result.get("task", {}).get("taskId")
            if ident:
                return ident
        raise RuntimeError(f"no task was made for {who}: {answer} {answer.body[:300]!r}")

    def ask(self, who, method, ident):
        params = {"taskId": ident}
        if method == "tasks/update":
            params["inputResponses"] = {}
        if self.t.u == "ts":
            return Ask(message(method, params), *self.lines(who))
        return modern(method, params, name=ident, meta=TASKS_META)

    def listen(self, ident):
        return modern("subscriptions/listen", {"notifications": {"taskIds": [ident]}}, meta=TASKS_META)

    def refused(self, label, who, ident, reasons, gateway="main"):
        for method in self.methods:
            self.t.refused(f"{label}: {method}", self.ask(who, method, ident), 403, reasons=reasons, who=who, path="mcp", gateway=gateway)
        if self.t.u == "py":
            self.t.refused(f"{label}: listen", self.listen(ident), 403, reasons=reasons, who=who, path="mcp", gateway=gateway)

    def works(self, label, who, ident):
        answer = self.t.send(self.ask(who, "tasks/get", ident), who, "mcp")
        good = answer.status == 200 and any("result" in m for m in answer.results())
        self.t.claim(good, label, f"{label} {answer}")


@attack(136)
def attack_136_the_task_of_another(t):
    tasks = Tasks(t)
    ident = tasks.make("A")
    tasks.lines("B") if t.u == "ts" else None
    tasks.refused("bob", "B", ident, UNKNOWN)
    tasks.refused("bob, with every scope", "B wide", ident, UNKNOWN)
    if t.u == "ts":
        mark = t.upstream.mark()
        answer = t.send(Ask(message("tasks/get", {"taskId": ident}), *tasks.lines("A")), "B", "mcp")
        t.judge("bob in alice's session", answer, t.seen(mark), {403, 404})
    tasks.works("alice asks for hers", "A", ident)


@attack(137)
def attack_137_a_task_whose_tool_was_taken_away(t):
    tasks = Tasks(t)
    ident = tasks.make("A wide", "danger_work")
    if t.u == "ts":
        tasks.sessions["A"] = tasks.sessions["A wide"]
    tasks.refused("alice without the scope", "A", ident, DENIED)
    tasks.works("alice with the scope", "A wide", ident)


@attack(138, only="ts", why_not="tasks/list exists in 2025-11-25 alone, and this SDK has tasks in 2026-07-28 alone")
def attack_138_the_list_of_tasks(t):
    tasks = Tasks(t)
    hers, his = tasks.make("A"), tasks.make("B")
    # Alice made this one too, with more scope: she may see it, and B may not.
    wide = tasks.make("A wide", "danger_work")
    for who, own, others in (("A", hers, {his}), ("B", his, {hers, wide})):
        answer = t.send(Ask(message("tasks/list", {}), *tasks.lines(who)), who, "mcp")
        listed = [task["taskId"] for m in answer.results() for task in m.get("result", {}).get("tasks", [])]
        t.claim(
            answer.status == 200 and own in listed and not others & set(listed),
            f"{who} lists",
            f"{who}'s list {answer.status} has {'' if own in listed else 'not '}the own task and {len(others & set(listed)) or 'none'} of another's",
        )
    direct = t.direct("the same without a gateway", Ask(message("tasks/list", {})))
    there = direct.body.decode()
    t.claim(hers in there and his in there, "the server lists all", "the server itself lists everybody's")


@attack(139)
def attack_139_a_task_that_nobody_here_made(t):
    tasks = Tasks(t)
    for label, ident in (("guessed", "00000000-0000-4000-8000-000000000000"), ("one letter", "a"), ("a number", "1")):
        tasks.refused(label, "A", ident, UNKNOWN)
    ident = tasks.make("A")
    # Another process with the same keys remembers no task of the first: so would the first after a restart.
    tasks.refused("at a process that did not see it made", "A", ident, UNKNOWN, gateway="second")
    tasks.refused("at a process that did not see it made, with every scope", "A wide" if t.u == "py" else "A", ident, UNKNOWN, gateway="second")
    tasks.works("at the one that did", "A", ident)
