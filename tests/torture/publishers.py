"""publishers.py - one publisher, a process that may be killed at any time.

usage: publishers.py KIND NAME DIR, with DIR/setup.json.

Every event carries a tag, #NAME.SERIAL#, that no other event has.  What was
begun and what was acknowledged is in DIR/journal-NAME.jsonl; whether something
that was not acknowledged has been committed is read from the log itself.

A unit of work is done behind the gate, a lock that is shared by publishers.
Who replaces the log by hand takes the gate alone, as a person stops the
publishers first, and waits until nobody has the log open: whoever closes a file
of SQLite later may write into the one that has its name by then.  The gate's
file says how often the log was replaced, and by how much the publishers' clock
is wrong.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import random
import selectors
import sqlite3
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "web/kit"), str(HERE.parent / "hosts")]

from client import Cut, Ended, Stream  # noqa: E402  (the path comes first)
from records import END, Writer, make_data  # noqa: E402
from resp import Redis, RedisError  # noqa: E402

BIG = 200_000
GIVE_UP_S = 4       # a POST is not tried again for longer
INSERT = "INSERT INTO events(topic, data) VALUES (?, ?)"
INSERT_AT = "INSERT INTO events(topic, data, time) VALUES (?, ?, ?)"


class Failed(Exception):
    pass


class Publisher:
    pause = (0.01, 0.1)     # seconds between two units of work

    def __init__(self, name, folder):
        self.dir, self.name = pathlib.Path(folder), name
        self.setup = json.loads((self.dir / "setup.json").read_text())
        self.dice = random.Random("%s %s" % (self.setup["seed"], name))
        self.write = Writer(self.dir / ("journal-%s.jsonl" % name))
        self.gate = os.open(self.dir / "gate", os.O_RDONLY)
        self.held = os.open(self.dir / "held", os.O_RDONLY)
        self.serial, self.state, self.db = 0, None, None

    def run(self):
        parent = os.getppid()
        while os.getppid() == parent:       # nobody else would end it
            self.pass_gate()
            if self.look_at_gate():
                self.work()
            fcntl.flock(self.gate, fcntl.LOCK_UN)
            time.sleep(self.dice.uniform(*self.pause))

    def pass_gate(self):
        """Whoever waits for it goes first, and may want the log closed."""
        while True:
            state = self.gate_state()
            if state[3] == b"0":
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(self.gate, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return
            elif state[2] == b"1":
                self.forget()
            time.sleep(0.02)

    def gate_state(self):
        return os.pread(self.gate, 100, 0).split()

    def look_at_gate(self):
        """False: the log is to be left alone."""
        state = self.gate_state()
        closed = state[2] == b"1"
        if self.state is None or state[0] != self.state[0] or closed:
            self.forget()
        self.state = state
        self.offset_ms = int(state[1])
        return not closed

    def work(self):
        tags = []
        try:
            acked = self.unit(tags)
            self.write("done", time.monotonic(), acked)
        except (OSError, ValueError, sqlite3.Error, RedisError, Failed, Cut,
                Ended, subprocess.TimeoutExpired) as e:
            self.write("failed", time.monotonic(), tags[:3], len(tags),
                       "%s: %s" % (type(e).__name__, e))
            self.forget()
            time.sleep(0.1)

    # --- what units of work are made of

    def topic(self):
        return self.dice.choice(self.setup["topics"])

    def event(self, tags, length=None):
        self.serial += 1
        tag = "%s.%d" % (self.name, self.serial)
        tags.append(tag)
        if length is None:
            length = self.dice.randint(20, 200)
        return make_data(tag, length)

    def forget(self):
        if self.db is not None:
            self.db.close()
        self.db = None
        fcntl.flock(self.held, fcntl.LOCK_UN)

    def log(self):
        if self.db is None:
            if not os.path.exists(self.setup["log"]):
                raise Failed("there is no log")
            fcntl.flock(self.held, fcntl.LOCK_SH)
            self.db = sqlite3.connect(self.setup["log"], timeout=5,
                                      isolation_level=None)
            self.db.execute("PRAGMA synchronous = NORMAL")
        return self.db

    def insert(self, tags, length=None):
        """Returns the topic."""
        topic = self.topic()
        data = self.event(tags, length)
        if self.offset_ms:
            at = int(time.time() * 1000) + self.offset_ms
            self.log().execute(INSERT_AT, (topic, data, at))
        else:
            self.log().execute(INSERT, (topic, data))


class Rows(Publisher):
    """One row a transaction."""

    def unit(self, tags):
        self.insert(tags)
        return tags


class Batches(Publisher):
    """Transactions of many; some are rolled back, and must never be seen."""
    pause = (0.1, 1)

    def unit(self, tags):
        n = self.dice.choice([2, 10, 10, 50, 50, 200])
        if self.dice.random() < 0.02:
            n = self.setup["batch"]
        self.log().execute("BEGIN IMMEDIATE")
        for _ in range(n):
            self.insert(tags)
        if self.dice.random() < 0.3:
            self.log().execute("ROLLBACK")
            return []
        self.log().execute("COMMIT")
        return tags


class Big(Publisher):
    """Rows of 200 KB."""
    pause = (1, 4)

    def unit(self, tags):
        self.insert(tags, self.dice.randint(BIG // 2, BIG))
        return tags


class Watched(Publisher):
    """Changes of an application's table, of which triggers make events."""
    pause = (0.05, 0.4)

    def unit(self, tags):
        db = self.log()
        self.event(tags)
        tag = "#%s#" % tags[0]
        if self.dice.random() < 0.5:
            db.execute("INSERT INTO torture_app(tag, topic) VALUES (?, ?)",
                       (tag, self.topic()))
        elif not db.execute(
                "UPDATE torture_app SET tag = ? WHERE id = (SELECT max(id)"
                " FROM torture_app)", (tag,)).rowcount:
            return []
        return tags


