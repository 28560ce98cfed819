"""test_full.py - something has run out: room on the disk, descriptors,
inotify.

A limit of the process takes the place of a full disk (RLIMIT_FSIZE) or of a
full table of descriptors (RLIMIT_NOFILE).  It can be put on a process that
runs, and taken away, and nobody else on the machine feels it.
"""

import errno
import os
import resource
import socket
import subprocess
import sys

from field import WEBS, Field, Shim, dice, gaps, limit
from yard import LOAD, until


def test_the_disk_is_full_for_a_publisher():
    """A write ends in the middle; streams get only what was committed."""
    with Field() as y:
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


def test_the_disk_is_full_for_the_writer():
    """A POST is refused and nothing of it comes; with room it is taken."""
    with Field(start=False) as y:
        y.open_to_posts()
        y.begin()
        f = y.follow().wait_start()
        assert y.post("one") in (200, 201)
        limit(y.writer(), resource.RLIMIT_FSIZE, 4096)
        refused = 0
        for _ in range(20):
            status = y.post("x" * 5000)
            assert 500 <= status < 600, status
            refused += 1
        y.reach([f])                    # others have room
        limit(y.writer(), resource.RLIMIT_FSIZE, None)
        assert y.post("two") in (200, 201)
        f.wait(lambda me: me.got[-1].data == "two")
        assert [e.data for e in f.got] == ["one", "pulse 1", "two"]
        assert f.connects == 1 and refused == 20


def test_the_disk_is_full_for_the_responder():
    """It can make no -shm: health is bad, and newcomers are told to come
    back.  With room it goes on by itself."""
    with Field(start=False) as y:
        y.popen["preexec_fn"] = no_room
        y.begin()
        until("health is bad", lambda: y.health() != 200)
        s, body = y.get("/events")
        assert s.status == 200 and s.retry is not None, (s.status, body)
        assert [e.event for e in s.wire.events] == ["stream-retry"], body
        limit(y.responder.pid, resource.RLIMIT_FSIZE, None)
        until("health is good", lambda: y.health() == 200)
        f = y.follow().wait_start()
        y.reach()
        f.leave()


def no_room():
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))


def highest(pid):
    """A limit at which it can open no more, if it opened in a row."""
    return max(int(n) for n in os.listdir("/proc/%d/fd" % pid)) + 1


def test_the_responder_has_no_descriptor_left():
    """Newcomers are told to come back or wait; live streams go on; then the
    newcomers get in."""
    with Field() as y:
        live = y.follow_many(5)
        limit(y.responder.pid, resource.RLIMIT_NOFILE,
              highest(y.responder.pid))
        late = [y.follow() for _ in range(20)]
        for _ in range(20):
            y.reach(live)
        assert all(f.connects == 1 for f in live), "a stream was cut"
        limit(y.responder.pid, resource.RLIMIT_NOFILE, None)
        for f in late:
            f.wait_start()
        y.reach()
        if y.web == "nginx":
            assert all(f.refused == 0 for f in late), "told to give up"


FEW = {"nginx": [("worker_rlimit_nofile 18000;", "worker_rlimit_nofile 60;"),
                 ("worker_processes auto;", "worker_processes 1;")],
       "lighttpd": [("server.max-fds = 18000", "server.max-fds = 60")]}


def test_the_web_server_has_no_descriptor_left():
    """Idle connections take them all.  Live streams go on; newcomers get in
    when there is room again."""
    web = dice.choice(WEBS)
    with Field([web], edits=FEW[web]) as y:
        live = y.follow_many(5)
        idle = [socket.create_connection(y.address) for _ in range(80)]
        late = [y.follow() for _ in range(10)]
        for _ in range(20):
            y.reach(live)
        assert all(f.connects == 1 for f in live), "a stream was cut"
        until("one has to wait", lambda: any(f.connects == 0 for f in late))
        for s in idle:
            s.close()
        for f in late:
            f.wait_start()
        y.reach()


def test_no_inotify():
    """Events come all the same, found by looking now and then."""
    with Field(program=LOAD, start=False) as y:
        shim = Shim(y)
        shim.no_inotify(errno.EMFILE)
        y.begin()
        y.follow_many(3)
        assert not any("inotify" in name for name in y.files())
        for _ in range(10):
            y.reach()
        y.unpublish()
        y.put_log(y.new_log())          # this is found, too
        for f in y.followers:
            f.wait(gaps)
        y.reach()
