"""runs.py - topics that have ended are folded, pruned and deleted, under
readers that may be in the middle of them."""

import contextlib
import sqlite3
import time

from faults.processes import wait
from faults.registry import fault

SQLITE = ("sqlite",)
RUNS = "topic GLOB 'run/*'"


def rows_of(db, table, where, *values):
    """Ids by topic."""
    found = {}
    for id, topic in db.execute(
            "SELECT id, topic FROM %s WHERE %s ORDER BY id" % (table, where),
            values):
        found.setdefault(topic, []).append(id)
    return found


@contextlib.contextmanager
def removal(stage, how):
    """Inside, rows of runs are removed.  Afterwards it is noted which, also of
    those that were published meanwhile.  If the log cannot be read then, any
    row may be gone."""
    with stage.at_work(), stage.log.db() as db:
        top, = db.execute("SELECT max(id) FROM torture_seen").fetchone()
        before = rows_of(db, "events", RUNS)
        start = time.monotonic()
        yield
        try:
            after = rows_of(db, "events", RUNS)
            since = rows_of(db, "torture_seen", RUNS + " AND id > ?", top or 0)
            oldest, = db.execute("SELECT min(id) FROM events").fetchone()
        except sqlite3.Error:
            stage.note("pruned", start, None)
            raise
        gone, kept = compared(before, since, after, oldest or 0)
        stage.note("removed", start, time.monotonic(), stage.log.life, how,
                   sorted(gone.items()), kept if how == "folded" else [])


def compared(before, since, after, oldest):
    """What has gone, and which of it came just before what has stayed.  What
    was older than the oldest row that there is was pruned with others."""
    gone, kept = {}, []
    for topic in {*before, *since}:
        stays, lost = set(after.get(topic, ())), []
        for id in sorted({*before.get(topic, ()), *since.get(topic, ())}):
            if id < oldest:
                continue
            if id not in stays:
                lost.append(id)
                gone.setdefault(topic, []).append(id)
            else:
                kept += [(id, lost)] * bool(lost)
                lost = []
    return gone, kept


def some_run(stage, dice):
    runs = stage.runs()[-dice.choice([6, 12, 40]):]
    return dice.choice(runs) if runs else "run/none"


@fault("runs", engines=SQLITE, weight=5)
def fold_runs(stage, dice):
    """One that has not ended is refused."""
    n = dice.randint(5, 25)
    for _ in range(n):
        with removal(stage, "folded"):
            stage.largesse("fold", stage.log.name, some_run(stage, dice),
                           "--quiet", check=False)
        wait(dice, 0, 0.3)
    return "%d times" % n


@fault("runs", engines=SQLITE)
def prune_runs(stage, dice):
    topic = dice.choice(["run/*", "run/*", some_run(stage, dice)])
    age = dice.choice(["1ms", "1s", "5s", "20s"])
    with removal(stage, "pruned"):
        stage.largesse("prune", stage.log.name, "--topic", topic, "--ended",
                       "--keep-age", age, "--quiet", check=False)
    return "%s older than %s" % (topic, age)


@fault("runs", engines=SQLITE)
def delete_runs(stage, dice):
    """By whoever deletes the thing that the run was about."""
    n = dice.randint(1, 5)
    for _ in range(n):
        topic = some_run(stage, dice)
        with removal(stage, "pruned"), contextlib.suppress(sqlite3.Error):
            with stage.log.db() as db:
                db.execute("DELETE FROM events WHERE topic = ?", (topic,))
        wait(dice, 0, 0.3)
    return "%d runs" % n
