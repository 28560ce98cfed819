"""test_names.py - mv, rm and cp on the log, -wal and -shm in every order.

Each turn does to the files what people and their scripts do, with no pause or
a short one between two steps.  Then a publisher opens the log and commits one
row, and this row must reach every open stream.  At each moment the responder
may have looked at what was there: so some hundred turns, not one of each.
"""

import shutil
import sqlite3
import sys
import time

from field import MUTE, Field, dice, gaps
from tap import each
from yard import LOAD, until

TURNS = 100
PAUSES = [0, 0, 0, 0.0005, 0.003, 0.02, 0.1]


def pause():
    time.sleep(dice.choice(PAUSES))


def mixed(steps):
    """The steps in any order."""
    for step in dice.sample(steps, len(steps)):
        step()
        pause()


def remove(path):
    return lambda: path.unlink(missing_ok=True)


def make_sources(y):
    """Some other logs, and a copy of one of them with -wal and -shm."""
    logs = []
    for n in range(3):
        other = y.new_log()
        logs.append(other.rename(y.dir / ("log%d.db" % n)))
    return logs


def other_log(y, logs):
    """A new file with another log in it, beside the log."""
    fresh = y.log.with_name("fresh.db")
    shutil.copyfile(dice.choice(logs), fresh)
    return fresh


def mv(y, logs):
    """mv new events.db and rm of the others, in any order."""
    fresh = other_log(y, logs)
    mixed([lambda: fresh.replace(y.log), *map(remove, y.tails())])


def mv_and_leave(y, logs):
    """The -wal is removed before, the -shm is left or removed after."""
    wal, shm = y.tails()
    fresh = other_log(y, logs)
    remove(wal)()
    pause()
    fresh.replace(y.log)
    if dice.random() < 0.5:
        pause()
        remove(shm)()


def rm_and_new(y, logs):
    """rm events.db*, then a new log is made under the name."""
    mixed([remove(y.log), *map(remove, y.tails())])
    other_log(y, logs).replace(y.log)


def cp(y, logs):
    """cp new events.db, over the old one in place; rm of the others."""
    mixed([*map(remove, y.tails())])
    shutil.copyfile(dice.choice(logs), y.log)


def cp_all(y, logs):
    """cp -a backup/events.db* . over all three in place.  The -wal and -shm
    of the backup are empty, as a publisher that has ended leaves them."""
    source = dice.choice(logs)
    files = [lambda: shutil.copyfile(source, y.log)]
    for tail in y.tails():
        files.append(lambda tail=tail: tail.write_bytes(b""))
    mixed(files)


def away(y, logs):
    """All are moved to another directory and back."""
    there = y.dir / "away"
    there.mkdir(exist_ok=True)
    paths = [p for p in [y.log, *y.tails()] if p.exists()]
    for path in dice.sample(paths, len(paths)):
        path.rename(there / path.name)
        pause()
    for path in dice.sample(paths, len(paths)):
        (there / path.name).rename(path)
        pause()


def only_shm(y, logs):
    """rm events.db-shm, while nobody publishes."""
    remove(y.tails()[1])()


def commit(y):
    """What a publisher does that opens the log anew.  SQLite may find files
    that change under it: then it is tried again, but not for long."""
    def insert(data):
        return until("a publisher can write", lambda: tried(y, data), MUTE)
    return insert


def tried(y, data):
    try:
        return y.insert(data)
    except sqlite3.DatabaseError:
        y.unpublish()
        return None


WAYS = [mv, mv_and_leave, rm_and_new, cp, cp_all, away, only_shm]


@each("web", ["nginx", "lighttpd"])
def test_names_moved_removed_and_copied_in_every_order(web):
    with Field([web], program=LOAD) as y:
        logs = make_sources(y)
        followers = y.follow_many(3)
        done = []
        for turn in range(TURNS):
            y.unpublish()
            way = dice.choice(WAYS)
            done.append(way.__name__)
            try:
                way(y, logs)
                if dice.random() < 0.3:
                    way = dice.choice(WAYS)     # and at once another
                    done[-1] += "+" + way.__name__
                    way(y, logs)
                y.reach(followers, commit(y))
            except BaseException:
                print("# turn %d: %s" % (turn, done[-5:]), file=sys.stderr)
                raise
        print("# %d turns, %d gaps, %d connects" % (
            len(done), gaps(followers[0]), followers[0].connects),
            file=sys.stderr)
        for f in followers:
            datas = [e.data for e in f.got]
            assert len(datas) == len(set(datas)), "repeated"
            assert datas == ["pulse %d" % (n + 1) for n in range(TURNS)]
            assert f.connects == 1, "a stream was cut"
