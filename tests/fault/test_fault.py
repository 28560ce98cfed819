"""test_fault.py - kills, cuts, full disks and replaced logs under load.

A Publisher inserts e1, e2, ...  Each follower must get everything that was
committed, in order and once.  The ids are compared, too: two errors could
cancel each other in the data, but not in the ids.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from yard import LOAD, ROOTED, Yard, end_process, until

SEED = int(os.environ.get("FAULT_SEED", random.randrange(1 << 32)))
print("# FAULT_SEED=%d" % SEED, file=sys.stderr)
dice = random.Random(SEED)


class Publisher(threading.Thread):
    """A steady stream of inserts, one a transaction."""

    def __init__(self, y, per_second):
        super().__init__(daemon=True)
        self.log, self.pause = y.log, 1 / per_second
        self.committed = []         # (id, data)
        self.stopped = threading.Event()
        self.start()

    def run(self):
        db = sqlite3.connect(self.log, timeout=20, isolation_level=None)
        db.execute("PRAGMA synchronous = NORMAL")
        while not self.stopped.wait(self.pause):
            data = "e%d" % (len(self.committed) + 1)
            cursor = db.execute("INSERT INTO events(data) VALUES (?)",
                                (data,))
            self.committed.append((str(cursor.lastrowid), data))
        db.close()

    def stop(self):
        self.stopped.set()
        self.join(30)
        return self.committed


def settle(followers, committed):
    """Each follower has every event, once and in order, and saw no gap."""
    lost = repeated = 0
    for f in followers:
        until("follower has the last event", lambda: f.error or (
            f.got and f.got[-1].id == committed[-1][0]))
        f.leave()
        if f.error:
            raise f.error
    for f in followers:
        ids = [e.id for e in f.got]
        lost += len({i for i, _ in committed} - set(ids))
        repeated += len(ids) - len(set(ids))
    print("# %d events to %d followers, %d connects, %d refused: "
          "lost %d, repeated %d" % (
              len(committed), len(followers),
              sum(f.connects for f in followers),
              sum(f.refused for f in followers), lost, repeated),
          file=sys.stderr)
    assert lost == 0 and repeated == 0
    for f in followers:
        assert [(e.id, e.data) for e in f.got] == committed, "another order"
        assert all(n.event == "stream-start" for n in f.notes), \
            [n for n in f.notes if n.event != "stream-start"]


@contextlib.contextmanager
def felt_by(followers):
    """What is done inside cuts the followers; wait until each is back.
    On a busy machine the next kill would come before that."""
    was = [f.connects for f in followers]
    yield
    for f, n in zip(followers, was):
        f.wait(lambda me, n=n: me.connects > n)


def nap(least, most):
    time.sleep(dice.uniform(least, most))


def test_a_hundred_random_kills_of_the_responder():
    """kill -9; the socket stays open, as with systemd."""
    with Yard("nginx", program=LOAD) as y:
        followers = [y.follow().wait_start() for _ in range(5)]
        publisher = Publisher(y, 200)
        for n in range(100):
            nap(0, 0.25)
            with felt_by(followers if n % 5 == 0 else []):
                y.restart_responder()
        settle(followers, publisher.stop())
        assert all(f.connects >= 20 for f in followers), \
            "too few kills were felt"


def test_random_kills_under_the_sanitizers_and_spawn_fcgi():
    """The socket is lost, too: nginx answers meanwhile; no client gives up."""
    with Yard("nginx", "spawn-fcgi") as y:
        followers = [y.follow().wait_start() for _ in range(5)]
        publisher = Publisher(y, 200)
        for n in range(15):
            nap(0, 0.3)
            with felt_by(followers if n % 3 == 0 else []):
                y.kill_responder()
                nap(0, 0.1)
                y.start_responder()
        settle(followers, publisher.stop())
        assert all(f.refused == 0 for f in followers), "told to give up"
        assert all(f.connects >= 5 for f in followers), \
            "too few kills were felt"


def test_random_stops_of_the_responder():
    """SIGTERM comes at any moment; the responder always exits with 0."""
    with Yard("nginx") as y:
        followers = [y.follow().wait_start() for _ in range(5)]
        publisher = Publisher(y, 200)
        for _ in range(10):
            y.stream().started().close()
            nap(0, 0.3)
            status = end_process(y.responder)
            assert status == 0, status
            y.start_responder()
        settle(followers, publisher.stop())


def test_random_kills_of_nginx_and_its_workers():
    with Yard("nginx") as y:
        followers = [y.follow().wait_start() for _ in range(5)]
        publisher = Publisher(y, 200)
        for _ in range(20):
            nap(0, 0.3)
            if dice.random() < 0.5:
                y.kill_web()
                y.start_web()
            else:
                os.kill(dice.choice(y.web_workers()), signal.SIGKILL)
        settle(followers, publisher.stop())


def test_random_cuts_of_clients():
    """Ten followers are cut 500 times, when live or still behind."""
    with Yard("nginx") as y:
        for i in range(2000):
            y.insert("e%d" % (i + 1))
        early = [(str(i + 1), "e%d" % (i + 1)) for i in range(2000)]
        followers = [y.follow(last_id="earliest", pause=0.01)
                     for _ in range(10)]
        publisher = Publisher(y, 200)
        publisher.committed += early
        for _ in range(500):
            nap(0, 0.03)
            dice.choice(followers).cut()
        settle(followers, publisher.stop())


def test_a_publisher_killed_inside_its_transaction():
    """Its rows never come, and the rows that others commit do."""
    with Yard("nginx") as y:
        f = y.follow().wait_start()
        for i in range(10):
            child = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(y.log), "ghost %d" % i],
                stdout=subprocess.PIPE)
            child.stdout.readline()     # inside its transaction
            nap(0, 0.05)
            end_process(child, signal.SIGKILL)
            child.stdout.close()
            y.insert("real %d" % i)
        f.wait_count(10).leave()
        assert [e.data for e in f.got] == ["real %d" % i for i in range(10)]


# The rows are so large that pages go into the WAL before any commit.
KILLED = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
db.execute("PRAGMA cache_size = 10")
db.execute("BEGIN IMMEDIATE")
for _ in range(200):
    db.execute("INSERT INTO events(data) VALUES (?)", (sys.argv[2] * 999,))
print("inside", flush=True)
time.sleep(60)
"""


