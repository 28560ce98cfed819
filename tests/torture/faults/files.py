"""files.py - the log's files are moved, removed, truncated, corrupted and
replaced, in every order, while the responder is up, stands still, or is down.

Who does so stops the publishers first (the gate), as a person should, and
notes what was in the log before it goes.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import time

from faults.processes import wait
from faults.registry import fault
from yard import until

SQLITE = ("sqlite",)


@contextlib.contextmanager
def exchange(stage, dice, parent=None, upto=0, same=False, closed=True):
    """Inside, the log's files are exchanged.  The responder is up, stands
    still or is down meanwhile.  same: all rows are the same afterwards.
    closed: no publisher has the log open."""
    while_down = dice.choice(["up", "up", "up", "still", "down"])
    with stage.responder_lock, stage.gate(replaced=True, closed=closed):
        start = time.monotonic()
        if not same:
            stage.log.collect()
            stage.log.begin_life(parent, upto)
        pid = stage.site.responder.pid
        if while_down == "down":
            stage.stop_responder(dice.choice([signal.SIGTERM,
                                              signal.SIGKILL]))
        elif while_down == "still":
            os.kill(pid, signal.SIGSTOP)
        try:
            yield while_down
        except sqlite3.Error:
            if not same:        # the log is broken, and stays as it was
                stage.log.void_life()
            raise
        finally:
            if while_down == "down":
                stage.site.start_responder()
            elif while_down == "still":
                os.kill(pid, signal.SIGCONT)
                stage.note("excuse", start, time.monotonic() + 1,
                           "the responder stood still")
            stage.note("touched", start, time.monotonic())


def pause(dice):
    """Most often a person's script goes on at once."""
    time.sleep(dice.choice([0, 0, 0.003, 0.05, 0.5]) * dice.random())


def put_in_place(stage, dice, source):
    """The file at source gets the log's name; the old -wal and -shm go.
    Returns in which order that was done."""
    name = stage.log.name
    how = dice.choice(["rm mv", "mv rm", "rm-tails mv", "cp over", "rm cp"])
    if how == "rm mv":
        stage.log.remove(name, dice)
        pause(dice)
        os.rename(source, name)
    elif how == "mv rm":
        os.rename(source, name)
        pause(dice)
        remove_tails(stage, dice)
    elif how == "rm-tails mv":
        remove_tails(stage, dice)
        pause(dice)
        os.rename(source, name)
    elif how == "cp over":
        remove_tails(stage, dice)
        pause(dice)
        write_over(source, name)
    else:
        stage.log.remove(name, dice)
        pause(dice)
        shutil.copy(source, name)
    stage.log.remove(source)
    stage.log.open_to_all(name)
    return how


def remove_tails(stage, dice):
    tails = ["-wal", "-shm"]
    dice.shuffle(tails)
    for tail in tails:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(str(stage.log.name) + tail)
        pause(dice)


def write_over(source, name):
    """As cp does: the file stays, its bytes are others."""
    with open(source, "rb") as a, open(name, "r+b") as b:
        b.truncate(0)
        shutil.copyfileobj(a, b, 4096)


def grow(stage, dice, path):
    """New rows, until the log has grown past every client, or a few."""
    with stage.log.db(path) as db:
        n = dice.choice([0, 1, 30, 600])
    stage.counts["grown"] = stage.counts.get("grown", 0) + 1
    name = "grown-%d" % stage.counts["grown"]
    topics = ["main", "a/1", "a/2", "b"]
    stage.log.publish([(dice.choice(topics), "%s.%d" % (name, i))
                       for i in range(n)], path)
    return n


@fault("log", engines=SQLITE, weight=2)
def take_copy(stage, dice):
    """A backup, for later."""
    _, life, upto = stage.log.copy(dice)
    return "life %d up to %d" % (life, upto)


@fault("log", engines=SQLITE, weight=5)
def replace_by_older(stage, dice):
    """A backup is restored; it may have grown past the clients' places."""
    if not stage.log.copies or dice.random() < 0.5:
        stage.log.copy(dice)
        wait(dice, 0, 3)
    path, life, upto = dice.choice(stage.log.copies)
    source = stage.log.other()
    stage.log.fresh_copy(path, source)
    with exchange(stage, dice, life, upto) as down:
        # what is done to the copy has to be in its file, not in a -wal
        n = grow(stage, dice, source)
        how = put_in_place(stage, dice, source)
    return "life %d up to %d, %s, responder %s, then %d rows more" % (
        life, upto, how, down, n)


@fault("log", engines=SQLITE, weight=2)
def restore_in_place(stage, dice):
    """.restore of sqlite3: through SQLite, into the file in use."""
    if not stage.log.copies:
        stage.log.copy(dice)
        wait(dice, 0, 2)
    path, life, upto = dice.choice(stage.log.copies)
    with exchange(stage, dice, life, upto) as down:
        with stage.log.db(path) as a, stage.log.db(timeout=5) as b:
            # backup would wait for ever for a reader that stands still
            b.execute("BEGIN EXCLUSIVE")
            b.execute("ROLLBACK")
            a.backup(b)
        n = grow(stage, dice, None)
    return "life %d up to %d, responder %s, then %d rows more" % (
        life, upto, down, n)


