"""field.py - a stack that is broken on purpose, and watched all the time.

A Field is a log, a responder and a web server, as in tests/web.  Beside them a
Watch asks for the health, and the Field knows when each event was committed.
When a test has ended well, all that came too late is looked for:

    A commit reaches every open stream within MUTE seconds, or health is
    not 200.

A stream is mute when nothing comes although something is due.  Whoever is
behind and gets events is not mute, so a slow test is no failure.
"""

import contextlib
import os
import pathlib
import random
import resource
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

from hosts import Site
from yard import PATIENCE, children, until

HERE = pathlib.Path(__file__).resolve().parent
MUTE = 5        # seconds
LAG = 1         # that a thread of ours may be late, on a busy machine
SEED = int(os.environ.get("FAULT_SEED", random.randrange(1 << 32)))
print("# FAULT_SEED=%d" % SEED, file=sys.stderr)
dice = random.Random(SEED)

# Which of them a test runs on, the dice say.
WEBS = ["nginx", "lighttpd"]
ALL_WEBS = WEBS + ["apache"]


def seeded(test):
    """Each test throws its own dice: it can be repeated by itself."""
    def run(**case):
        dice.seed("%d %s %s" % (SEED, test.__name__, case))
        test(**case)
    run.cases = getattr(test, "cases", [{}])
    return run


def nap(least, most):
    time.sleep(dice.uniform(least, most))


def number(event_id):
    """The row of an id; more may come after it."""
    return int(event_id.split("-")[0])


class Watch(threading.Thread):
    """Asks for the health again and again.  good: when it was asked for and
    answered with 200."""

    def __init__(self, field):
        super().__init__(daemon=True)
        self.address, self.good = field.address, []
        self.stopped = threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.2):
            began = time.time()
            if self.ask():
                self.good.append((began, time.time()))

    def ask(self):
        try:
            with socket.create_connection(self.address, 2) as s:
                s.settimeout(2)
                s.sendall(b"GET /events/health HTTP/1.0\r\n\r\n")
                return s.recv(64)[9:12] == b"200"
        except OSError:
            return False

    def vouched(self, since, until_then):
        """Was it 200 at a time when something was late?  As the health turns
        good the events come, and we may see these a little later."""
        return any(began > since + MUTE and ended < until_then - LAG
                   for began, ended in list(self.good))

    def stop(self):
        self.stopped.set()
        self.join(10)


