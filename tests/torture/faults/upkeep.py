"""upkeep.py - what tools do to a log in use: locks, checkpoints, VACUUM,
retention, another journal mode.  The log stays the same log."""

import contextlib
import sqlite3
import subprocess
import sys
import time

from faults.processes import wait
from faults.registry import fault

SQLITE = ("sqlite",)


@fault("log", engines=SQLITE)
def lock_writers(stage, dice):
    """BEGIN EXCLUSIVE: in WAL mode it keeps publishers out, and no reader."""
    with stage.log.db() as db:
        db.execute("BEGIN EXCLUSIVE")
        wait(dice, 0, 4)
        db.execute("ROLLBACK")


# Another process holds the locks of readers and of recovery in the -shm, as
# a recovery that takes long would.
LOCKER = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
for start, n in ((122, 1), (123, 5)):
    end = time.monotonic() + 5
    while True:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, n, start)
            break
        except OSError:
            if time.monotonic() > end:
                sys.exit(1)
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


@fault("log", engines=SQLITE)
def lock_wal_index(stage, dice):
    """Nobody can begin to read."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", LOCKER, str(stage.log.name) + "-shm",
             str(dice.uniform(0.2, 4))], capture_output=True, text=True,
            timeout=30)
    except subprocess.TimeoutExpired:
        return "not done"
    return done.stdout.strip() or "there was no -shm, or it was in use"


@fault("log", engines=SQLITE)
def lock_for_one(stage, dice):
    """locking_mode=EXCLUSIVE, by a tool that comes as the first."""
    with stage.responder_lock, stage.gate():
        with stage.excuse("the responder was kept down"):
            stage.stop_responder()
            with stage.log.db() as db:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                with contextlib.suppress(sqlite3.Error):
                    db.execute("BEGIN IMMEDIATE")
                    db.execute("COMMIT")
                stage.site.start_responder()
                wait(dice, 0, 3)


@fault("log", engines=SQLITE, weight=3)
def checkpoint(stage, dice):
    mode = dice.choice(["TRUNCATE", "RESTART", "FULL"])
    for _ in range(dice.randint(1, 5)):
        with stage.log.db() as db:
            db.execute("PRAGMA wal_checkpoint(%s)" % mode)
        wait(dice, 0, 0.3)
    return mode


@fault("log", engines=SQLITE)
def vacuum(stage, dice):
    sql = dice.choice(["VACUUM", "REINDEX", "ANALYZE",
                       "PRAGMA incremental_vacuum"])
    return try_sql(stage, sql)


def try_sql(stage, *statements):
    try:
        with stage.log.db() as db:
            for sql in statements:
                db.execute(sql).fetchall()
        return statements[0]
    except sqlite3.Error as e:
        return "%s: %s" % (statements[0], e)


def try_until_free(stage, sql):
    end = time.monotonic() + 8
    while time.monotonic() < end:
        said = try_sql(stage, sql)
        if "locked" not in said:
            break
        time.sleep(0.1)
    return said


@fault("log", engines=SQLITE)
def flip_journal(stage, dice):
    """Another tool sets another journal mode, and later WAL again.  It can do
    so only while it is alone."""
    mode = "PRAGMA journal_mode = " + dice.choice(["DELETE", "TRUNCATE"])
    if dice.random() < 0.4:
        said = try_sql(stage, mode)
    else:
        with stage.responder_lock, stage.excuse("it was kept down"):
            stage.stop_responder()
            with stage.publishers_away():
                said = try_until_free(stage, mode)
            stage.site.start_responder()
    wait(dice, 0, 3)
    with stage.publishers_away(), stage.responder_lock:
        with stage.excuse("it was kept down"):
            stage.stop_responder()
            try_until_free(stage, "PRAGMA journal_mode = WAL")
            stage.site.start_responder()
    return said


@fault("log", engines=SQLITE, weight=3)
def prune(stage, dice):
    """Old rows go, under readers that may still want them."""
    with stage.pruning():
        return remove_old(stage, dice)


def remove_old(stage, dice):
    keep = dice.choice([0, 10, 200, 2000])
    how = dice.choice(["prune", "DELETE", "all at once"])
    if how == "prune":
        stage.largesse("prune", stage.log.name, "--keep-rows", max(1, keep),
                       check=False)
    elif how == "DELETE":
        try_sql(stage, "DELETE FROM events WHERE id <= (SELECT max(id) - %d"
                " FROM events)" % keep)
    else:
        try_sql(stage, "DELETE FROM events")
    return "%s, %d rows stay" % (how, keep)


@fault("log", engines=SQLITE)
def retention(stage, dice):
    """The log keeps itself small from now on; publishers then remove rows."""
    stage.note("pruned", time.monotonic(), None)
    keep = dice.choice([100, 500, 5000])
    stage.largesse("init", stage.log.name, "--keep-rows", keep, "--quiet",
                   check=False)
    stage.log.open_to_all(stage.log.name)
    wait(dice, 0, 5)
    if dice.random() < 0.7:
        stage.largesse("init", stage.log.name, "--keep-rows", 0, "--quiet",
                       check=False)
        stage.log.open_to_all(stage.log.name)
    return "%d rows" % keep


@fault("log", engines=SQLITE)
def delete_from_the_middle(stage, dice):
    """The manual says that such a row may be missed without a word."""
    with stage.gate(), stage.log.db() as db:
        ids = [i for i, in db.execute(
            "SELECT id FROM events ORDER BY id DESC LIMIT 60")]
        chosen = sorted(dice.sample(ids, len(ids) // 6))[:-1]
        stage.note("holes", stage.log.life, chosen, time.monotonic())
        stage.note("pruned", time.monotonic(), None)
        db.executemany("DELETE FROM events WHERE id = ?",
                       [(i,) for i in chosen])
    return "%d rows" % len(chosen)


@fault("log")
def wrong_clock(stage, dice):
    """The publishers' clock is wrong for a while."""
    stage.offset_ms = dice.choice([-1, 1]) * dice.choice(
        [1000, 60_000, 86_400_000, 10 * 365 * 86_400_000])
    stage.write_gate()
    wait(dice, 1, 5)
    said = stage.offset_ms
    stage.offset_ms = 0
    stage.write_gate()
    return "%d ms" % said
