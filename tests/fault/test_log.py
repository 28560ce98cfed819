"""test_log.py - the log is replaced, taken away, locked, packed and cleaned,
while streams are open."""

import shutil
import sqlite3
import subprocess
import sys

from field import (ALL_WEBS, Field, Publisher, copy, dice, gaps, nap, number,
                   settle)
from yard import LOAD, ROOTED, end_process, until


def test_the_log_replaced_while_streams_run():
    """First an older copy, then another log: streams tell it and go on."""
    with Field(ALL_WEBS) as y:
        followers = y.follow_many(5)
        for i in range(20):
            y.insert("one %d" % i)
        copy(y.log, y.dir / "copy.db")
        for i in range(20):
            y.insert("lost %d" % i)
        for f in followers:
            f.wait_count(40)
        y.unpublish()
        copy(y.dir / "copy.db", y.log)      # in place, as .restore does
        for f in followers:
            f.wait(lambda me: gaps(me) == 1)
        y.insert("two")
        for f in followers:
            f.wait_count(41)
        y.unpublish()
        y.put_log(y.new_log())              # another file of that name
        for f in followers:
            f.wait(lambda me: gaps(me) == 2)
        y.insert("three")
        for f in followers:
            f.wait_count(42).leave()
            assert [e.data for e in f.got][40:] == ["two", "three"]
            assert gaps(f) == 2


def test_the_old_wal_removed_after_the_log_was_replaced():
    """mv new.db events.db; rm events.db-wal events.db-shm: by the time of
    the rm the responder has the old files open with the new log."""
    with Field() as y:
        f = y.follow().wait_start()
        y.insert("old")
        f.wait_count(1)
        y.unpublish()
        y.new_log().replace(y.log)
        f.wait(gaps)
        for tail in y.tails():
            tail.unlink(missing_ok=True)
        y.insert("new 1")
        y.insert("new 2")
        f.wait(lambda me: me.got[-1].data == "new 2").leave()
        fresh = y.stream("?last=5").started()
        assert fresh.data(2) == ["new 1", "new 2"]


def test_a_log_out_of_reach_comes_back():
    """New clients are told to come back; open streams stay open."""
    with Field(ALL_WEBS) as y:
        f = y.follow().wait_start()
        y.insert("one")
        f.wait_count(1)
        y.unpublish()
        away = y.dir / "away"
        y.log.parent.rename(away)
        until("health is bad", lambda: y.get("/events/health")[0].status == 503)
        s, body = y.get("/events")
        assert s.status == 200 and s.retry is not None, (s.status, body)
        assert [e.event for e in s.wire.events] == ["stream-retry"], body
        away.rename(y.log.parent)
        y.insert("two")
        f.wait_count(2).leave()
        assert [e.data for e in f.got] == ["one", "two"]
        assert f.connects == 1 and gaps(f) == 0


def test_a_directory_that_only_publishers_may_write():
    """The responder may only read: it cannot make -wal and -shm."""
    with Field(start=False) as y:
        as_reader(y)
        y.start_web()
        s, body = y.get("/events")          # no publisher, no -wal
        assert s.status == 200 and s.retry is not None, (s.status, body)
        f = y.follow()
        publishers_only(y, False)
        y.insert("one")                     # makes -wal, stays connected
        publishers_only(y, True)
        f.wait_start()
        y.insert("two")
        f.wait(lambda me: me.got and me.got[-1].data == "two").leave()
        publishers_only(y, False)


def as_reader(y):
    """As root, start the responder as nobody, else as our own user.  Nobody
    may write the directory, except at the moment when -wal is made."""
    user = {}
    if ROOTED:
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        program = y.dir / "largesse"
        shutil.copy(y.program, program)     # nobody may not read the tree
        y.program = str(program)
    y.log.chmod(0o644)
    publishers_only(y, True)
    y.start_responder(**user)


def publishers_only(y, yes):
    y.log.parent.chmod(0o555 if yes and not ROOTED else 0o755)


def test_the_wal_stays_small_while_streams_run():
    """No stream keeps a snapshot, so checkpoints run while events come."""
    with Field(program=LOAD) as y:
        followers = [y.follow() for _ in range(20)]
        for f in followers:
            f.wait_start()
        wal = y.log.with_name(y.log.name + "-wal")
        db, largest = y.publisher(), 0
        for i in range(30000):
            y.insert("e%d " % i + "x" * 100)
            if i % 100 == 0:
                largest = max(largest, wal.stat().st_size)
        for f in followers:
            f.wait_count(30000, 60)
        busy, *_ = until("a checkpoint ends", lambda: checkpoint(db))
        print("# largest WAL %.1f MiB, database %.1f MiB" % (
            largest / 2**20, y.log.stat().st_size / 2**20), file=sys.stderr)
        assert busy == 0 and wal.stat().st_size == 0
        # All that was written is over 200 MiB.  A responder that has to wait
        # for a core in the middle of a read holds up one checkpoint or two.
        assert largest < 64 << 20, largest
        for f in followers:
            f.leave()
            assert f.connects == 1
            assert [number(e.id) for e in f.got] == list(range(1, 30001))