class Posts(Publisher):
    """POST with a uid.  Some are cut, and come again with the same uid."""
    pause = (0.02, 0.2)

    def unit(self, tags):
        n = self.dice.choice([1, 1, 1, 5])
        events = []
        for _ in range(n):
            data = self.event(tags)
            events.append(dict(topic=self.topic(), data=data,
                               uid="u-" + tags[-1]))
        if n == 1:
            kind = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(events[0])
        else:
            kind = "application/x-ndjson"
            body = "\n".join(map(json.dumps, events)) + "\n"
        self.write("begun", time.monotonic(), tags)
        self.deliver(kind, body.encode())
        return tags

    def deliver(self, kind, body):
        end = time.monotonic() + GIVE_UP_S
        said = None
        while time.monotonic() < end:
            try:
                said = self.post(kind, body)
                if said in (200, 201):
                    return
            except (OSError, Cut, Ended) as e:
                said = e
            time.sleep(0.1)
        raise Failed("POST: %s" % said)

    def post(self, kind, body):
        headers = ["Authorization: Bearer " + self.setup["token"],
                   "Content-Type: " + kind]
        timeout = 0.001 if self.dice.random() < 0.15 else 2
        s = Stream(tuple(self.setup["address"]), "/events", method="POST",
                   headers=headers, body=body, timeout=timeout)
        try:
            s.rest(timeout)
            return s.status
        finally:
            s.close()


class Lines(Publisher):
    """largesse publish, which reads lines."""
    pause = (0.02, 0.2)
    proc = None

    def forget(self):
        super().forget()
        if self.proc:
            self.proc.kill()
            self.proc.wait()
            self.proc.stdin.close()
            self.proc.stdout.close()
        self.proc = None

    def begin(self):
        topic = self.topic()
        self.got = b""
        with open(self.dir / "publish.log", "ab") as log:
            self.proc = subprocess.Popen(
                [self.setup["program"], "publish", self.setup["log"],
                 "--topic", topic], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, bufsize=0,
                env=dict(os.environ, **self.setup["env"]))

    def unit(self, tags):
        if self.proc is None or self.dice.random() < 0.05:
            self.forget()
            self.begin()
        n = self.dice.choice([1, 1, 1, 20])
        lines = [self.event(tags, 60).replace("\n", " ") for _ in range(n)]
        self.write("begun", time.monotonic(), tags)     # it outlives us
        self.proc.stdin.write(("\n".join(lines) + "\n").encode())
        self.ids(n)
        return tags

    def ids(self, n):
        """As many lines come back, each an id."""
        end = time.monotonic() + 10
        with selectors.DefaultSelector() as s:
            s.register(self.proc.stdout, selectors.EVENT_READ)
            while self.got.count(b"\n") < n:
                if not s.select(max(0, end - time.monotonic())):
                    raise Failed("largesse publish says nothing")
                data = os.read(self.proc.stdout.fileno(), 65536)
                if not data:
                    raise Failed("largesse publish has ended")
                self.got += data
        self.got = b""


