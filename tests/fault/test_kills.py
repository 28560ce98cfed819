"""test_kills.py - processes are killed, stopped and made to stand still, and
connections are cut, at random moments under load.

A Publisher inserts e1, e2, ...  Each follower must get everything that was
committed, in order and once.  The ids are compared, too: two errors could
cancel each other in the data, but not in the ids.
"""

import os
import signal
import subprocess
import sys
import threading

from client import Cut, Ended
from field import ALL_WEBS, Field, Publisher, dice, felt_by, nap, settle
from yard import LOAD, end_process, until


def test_a_hundred_random_kills_of_the_responder():
    """kill -9; the socket stays open, as with systemd."""
    with Field(program=LOAD) as y:
        followers = y.follow_many(5)
        publisher = Publisher(y, 200)
        for n in range(100):
            nap(0, 0.25)
            with felt_by(followers if n % 5 == 0 else []):
                y.restart_responder()
        settle(followers, publisher.stop())
        assert all(f.connects >= 20 for f in followers), \
            "too few kills were felt"


def test_random_kills_under_the_sanitizers_and_spawn_fcgi():
    """The socket is lost, too: the web server answers meanwhile; no client
    gives up."""
    with Field(how="spawn-fcgi") as y:
        followers = y.follow_many(5)
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
    with Field(ALL_WEBS) as y:
        followers = y.follow_many(5)
        publisher = Publisher(y, 200)
        for _ in range(10):
            y.stream().started().close()
            nap(0, 0.3)
            status = end_process(y.responder)
            assert status == 0, status
            y.start_responder()
        settle(followers, publisher.stop())


def test_the_responder_stands_still():
    """SIGSTOP and SIGCONT, often in the middle of a read or a write: streams
    stay open, and what was committed meanwhile comes."""
    with Field(ALL_WEBS) as y:
        followers = y.follow_many(5)
        publisher = Publisher(y, 400)
        for n in range(40):
            nap(0, 0.05)
            y.stand_still([y.responder.pid], 0, 0.8 if n % 10 == 0 else 0.05)
        settle(followers, publisher.stop())
        assert all(f.connects == 1 for f in followers), "a stream was cut"


def test_the_web_server_stands_still():
    """The same for the web server, its workers and both at once."""
    with Field() as y:
        followers = y.follow_many(5)
        publisher = Publisher(y, 400)
        for n in range(30):
            nap(0, 0.05)
            pids = y.web_pids()
            y.stand_still(dice.choice([pids, pids[:1], pids[1:],
                                       [*pids, y.responder.pid]]),
                          0, 0.8 if n % 10 == 0 else 0.05)
        settle(followers, publisher.stop())
        assert all(f.connects == 1 for f in followers), "a stream was cut"


def test_random_kills_of_the_web_server_and_its_workers():
    with Field() as y:
        followers = y.follow_many(5)
        publisher = Publisher(y, 200)
        for _ in range(20):
            nap(0, 0.3)
            if dice.random() < 0.5 or y.web != "nginx":
                y.kill_web()
                y.start_web()
            else:
                os.kill(dice.choice(y.web_workers()), signal.SIGKILL)
        settle(followers, publisher.stop())


def test_random_cuts_of_clients():
    """Ten followers are cut 500 times, when live or still behind."""
    with Field(ALL_WEBS) as y:
        for i in range(2000):
            y.insert("e%d" % (i + 1))
        early = [(i + 1, "e%d" % (i + 1)) for i in range(2000)]
        followers = [y.follow(last_id="earliest", pause=0.01)
                     for _ in range(10)]
        publisher = Publisher(y, 200, early)
        for _ in range(500):
            nap(0, 0.03)
            dice.choice(followers).cut()
        settle(followers, publisher.stop())


def test_a_publisher_killed_inside_its_transaction():
    """Its rows never come, and the rows that others commit do."""
    with Field() as y:
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


class Poster(threading.Thread):
    """Publishes p0, p1, ... by POST with a uid, and again until it is told
    that it is in the log."""

    def __init__(self, y):
        super().__init__(daemon=True)
        self.y, self.n, self.again = y, 0, 0
        self.error = None
        self.stopped = threading.Event()
        self.start()

    def run(self):
        while not self.stopped.is_set():
            status = self.status()
            if status in (200, 201):
                self.y.committed("p%d" % self.n)
                self.n += 1
            elif status in (0, 502, 503, 504):
                self.again += 1
                self.stopped.wait(0.02)
            else:
                self.error = "status %d" % status
                return

    def status(self):
        try:
            return self.y.post("p%d" % self.n, "u%d" % self.n)
        except (OSError, Cut, Ended):
            return 0

    def stop(self):
        self.stopped.set()
        self.join(70)
        assert self.error is None, self.error
        return self.n


def test_the_writer_is_killed():
    """Who publishes by POST and repeats what was not answered, has each event
    in the log once; streams go on."""
    with Field(start=False) as y:
        y.open_to_posts()
        y.begin()
        followers = y.follow_many(3)
        poster = Poster(y)
        for n in range(8):
            until("some are published", lambda n=n: (
                poster.error or poster.n > 15 * n))
            os.kill(y.writer(), signal.SIGKILL)
        until("it is published again", lambda: (
            poster.error or poster.n > 15 * 8))
        n = poster.stop()
        print("# %d events, %d times again" % (n, poster.again),
              file=sys.stderr)
        y.reach(followers)
        for f in followers:
            assert f.connects == 1, "a stream was cut"
            datas = [e.data for e in f.got]
            assert datas[:n] == ["p%d" % i for i in range(n)], datas
            assert len(datas) <= n + 2, datas[n:]
