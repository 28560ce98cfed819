"""test_reads.py - reads of the log that fail, take long or are stopped.

What was committed meanwhile comes once, and soon after the trouble is over:
whoever has to wait for a commit or for many times the trouble to be over is
mute.
"""

import contextlib
import errno
import os
import signal
import struct
import subprocess
import sys
import time

from field import Field, Shim, gaps, nap, number
from yard import LOAD, until

SOON = 4        # seconds after the trouble is over


@contextlib.contextmanager
def soon(y, what):
    """What is done inside is over in time, on a machine that has time."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    print("# %s after %.2f s" % (what, took), file=sys.stderr)
    assert took < SOON, "%s only after %.1f s" % (what, took)


# Holds what a reader of the WAL takes, in a process of its own: POSIX locks
# are those of a process.
LOCKED = """
import fcntl, sys
shm = open(sys.argv[1], "r+b")
fcntl.lockf(shm, fcntl.LOCK_EX, 5, 123)
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def index_locked(y):
    """All marks of readers, exclusively, once no reader holds one."""
    child = subprocess.Popen(
        [sys.executable, "-c", LOCKED, str(y.tails()[1])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"locked\n"
        yield
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


def test_the_wal_index_locked_for_seconds():
    """Another process locks it exclusively.  A row that is committed when it
    is free again comes soon, not after several times as long."""
    with Field() as y:
        followers = y.follow_many(3)
        for _ in range(2):
            y.reach()
            with index_locked(y):
                # A change of a file makes the responder look.
                for _ in range(30):
                    os.utime(y.log)
                    y.tails()[0].open("ab").close()
                    nap(0.1, 0.1)
            with soon(y, "a row"):
                y.reach()
        for f in followers:
            assert f.connects == 1 and gaps(f) == 0


def test_reads_that_take_long():
    """Each pread takes a second for a while; then the disk is well again."""
    with Field(program=LOAD, start=False) as y:
        shim = Shim(y)
        y.begin()
        followers = y.follow_many(3)
        y.reach()
        forget_pages(y)
        shim.stall(1000)
        before = shim.reads()
        y.insert("slow 1")
        until("a read is slow", lambda: shim.reads() > before)
        y.insert("slow 2")
        nap(1, 2)
        shim.stall(0)
        with soon(y, "a row"):
            y.await_data("slow 2")
            y.reach()
        for f in followers:
            assert [e.data for e in f.got] == [
                "pulse 1", "slow 1", "slow 2", "pulse 2"]
            assert f.connects == 1 and gaps(f) == 0


def forget_pages(y):
    """All pages go into the file: the responder has to read them anew."""
    db = y.publisher()
    until("a checkpoint ends", lambda: emptied(db))


def emptied(db):
    """Is the -wal empty?  A reader may be in the way."""
    return db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def test_reads_that_fail():
    """The disk gives errors for seconds: health is bad, and newcomers are
    told to come back.  Then each row comes once, with no new commit."""
    with Field(program=LOAD, start=False) as y:
        shim = Shim(y)
        y.begin()
        followers = y.follow_many(3)
        y.reach()
        forget_pages(y)
        before = shim.reads()
        shim.fail(errno.EIO)
        db = y.publisher()
        db.execute("BEGIN")
        for n in range(200):
            y.insert(row(n))
        db.execute("COMMIT")
        until("a read fails", lambda: shim.reads() > before)
        until("health is bad", lambda: y.health() != 200)
        s, body = y.get("/events")
        assert s.status == 200 and s.retry is not None, (s.status, body)
        shim.fail(0)
        once_each(y, followers, 200)


def row(n):
    """So long that 200 of them take many pages."""
    return "row %d " % n + "x" * 500


def once_each(y, followers, n):
    """They come soon, and once."""
    last = row(n - 1)
    y.committed(last)
    with soon(y, "the last row"):
        y.await_data(last, followers)
    until("health is good", lambda: y.health() == 200)
    y.reach()
    newcomer = y.follow(last_id=followers[0].got[0].id)
    y.await_data(last, [newcomer])
    newcomer.wait_count(n + 1)
    for f in [*followers, newcomer]:
        rows = [e.data for e in f.got if e.data.startswith("row")]
        assert rows == [row(i) for i in range(n)], "%d rows" % len(rows)
        assert len({number(e.id) for e in f.got}) == len(f.got), "repeated"
        assert gaps(f) == 0


def stop_between_reads(y, db):
    """A read that does not end would keep its pages out of the file."""
    def between():
        os.kill(y.responder.pid, signal.SIGSTOP)
        if emptied(db):
            return True
        os.kill(y.responder.pid, signal.SIGCONT)
        return False
    db.execute("PRAGMA busy_timeout=100")
    until("it is between two reads", between)
    db.execute("PRAGMA busy_timeout=20000")


def test_a_bad_page_that_is_mended():
    """A page in the middle of what is new is rubbish for seconds: health is
    bad and no row comes twice.  When the page is whole again the rows come by
    themselves."""
    with Field() as y:
        followers = y.follow_many(3)
        y.reach()
        y.unpublish()
        db = y.publisher()
        stop_between_reads(y, db)
        try:
            db.execute("BEGIN")
            for n in range(200):
                y.insert(row(n))
            db.execute("COMMIT")
            forget_pages(y)
            page, at = page_of(y, b"row 100 ")
            put(y, at, b"\xa5" * len(page))
        finally:
            os.kill(y.responder.pid, signal.SIGCONT)
        until("health is bad", lambda: y.health() != 200)
        nap(2, 3)
        assert all(len({e.data for e in f.got}) == len(f.got)
                   for f in followers), "repeated"
        put(y, at, page)
        once_each(y, followers, 200)


def page_of(y, words):
    """The page of the file that has these words, and where it is."""
    data = subprocess.run(["cat", str(y.log)], check=True,
                          stdout=subprocess.PIPE).stdout
    size = struct.unpack(">H", data[16:18])[0]
    at = data.index(words) // size * size
    return data[at:at + size], at


def put(y, at, page):
    """Other processes read and write the file: if we closed it, the locks of
    our publisher would be gone."""
    subprocess.run(["dd", "of=" + str(y.log), "bs=1", "conv=notrunc",
                    "seek=%d" % at, "status=none"], input=page, check=True)


def test_the_responder_stopped_in_the_middle_of_a_read():
    """Reads are slow, so SIGSTOP comes inside one: the log is checkpointed
    and written to while it stands still."""
    with Field(program=LOAD, start=False) as y:
        shim = Shim(y)
        y.begin()
        followers = y.follow_many(3)
        shim.stall(3)
        for n in range(15):
            data = "turn %d" % n
            before = shim.reads()
            y.insert(data)
            deadline = time.monotonic() + 0.3
            while shim.reads() == before and time.monotonic() < deadline:
                pass
            os.kill(y.responder.pid, signal.SIGSTOP)
            for i in range(20):
                y.insert("turn %d, row %d" % (n, i))
            y.publisher().execute("PRAGMA wal_checkpoint(PASSIVE)")
            os.kill(y.responder.pid, signal.SIGCONT)
        shim.stall(0)
        y.reach()
        for f in followers:
            assert [number(e.id) for e in f.got] == list(
                range(1, 15 * 21 + 2))
            assert f.connects == 1 and gaps(f) == 0