def test_the_disk_is_full_for_a_publisher():
    """A write ends in the middle; streams get only what was committed."""
    with Yard("nginx") as y:
        f = y.follow().wait_start()
        for i in range(50):
            y.insert("before %d" % i + "x" * 1000)
        child = subprocess.run(
            [sys.executable, "-c", FULL, str(y.log)], capture_output=True,
            text=True)
        whole = int(child.stdout.split()[-1])
        assert "disk" in child.stdout, (child.stdout, child.stderr)
        y.insert("after")
        f.wait_count(50 + whole + 1).leave()
        assert [e.data[:6] for e in f.got] == (
            ["before"] * 50 + ["during"] * whole + ["after"])
        assert f.connects == 1, "the stream was cut"


# A limit on the size of files takes the place of a full disk.
FULL = """
import resource, signal, sqlite3, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
n = 0
try:
    while n < 5000:
        db.execute("INSERT INTO events(data) VALUES (?)", ("during" * 99,))
        n += 1
except sqlite3.OperationalError as e:
    print(e)
print(n)
"""


def test_the_log_replaced_while_streams_run():
    """First an older copy, then another log: streams tell it and go on."""
    with Yard("nginx") as y:
        followers = [y.follow().wait_start() for _ in range(5)]
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
    with Yard("nginx") as y:
        f = y.follow().wait_start()
        y.insert("old")
        f.wait_count(1)
        y.unpublish()
        y.new_log().replace(y.log)
        f.wait(gaps)
        for tail in ("-wal", "-shm"):
            y.log.with_name(y.log.name + tail).unlink(missing_ok=True)
        y.insert("new 1")
        y.insert("new 2")
        f.wait(lambda me: me.got[-1].data == "new 2").leave()
        fresh = y.stream("?last=5").started()
        assert fresh.data(2) == ["new 1", "new 2"]


def gaps(f):
    return sum(n.event == "stream-gap" for n in f.notes)


def copy(source, target):
    with sqlite3.connect(source) as a, sqlite3.connect(target) as b:
        a.backup(b)
    a.close()
    b.close()


def test_a_log_out_of_reach_comes_back():
    """New clients are told to come back; open streams stay open."""
    with Yard("nginx") as y:
        f = y.follow().wait_start()
        y.insert("one")
        f.wait_count(1)
        y.unpublish()
        away = y.dir / "away"
        y.log.parent.rename(away)
        until("health is bad", lambda: y.get("/events/health")[0].status == 503)
        s, body = y.get("/events")
        assert s.status == 200 and s.retry is not None, (s.status, body)
        assert not s.wire.events, "a stream of nothing was started"
        away.rename(y.log.parent)
        y.insert("two")
        f.wait_count(2).leave()
        assert [e.data for e in f.got] == ["one", "two"]
        assert f.connects == 1 and gaps(f) == 0


def test_a_directory_that_only_publishers_may_write():
    """The responder may only read: it cannot make -wal and -shm."""
    with Yard("nginx", start=False) as y:
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
    with Yard("nginx", program=LOAD) as y:
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
        assert largest < 16 << 20, largest
        for f in followers:
            f.leave()
            assert f.connects == 1
            assert [int(e.id) for e in f.got] == list(range(1, 30001))


def checkpoint(db):
    row = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return row if row[0] == 0 else None