class Field(Site):
    def __init__(self, webs=WEBS, how="socket", **kw):
        self.commits = {}       # data -> time
        self.followers = []
        self.watch = None
        self.popen = {}         # how the responder is started
        self.pulses = 0
        super().__init__(dice.choice(webs), how, **kw)
        print("# %s" % self.web, file=sys.stderr)

    def start_responder(self, **popen):
        super().start_responder(**{**self.popen, **popen})

    def start_web(self):
        super().start_web()
        if self.watch is None:
            self.watch = Watch(self)

    def committed(self, data):
        """From now on it is due."""
        self.commits[data] = time.time()

    def insert(self, data, topic="main"):
        row = super().insert(data, topic)
        self.committed(data)
        return row

    def follow(self, query="", **kw):
        f = super().follow(query, **kw)
        self.followers.append(f)
        return f

    def follow_many(self, n, **kw):
        many = [self.follow(**kw) for _ in range(n)]
        for f in many:
            f.wait_start()
        return many

    def health(self):
        return 200 if self.watch.ask() else 503

    def said(self, words):
        return words in (self.dir / "responder.log").read_text(
            errors="replace")

    def reach(self, followers=None, commit=None):
        """A new event reaches all streams, or health is not 200 until it
        does."""
        self.pulses += 1
        data = "pulse %d" % self.pulses
        (commit or self.insert)(data)
        self.committed(data)
        self.await_data(data, followers)

    def await_data(self, data, followers=None):
        for f in self.followers if followers is None else followers:
            until("%.20s comes, while health is not 200" % data,
                  lambda f=f: f.error or self.has(f, data))
            if f.error:
                raise f.error

    def has(self, f, data):
        if any(e.data == data for e in reversed(f.got)):
            return True
        assert self.responder.poll() is None, (
            "the responder ended with %d" % self.responder.returncode)
        since = max([self.commits[data], *f.opened[-1:],
                     *[e.at for e in f.got[-1:]]])
        assert not self.watch.vouched(since, time.time()), (
            "%.20s has not come for %.1f s, and health is 200" % (
                data, time.time() - since))
        return False

    def mute(self):
        """What came late while health was 200."""
        found = []
        for f in self.followers:
            before = 0
            for e in f.got:
                if e.data in self.commits:
                    since = max([self.commits[e.data], before] + [
                        t for t in f.opened if t <= e.at])
                    if self.watch.vouched(since, e.at):
                        found.append((e.data[:20], "%.1f s" % (e.at - since)))
                before = e.at
        return found

    def close(self):
        if self.watch:
            self.watch.stop()
        super().close()

    def __exit__(self, kind, *_):
        for f in self.followers:
            f.leave()
        if kind is None:
            found = self.mute()
            self.close()
            assert not found, "mute, and health was 200: %s" % found[:5]

    # --- what is done to it

    def web_pids(self):
        return [self.server.pid, *children(self.server.pid)]

    def stand_still(self, pids, least, most):
        """SIGSTOP, and after a while SIGCONT."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        nap(least, most)
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)

    def tails(self):
        """-wal and -shm."""
        return [self.log.with_name(self.log.name + tail)
                for tail in ("-wal", "-shm")]

    # --- publishing by POST

    def open_to_posts(self):
        """Before it is started."""
        key = self.dir / "key"
        key.write_text("k" * 48)
        self.options += ["--publish", "--public", "main", "--key-file",
                         str(key)]
        self.token = self.run("token", "--key-file", str(key), "--subscribe",
                              "*", "--publish", "*").stdout.strip()

    def post(self, data, uid=None, timeout=PATIENCE):
        """The status of the answer."""
        body = "topic=main&data=%s" % data + ("&uid=" + uid if uid else "")
        s = self.stream(method="POST", body=body.encode(), timeout=timeout,
                        headers=["Authorization: Bearer " + self.token,
                                 "Content-Type: "
                                 "application/x-www-form-urlencoded"])
        s.close()
        return s.status

    def writer(self):
        return until("a writer runs", lambda: children(
            self.responder.pid))[0]


class Publisher(threading.Thread):
    """A steady stream of inserts e1, e2, ..., one a transaction."""

    def __init__(self, y, per_second, before=()):
        """before: what is in the log already."""
        super().__init__(daemon=True)
        self.y, self.pause = y, 1 / per_second
        self.committed = list(before)       # (row, data)
        self.stopped = threading.Event()
        self.start()

    def run(self):
        db = sqlite3.connect(self.y.log, timeout=60, isolation_level=None)
        db.execute("PRAGMA synchronous = NORMAL")
        while not self.stopped.wait(self.pause):
            self.one(db, "e%d" % (len(self.committed) + 1))
        db.close()

    def one(self, db, data):
        row = db.execute("INSERT INTO events(data) VALUES (?)",
                         (data,)).lastrowid
        self.y.committed(data)
        self.committed.append((row, data))

    def stop(self):
        self.stopped.set()
        self.join(70)
        return self.committed


def settle(followers, committed):
    """Each follower has every event, once and in order, and saw no gap."""
    lost = repeated = 0
    for f in followers:
        until("follower has the last event", lambda f=f: f.error or (
            f.got and number(f.got[-1].id) == committed[-1][0]))
        f.leave()
        if f.error:
            raise f.error
    for f in followers:
        ids = [number(e.id) for e in f.got]
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
        assert [(number(e.id), e.data) for e in f.got] == committed, \
            "another order"
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


def gaps(f):
    return sum(n.event == "stream-gap" for n in f.notes)


def copy(source, target):
    """As .backup and .restore of the sqlite3 program: in place."""
    with sqlite3.connect(source) as a, sqlite3.connect(target) as b:
        a.backup(b)
    a.close()
    b.close()


def limit(pid, what, most):
    """The soft limit of a process that runs; most None: as it was."""
    hard = resource.prlimit(pid, what)[1]
    resource.prlimit(pid, what, (hard if most is None else most, hard))


class Shim:
    """shim.c: what the kernel answers to the responder, as a test wants it.
    It goes with build/largesse only: the sanitizers come first."""

    def __init__(self, y):
        self.file = y.dir / "shim"
        self.file.write_bytes(bytes(64))
        library = y.dir / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library),
                        str(HERE / "shim.c")], check=True)
        y.popen["env"] = dict(os.environ, LD_PRELOAD=str(library),
                              SHIM=str(self.file))

    def put(self, at, value):
        with open(self.file, "r+b") as f:
            f.seek(at * 4)
            f.write(struct.pack("i", value))

    def get(self, at):
        return struct.unpack_from("i", self.file.read_bytes(), at * 4)[0]

    def stall(self, ms):
        """Every read of a file takes so long."""
        self.put(0, ms)

    def fail(self, error):
        """Every read of a file fails; 0: no longer."""
        self.put(1, error)

    def no_inotify(self, error):
        self.put(2, error)

    def reads(self):
        """How many reads were slow or failed."""
        return self.get(3)