@fault("log", engines=SQLITE, weight=3)
def replace_by_other(stage, dice):
    """Another log, with rows of its own, gets the name."""
    source = stage.log.other()
    first = dice.choice([0, 0, 0, (1 << 63) - 200])
    stage.log.make(source, first)
    with exchange(stage, dice) as down:
        n = grow(stage, dice, source) if not first else 0
        if first:   # nobody can tell that from a log that lost its rows
            stage.note("late", stage.log.life)
        how = put_in_place(stage, dice, source)
    if first:       # publishers come to the end of all ids
        wait(dice, 1, 4)
        source = stage.log.other()
        stage.log.make(source)
        with exchange(stage, dice) as down:
            how = put_in_place(stage, dice, source)
    return "%s, responder %s, %d rows, ids from %d" % (how, down, n, first)


@fault("log", engines=SQLITE, weight=2)
def remove_and_make_anew(stage, dice):
    """As people do all day in development."""
    with exchange(stage, dice) as down:
        stage.log.remove(stage.log.name, dice)
        wait(dice, 0, dice.choice([0, 2]))
        make_surely(stage)
        n = grow(stage, dice, None)
    return "responder %s, %d rows" % (down, n)


def make_surely(stage):
    """A responder that has mixed up old files and new ones may be in the
    way."""
    for _ in range(5):
        with contextlib.suppress(sqlite3.Error, RuntimeError):
            stage.log.make(stage.log.name)
            return
        stage.log.remove(stage.log.name)
    raise RuntimeError("no log can be made")


@fault("log", engines=SQLITE, weight=2)
def vacuum_into_and_back(stage, dice):
    source = stage.log.other()
    with exchange(stage, dice, same=True) as down:
        with stage.log.db() as db:
            db.execute("VACUUM INTO ?", (str(source),))
        how = put_in_place(stage, dice, source)
    return "%s, responder %s" % (how, down)


@fault("log", engines=SQLITE, weight=2)
def rename_and_back(stage, dice):
    """The log, or its directory, is away for a while."""
    what = dice.choice(["file", "all files", "directory"])
    if what == "directory" and stage.log.mounted:
        what = "all files"
    with exchange(stage, dice, same=True, closed=False) as down:
        tails = [""] if what == "file" else ["", "-wal", "-shm"]
        moved = []
        for tail in dice.sample(tails, len(tails)):
            path = str(stage.log.name) + tail
            if os.path.exists(path):
                os.rename(path, path + ".away")
                moved.append(path)
        wait(dice, 0, 3)
        for path in dice.sample(moved, len(moved)):
            os.rename(path + ".away", path)
    return "%s, responder %s" % (what, down)


@fault("log", engines=SQLITE, weight=2)
def remove_shm(stage, dice):
    """Somebody thinks that it is not needed."""
    with exchange(stage, dice, same=True, closed=False) as down:
        with stage.log.db() as db:      # or the rows in -wal are in doubt
            busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        tail = dice.choice(["-shm", "-shm" if busy else "-wal"])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(str(stage.log.name) + tail)
    return "%s, responder %s" % (tail, down)


@fault("log", engines=SQLITE, weight=3)
def harm_and_mend(stage, dice):
    """The file is cut, emptied or overwritten for a while, then a copy that
    was taken just before is put in its place."""
    with exchange(stage, dice, same=True) as down:
        source = stage.log.other()
        with stage.log.db() as db, stage.log.db(source) as to:
            db.backup(to)
        which = dice.choice(["", "", "-wal", "-shm"])
        path = str(stage.log.name) + which
        how = dice.choice(["cut", "emptied", "overwritten"])
        if os.path.exists(path):
            harm(path, how, dice)
        wait(dice, 0, 3)
        back = put_in_place(stage, dice, source)
    return "%s %s, then %s, responder %s" % (which or "file", how, back, down)


def harm(path, how, dice):
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        if how == "cut":
            f.truncate(dice.randint(0, size))
        elif how == "emptied":
            f.truncate(0)
        else:
            for _ in range(5):
                f.seek(dice.randint(0, max(0, size - 1)))
                f.write(dice.randbytes(dice.choice([1, 100, 5000])))


@fault("log", engines=SQLITE)
def corrupt_log_in_place(stage, dice):
    """A file that is no log gets the name, and then the log again."""
    with exchange(stage, dice, same=True) as down:
        source = stage.log.other()
        with stage.log.db() as db, stage.log.db(source) as to:
            db.backup(to)
        bad = stage.log.other()
        bad.write_bytes(dice.choice([b"", b"no database at all\n" * 400]))
        stage.log.open_to_all(bad)
        put_in_place(stage, dice, bad)
        wait(dice, 0, 3)
        how = put_in_place(stage, dice, source)
    return "%s, responder %s" % (how, down)


@fault("log", engines=SQLITE)
def many_exchanges(stage, dice):
    """The same log, moved in again and again in quick succession."""
    for _ in range(dice.randint(3, 8)):
        vacuum_into_and_back(stage, dice)
        pause(dice)
    until("the log is there", stage.log.name.exists)
