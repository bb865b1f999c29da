"""Whether every request is accounted for: what the clients sent against the audit lines, the metrics and the upstream's log."""

import collections
import statistics

UNPROVED = (401, 503)


class Ledger:
    """All that was sent, and how often something that may happen did."""

    def __init__(self):
        self.all, self.counts, self.verdicts = [], collections.Counter(), []

    def count(self, what):
        self.counts[what] += 1

    def check(self, good, claim, evidence=""):
        self.verdicts.append(bool(good))
        print(f"{'PASS' if good else 'FAIL'} {claim}{f' ({evidence})' if evidence != '' else ''}", flush=True)

    def few(self, wrong, claim, evidence):
        """A claim that holds where nothing is wrong; else some of it is shown."""
        self.check(not wrong, claim, evidence if not wrong else f"{len(wrong)} wrong")
        for one in list(wrong)[:8]:
            print(f"       {one}")

    # ---- verdicts ----

    def answers(self):
        kinds = collections.defaultdict(collections.Counter)
        for sent in self.all:
            kinds[sent.kind][sent.status] += 1
        print(f"\n{'kind':<44} {'requests':>8}  answers")
        for kind, statuses in sorted(kinds.items()):
            answers = ", ".join(f"{count} × {status or 'none'}" for status, count in sorted(statuses.items()))
            print(f"{kind:<44} {sum(statuses.values()):>8}  {answers}")
        for what, count in sorted(self.counts.items()):
            print(f"{count:>8} × {what}")
        print()
        wrong = [f"{sent.replica.name}, {sent.kind}, {sent.names}: {sent.wrong}" for sent in self.all if sent.wrong]
        self.few(wrong, "no verdict is wrong, no answer is missing or that of something else", f"{len(self.all)} requests")
        fresh = [sent for sent in self.all if sent.kind == "token of a new key"]
        self.few([sent.wrong for sent in fresh if sent.status == 401], "no token of a new key was refused", f"{len(fresh)} tried at once after a rotation")
        seconds = sorted(sent.end - sent.start for sent in self.all if sent.kind == "call" and sent.status == 200)
        if seconds:
            print(f"     a plain call took {seconds[len(seconds) // 2] * 1e3:.1f} ms at the median, {seconds[len(seconds) * 99 // 100] * 1e3:.1f} ms at p99 (as a client in Python sees it)")

    def dialled_again(self, refused):
        """What begins while the upstream refuses connections waits for it, where it is back within 2 s."""
        begun = [sent for sent in self.all if sent.forwarded and any(gone + 0.05 < sent.start < back for gone, back in refused)]
        wrong = [f"{sent.kind} {sent.names} was answered {sent.status}" for sent in begun if sent.status in (502, 504)]
        self.few(wrong, "nothing that began while the upstream refused, for less than 2 s, failed", f"{len(begun)} began in {len(refused)} such times")

    # ---- the upstream's log ----

    def executed(self, saw):
        """Each message that was let through ran once, each other one never."""
        ran, wrong = collections.Counter(saw), []
        nameless, least, most = collections.Counter(), collections.Counter(), collections.Counter()
        for (method, name), count in ran.items():
            if name is None:
                nameless[method] += count
        for sent in self.all:
            # The upstream's own 404, for a session that it has ended, comes after it has run.
            sure = sent.forwarded and (200 <= sent.status < 300 or sent.status == 404)
            maybe = sent.forwarded and sent.status in (0, 502, 504)
            for name in sent.names:
                if name is None:
                    least[sent.method] += sure
                    most[sent.method] += sure or maybe
                    continue
                count = ran.pop((sent.method, name), 0)
                if count > 1 or count < sure or (count and not sure and not maybe):
                    wrong.append(f"{sent.kind}, {name}: answered {sent.status}, ran {count} times")
        for method in least.keys() | nameless.keys():
            if not least[method] <= nameless[method] <= most[method]:
                wrong.append(f"{method}: {least[method]} to {most[method]} were let through, {nameless[method]} ran")
        wrong += [f"{method} {name} ran, and no client asked for it" for (method, name) in ran if name is not None]
        self.few(wrong, "each message that was let through ran once, each other one never", f"{len(saw)} messages at the upstream")

    # ---- audit lines and metrics ----

    def audited(self, replica, lines, down):
        """Each request has its decision and its end in the audit lines, under one id, and there are no others."""
        decided, ends, wrong = collections.defaultdict(list), collections.defaultdict(list), []
        for line in lines:
            if line.get("event") == "decided":
                decided[line["request"], line.get("index")].append(line)
            if "ended" in line:
                ends[line["request"]].append(line["ended"])
        wrong += [f"decided {len(several)} times: {several[0]}" for several in decided.values() if len(several) != 1]
        wrong += [f"ended {len(ends[ident])} times: {line}" for (ident, _), (line, *_) in decided.items() if len(ends[ident]) != 1]
        found = collections.defaultdict(list)
        for (ident, _), (line, *_) in decided.items():
            found[self.key_of_line(line)].append({**line, "ended": ends[ident][:1]})
        wanted = collections.defaultdict(list)
        for sent in self.all:
            if sent.replica is replica and sent.status:
                for key in self.keys_of(sent):
                    wanted[key].append(sent)
        for key in wanted.keys() | found.keys():
            if len(wanted[key]) != len(found[key]):
                wrong.append(f"{key}: {len(wanted[key])} sent, {len(found[key])} in the audit lines")
                continue
            if len(found[key]) > 1:
                continue
            (sent,), (line,) = wanted[key], found[key]
            refused = line["verdict"] == "refused" and not line.get("reason", "").startswith("upstream_")
            if refused != (sent.status in (401, 403, 503) or sent.kind == "session of another caller"):
                wrong.append(f"{sent.kind} was answered {sent.status}, and the line says {line}")
            ends = self.ends_of(sent, down)
            if not set(line["ended"]) <= ends:
                wrong.append(f"{sent.kind} ended as {ends}, and the line says {line}")
        self.few(wrong, f"every request is in the audit lines of {replica.name}, decided and ended, and nothing else is", f"{len(lines)} lines")

    @staticmethod
    def key_of_line(line):
        if "token" not in line:
            return line["peer"], line.get("reason"), None
        return line["token"], line.get("method"), line.get("target")

    @staticmethod
    def ends_of(sent, down):
        """The words for how the answer may have ended."""
        if sent.cut or sent.status in (502, 504):
            return {"upstream_failed"}
        ends = {"client that leaves": "client_gone", "stream left by its client": "client_gone", "stream that ends with its token": "permit_expired"}
        if sent.status != 200 or sent.kind not in ends:
            return {"finished"}
        # The upstream may have been killed in the moment between.
        return {ends[sent.kind]} | ({"upstream_failed"} if down.touch(sent.start, sent.end + 2) else set())

    @staticmethod
    def keys_of(sent):
        if sent.status in UNPROVED:
            return [(sent.peer, sent.reason, None)]
        return [(sent.token, sent.method, name) for name in sent.names]

    def counted(self, replica, metrics):
        sent = sum(1 for sent in self.all if sent.replica is replica and sent.status)
        counted = int(metrics["requests_total"])
        self.check(sent == counted, f"the metrics of {replica.name} count each request once", f"{sent} sent, {counted} counted")
        open_now = {name: metrics[name] for name in ("requests_in_flight", "streams_open", "connections_open") if metrics[name]}
        self.check(not open_now, f"nothing is open at {replica.name} after its clients left", open_now or "")
        self.check(not metrics.get("audit_dropped_total"), f"{replica.name} lost no audit line")

    # ---- what it took ----

    def flat(self, replica, began, ended):
        """Memory, descriptors and threads at the end are those of after the warm-up."""
        length = ended - began
        part = lambda first, last: [s for s in replica.samples if began + first * length <= s[0] <= began + last * length]  # noqa: E731
        early, late, warm = part(0.35, 0.6), part(0.8, 1.0), part(0.35, 1.0)
        for index, what, unit, slack in ((1, "memory", " MiB", 6), (2, "descriptors", "", 40), (3, "threads", "", 3)):
            before, after = (statistics.median(sample[index] for sample in samples) for samples in (early, late))
            slope = statistics.linear_regression([s[0] / 3600 for s in warm], [s[index] for s in warm]).slope
            evidence = f"{before:.1f}{unit} after the warm-up, {after:.1f}{unit} at the end, most {max(s[index] for s in replica.samples):.1f}{unit}, slope {slope:+.1f}{unit} an hour"
            self.check(after <= before * 1.05 + slack, f"{what} of {replica.name} stays flat", evidence)
