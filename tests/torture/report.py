"""report.py - the verdict on a run, in figures and in words."""

import collections
import json

from history import NEVER
from model import KINDS, Counts, judge_client, judge_log
from records import load_clients, load_history

SHOWN = 5      # findings of a kind that are told


def judge(folder, engine, only=()):
    """History, figures and findings of the run in this directory."""
    history = load_history(folder, engine)
    history.web = json.loads((folder / "setup.json").read_text())["web"]
    counts, findings = Counts(), judge_log(history)
    for name, topics, fast, entries in load_clients(folder, only):
        walk = judge_client(history, name, topics, fast, entries,
                            alone=name.startswith("cgi"))
        counts.add(walk.counts)
        findings += walk.findings
    return history, counts, findings


def summary(history, counts, findings, seconds, begun=0.0):
    """Lines for people.  Each finding says when it was seen, in seconds from
    the beginning, and which faults were done just before."""
    kinds = collections.Counter(f.kind for f in findings)
    faults = collections.Counter(f[2] for f in history.faults)
    yield "%.0f seconds, %d events committed, %d lives of the log" % (
        seconds, sum(len(life.ids) for life in history.lives),
        sum(life.begun != NEVER for life in history.lives))
    yield "%d deliveries checked, %d connects (%d resumed), %d gaps" % (
        counts.deliveries, counts.connects, counts.resumes, counts.gaps)
    yield "%d ends told, %d folded events, %d removals of rows of runs" % (
        counts.ends, counts.folded, len(history.removals))
    if counts.moved:
        yield ("%d came back with a uid that was published again in another "
               "life" % counts.moved)
    if counts.harmed:
        yield ("%d events came as they were in a file that had been "
               "written into" % counts.harmed)
    yield "answers: " + (", ".join("%d times %s" % (n, status) for status, n
                                   in sorted(counts.statuses.items())))
    yield "%d faults: %s" % (sum(faults.values()), ", ".join(
        "%s %d" % pair for pair in sorted(faults.items())))
    damage = collections.Counter(
        life.damage for life in history.lives if life.damage)
    if damage:
        yield "damaged files: " + "; ".join(
            "%d times %s" % (n, what[:90]) for what, n in damage.items())
    if history.gave_up:
        yield ("the web server ended by itself for want of descriptors: "
               "%d times" % history.gave_up)
    if history.failures:
        yield "publishers failed: " + "; ".join(
            "%d times %s" % (n, what[:90]) for what, n in
            history.failures.most_common(8))
    yield ", ".join("%s %d" % (kind, kinds[kind]) for kind in KINDS)
    yield from told(history, findings, begun)


def told(history, findings, begun):
    """Of each kind the first; one line for what a client saw at one time."""
    shown, last = collections.Counter(), {}
    for f in sorted(findings, key=lambda f: f.at):
        key = f.kind, f.client
        if f.at - last.get(key, -9) < 1 and shown[f.kind]:
            continue
        last[key] = f.at
        shown[f.kind] += 1
        if shown[f.kind] > SHOWN:
            continue
        yield "%s: at %.1f s, %s: %s" % (
            f.kind, f.at - begun, f.client, f.what)
        for start, end, name, what in [
                x for x in history.faults if x[0] <= f.at][-3:]:
            yield "    after %s (%.1f to %.1f s)%s" % (
                name, start - begun, end - begun, ": %s" % what if what
                else "")
