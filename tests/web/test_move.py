"""test_move.py - a log moves to Redis and back while streams are open.

The steps are those of largesse-deploy(7): copy, stop the publishers, copy again,
start with the other --db.  No listener may lose or repeat an event, or be told
of a gap.

MOVE_EVENTS is how many events the log has before; 20,000 if not set.
"""

import os
import pty
import sqlite3
import subprocess
import sys
import threading
import time

from busy import Publisher
from redis_server import RedisServer
from yard import LOAD, Yard, end_process, until

EVENTS = int(os.environ.get("MOVE_EVENTS", 20000))


def by_sqlite(y):
    """Every seventh event has a uid."""
    connect = threading.local()

    def publish(n):
        if not hasattr(connect, "db"):
            connect.db = sqlite3.connect(
                y.log, timeout=20, isolation_level=None)
        connect.db.execute("INSERT INTO events(data, uid) VALUES(?, ?)",
                           ("e%d" % n, None if n % 7 else "u%d" % n))
    return publish


def by_redis(r):
    def publish(n):
        uid = [] if n % 7 else ["uid", "u%d" % n]
        subprocess.run(["redis-cli", "-s", r.socket, "XADD", "events", "*",
                        "data", "e%d" % n, *uid], check=True,
                       capture_output=True, timeout=20)
    return publish


def fill(y, count):
    db = y.publisher()
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO events(data, uid) VALUES(?, ?)",
        (("e%d" % n, None if n % 7 else "u%d" % n)
         for n in range(1, count + 1)))
    db.execute("COMMIT")
    y.unpublish()


def copy(y, source, target):
    """Runs largesse copy, and prints its time and memory."""
    began = time.monotonic()
    proc = subprocess.Popen([y.program, "copy", str(source), str(target)],
                            stdout=subprocess.PIPE, text=True)
    kib = 0
    while proc.poll() is None:
        kib = peak_kib(proc.pid) or kib
        time.sleep(0.01)
    said = proc.stdout.read()
    proc.stdout.close()
    assert proc.returncode == 0, proc.returncode
    print("# %s# %.1f s, at most %.1f MiB" % (
        said, time.monotonic() - began, kib / 1024), file=sys.stderr)


def peak_kib(pid):
    """VmHWM of a process, or 0 if it has ended."""
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def move(y, publisher, target):
    """Follows the recipe.  Returns the number of the last event before."""
    copy(y, y.log, target)
    last = publisher.stop()
    copy(y, y.log, target)
    assert end_process(y.responder) == 0
    y.log = target
    y.start_responder()
    return last


def test_how_far_it_is_is_shown_on_a_terminal():
    with Yard("nginx", program=LOAD, start=False) as y:
        fill(y, 2000)
        ours, theirs = pty.openpty()
        copied = subprocess.run(
            [y.program, "copy", str(y.log), str(y.dir / "copy.db")],
            stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60)
        os.close(theirs)
        shown = os.read(ours, 4096).decode()
        os.close(ours)
        assert copied.stdout.startswith("2000 events copied in ")
        assert "500 events, up to 500" in shown, shown
        assert shown.endswith("\r\x1b[K"), "the line is not cleared"


def want_all(followers, last):
    for f in followers:
        f.wait(lambda me: me.got and me.got[-1].data == "e%d" % last, 60)
        assert all(n.event == "stream-start" for n in f.notes), f.notes
        first = int(f.got[0].data[1:])
        assert first <= f.first, (first, f.first)
        assert [e.data for e in f.got] == [
            "e%d" % n for n in range(first, last + 1)]


def follow(y, first, **kw):
    f = y.follow(**kw)
    f.first = first     # it must get all events from here on
    return f


def test_listeners_stay_while_the_log_moves_to_redis_and_back():
    with Yard("nginx", program=LOAD) as y, RedisServer(y.dir) as r:
        file = y.log
        fill(y, EVENTS)
        followers = [follow(y, EVENTS + 1).wait_start() for _ in range(5)]
        followers += [follow(y, EVENTS - back + 1, last_id=EVENTS - back)
                      for back in (1, 100, 5000)]
        publisher = Publisher(by_sqlite(y), EVENTS)
        last = move(y, publisher, r.url)
        publisher = Publisher(by_redis(r), last)
        want_all(followers, last)
        until("some are published there", lambda: publisher.n > last + 50)
        last = move(y, publisher, file)
        publisher = Publisher(by_sqlite(y), last)
        until("some are published again", lambda: publisher.n > last + 50)
        last = publisher.stop()
        want_all(followers, last)
        for f in followers:
            f.leave()
            assert f.connects >= 3, f.connects