class Runs(Posts):
    """A few topics at a time, each of a few rows and an end.  Some of them are
    opened again, and end again.  DIR/runs names them all."""
    pause = (0.01, 0.1)
    ways = ("insert", "insert", "post_one", "publish")

    def __init__(self, name, folder):
        super().__init__(name, folder)
        self.going, self.over, self.n = [], [], 0

    def unit(self, tags):
        if len(self.going) < 3:
            self.begin()
        topic = self.dice.choice(self.going)
        ends = self.dice.random() < 0.2
        way = getattr(self, self.dice.choice(self.ways))
        try:
            if ends:
                self.going.remove(topic)
                self.over.append(topic)
                tags.append(self.tag())
                data = "%s #%s#" % (self.dice.choice(["done", "failed"]),
                                    tags[0])
                self.one(way, topic, data, tags, END)
            else:
                self.one(way, topic, self.event(tags), tags, None)
        finally:
            del self.over[:-20]
        return tags

    def one(self, way, topic, data, tags, event):
        self.write("begun", time.monotonic(), tags)
        way(topic, data, tags[0], event)

    def begin(self):
        if self.over and self.dice.random() < 0.25:
            topic = self.dice.choice(self.over)
            self.over.remove(topic)
        else:
            self.n += 1
            topic = "run/%s-%d" % (self.name.partition("-")[2], self.n)
            with open(self.dir / "runs", "a") as f:
                f.write(topic + "\n")
        self.going.append(topic)

    def tag(self):
        self.serial += 1
        return "%s.%d" % (self.name, self.serial)

    def insert(self, topic, data, tag, event):
        self.log().execute("INSERT INTO events(topic, data, event)"
                           " VALUES (?, ?, ?)", (topic, data, event))

    def post_one(self, topic, data, tag, event):
        fields = dict(topic=topic, data=data, uid="u-" + tag)
        if event:
            fields["event"] = event
        self.deliver("application/x-www-form-urlencoded",
                     urllib.parse.urlencode(fields).encode())

    def publish(self, topic, data, tag, event):
        """largesse publish, once.  Its lines have no line ends."""
        more = ["--end", data] if event else []
        done = subprocess.run(
            [self.setup["program"], "publish", self.setup["log"],
             "--topic", topic, *more], capture_output=True,
            input=b"" if event else data.replace("\n", " ").encode() + b"\n",
            env=dict(os.environ, **self.setup["env"]), timeout=10)
        if done.returncode != 0:
            raise Failed("largesse publish: %s" % done.stderr.decode()[-200:])


# --- the same for Redis

class RedisRows(Publisher):
    """XADD, by a program that knows nothing of largesse."""

    def log(self):
        if self.db is None:
            self.db = Redis(tuple(self.setup["redis"]),
                            self.setup["env"]["LARGESSE_REDIS_PASSWORD"], 5)
        return self.db

    def insert(self, tags, length=None):
        topic = self.topic()
        data = self.event(tags, length)
        # a slow Redis may do it when we have given up
        self.write("begun", time.monotonic(), tags[-1:])
        self.log()("XADD", "events", "*", "topic", topic, "data", data)


class RedisUnits(RedisRows):
    def unit(self, tags):
        self.insert(tags)
        return tags


class RedisBig(RedisRows):
    pause = (1, 4)

    def unit(self, tags):
        self.insert(tags, self.dice.randint(BIG // 2, BIG))
        return tags


class RedisBatches(RedisRows):
    """MULTI; some are discarded."""
    pause = (0.1, 1)

    def unit(self, tags):
        self.log()("MULTI")
        for _ in range(self.dice.choice([2, 10, 50, 200])):
            self.insert(tags)
        if self.dice.random() < 0.3:
            self.log()("DISCARD")
            return []
        if self.log()("EXEC") is None:
            raise Failed("EXEC was refused")
        return tags


class RedisRuns(Runs):
    ways = ("post_one", "publish")


KINDS = {
    "sqlite": {"row": Rows, "batch": Batches, "big": Big, "watch": Watched,
               "post": Posts, "line": Lines, "run": Runs},
    "redis": {"row": RedisUnits, "batch": RedisBatches, "big": RedisBig,
              "post": Posts, "line": Lines, "run": RedisRuns},
}

if __name__ == "__main__":
    kind, name, folder = sys.argv[1:]
    setup = json.loads((pathlib.Path(folder) / "setup.json").read_text())
    KINDS[setup["engine"]][kind](name, folder).run()