def checkpoint(db):
    row = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return row if row[0] == 0 else None


def test_the_log_packed_and_cleaned_under_readers():
    """VACUUM, REINDEX, checkpoints, and a row that is rolled back, while
    clients read, come late and are cut."""
    words = ["VACUUM", "REINDEX", "PRAGMA wal_checkpoint(TRUNCATE)",
             "PRAGMA wal_checkpoint(RESTART)", "ANALYZE",
             "BEGIN; INSERT INTO events(data) VALUES('never'); ROLLBACK"]
    with Field(ALL_WEBS) as y:
        followers = y.follow_many(5)
        publisher = Publisher(y, 100)
        db = sqlite3.connect(y.log, timeout=20, isolation_level=None)
        for n in range(60):
            for word in dice.choice(words).split(";"):
                db.execute(word)
            nap(0, 0.03)
            if n % 6 == 0:
                dice.choice(followers).cut()
            if n % 15 == 0:
                followers.append(y.follow(last_id="earliest"))
        db.close()
        settle(followers, publisher.stop())


def test_another_program_keeps_the_log_to_itself():
    """locking_mode=EXCLUSIVE, taken while the responder was away: nobody else
    can read.  It is not called well while it lasts, newcomers are told to come
    back, and nothing is lost."""
    with Field(ALL_WEBS) as y:
        followers = y.follow_many(3)
        y.reach()
        y.unpublish()
        y.kill_responder()
        child = subprocess.Popen(
            [sys.executable, "-c", EXCLUSIVE, str(y.log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "alone\n"
        y.start_responder()
        until("health is bad", lambda: y.health() != 200)
        nap(1, 2)
        s, body = y.get("/events")
        assert s.status == 200 and s.retry is not None, (s.status, body)
        child.stdin.close()
        assert child.stdout.read() == "mine1 mine2\n"
        assert end_process(child) == 0
        child.stdout.close()
        y.reach()
        for f in followers:
            assert [e.data for e in f.got] == [
                "pulse 1", "mine1", "mine2", "pulse 2"]
            assert gaps(f) == 0


EXCLUSIVE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("INSERT INTO events(data) VALUES ('mine1')")
print("alone", flush=True)
sys.stdin.read()
db.execute("INSERT INTO events(data) VALUES ('mine2')")
print("mine1 mine2")
"""


def test_the_clock_goes_back_and_forth():
    """The times of the rows have nothing to do with their order: each comes
    once, also to those who come back."""
    with Field(ALL_WEBS) as y:
        followers = y.follow_many(4)
        db, datas, day = y.publisher(), [], 86400000
        now = db.execute("SELECT CAST(strftime('%s') AS INTEGER)"
                         ).fetchone()[0] * 1000
        for n in range(150):
            time = dice.choice([now, now - day, now + day, 1, 0, now + n,
                                now - n, now + 10000 * day])
            datas.append("row %d" % n)
            db.execute("INSERT INTO events(data, time) VALUES (?, ?)",
                       (datas[-1], time))
            nap(0, 0.01)
            if n % 10 == 0:
                dice.choice(followers).cut()
            if n % 50 == 25:
                y.restart_responder()
        y.committed(datas[-1])
        y.await_data(datas[-1])
        for f in followers:
            assert [e.data for e in f.got] == datas
            assert gaps(f) == 0


def test_the_last_ids_that_there_are():
    """The sequence is near 2^63: all are delivered and can be resumed from.
    When there is no id left, the publisher is told, and streams stay."""
    last = (1 << 63) - 1
    with Field(ALL_WEBS) as y:
        f = y.follow().wait_start()
        y.insert("first")
        y.publisher().execute(
            "UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'",
            (last - 5,))
        for n in range(5):
            assert y.insert("near %d" % n) == last - 4 + n
        y.await_data("near 4")
        try:
            y.insert("over")
            raise AssertionError("an id above 2^63 - 1")
        except sqlite3.OperationalError as e:
            assert "full" in str(e), e
        datas = ["first"] + ["near %d" % n for n in range(5)]
        assert [e.data for e in f.got] == datas and f.connects == 1
        for n, e in enumerate(f.got[1:-1], 2):
            again = y.stream(last_id=e.id).started()
            assert again.data(6 - n) == datas[n:]
            assert [note.event for note in again.notes] == ["stream-start"]
            again.close()
        end = y.stream(last_id=f.got[-1].id).started()
        end.close()
        assert y.health() == 200
        y.restart_responder()
        for where in ("?last=3", "?since=1"):
            fresh = y.stream(where).started()
            assert fresh.data(3) == (datas[-3:] if "last" in where
                                     else datas[:3])
            fresh.close()
        y.publisher().execute("DELETE FROM events")     # none, and no next
        for where in ("", "?last=3", "?lastEventId=earliest",
                      "?lastEventId=%d" % last):
            y.stream(where).started().close()
