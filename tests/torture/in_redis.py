"""in_redis.py - a log on Redis: how it is made and lost, and what was in it.

An auditor reads every entry soon after it was added, over a connection of its
own, and before anything is done that takes entries away.  In front of Redis is
a wire that can stall; the responder, its writer and `largesse publish` go
through it, the auditor and the publishers with XADD do not.
"""

import json
import socket
import subprocess
import threading
import time

from records import END, tag_of
from resp import Redis, RedisError
from wire import Wire
from yard import end_process, free_port, until

PASSWORD = "torture"


class Log:
    engine = "redis"
    publishers = ("row", "batch", "big", "post", "line", "run")
    env = {"LARGESSE_REDIS_PASSWORD": PASSWORD}

    def __init__(self, stage):
        self.stage = stage
        self.dir = stage.site.dir / "redis"
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.lives, self.life, self.upto = 0, None, 0
        self.server = self.replica = self.wire = None
        self.lock = threading.RLock()
        self.aof = True

    def open(self):
        self.dir.mkdir()
        self.start()
        self.wire = Wire(self.address)
        self.name = "redis://127.0.0.1:%d/0?stream=events" % self.wire.port
        self.stage.largesse("init", self.name, "--quiet")
        self.begin_life()
        t = threading.Thread(target=self.audit, daemon=True)
        t.start()
        self.stage.threads.append(t)

    def start(self):
        with open(self.stage.dir / "redis.log", "ab") as log:
            self.server = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind",
                 "127.0.0.1", "--requirepass", PASSWORD, "--masterauth",
                 PASSWORD, "--dir", str(self.dir), "--save", "",
                 "--appendonly", "yes" if self.aof else "no",
                 "--appendfsync", "always", "--enable-debug-command", "yes",
                 "--repl-diskless-sync-delay", "0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("redis-server answers", self.answers, 30)

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def ask(self, *words, address=None):
        r = Redis(address or self.address, PASSWORD, 10)
        try:
            return r(*words)
        finally:
            r.close()

    def keep(self, folder):
        """There is no file of it."""

    def close(self):
        if self.wire:
            self.wire.close()
        for server in (self.server, self.replica):
            if server:
                end_process(server)

    def publish(self, events):
        for topic, tag in events:
            self.ask("XADD", "events", "*", "topic", topic, "data",
                     "#%s#" % tag)

    def end_runs(self, ends):
        """Each topic gets its end: (topic, tag)."""
        for i in range(0, len(ends), 50):
            self.stage.post("\n".join(json.dumps(dict(
                topic=topic, event=END, data="done #%s#" % tag,
                uid="u-" + tag)) for topic, tag in ends[i:i + 50]) + "\n")

    # --- its lives

    def begin_life(self, parent=None, upto=0):
        self.stage.note("life", time.monotonic(), parent, upto)
        self.life, self.lives = self.lives, self.lives + 1
        self.upto = upto

    def audit(self):
        while not self.stage.ending.wait(0.1):
            try:
                with self.lock:
                    self.collect()
            except (OSError, RedisError, ValueError, socket.timeout):
                pass

    def collect(self):
        """Note what was published in this life.  Hold the lock if entries
        go next."""
        while True:
            start = "(%d-%d" % (self.upto >> 64, self.upto & (1 << 64) - 1)
            got = self.ask("XRANGE", "events", start, "+", "COUNT", "500")
            rows = []
            for id, words in got:
                fields = dict(zip(words[::2], words[1::2]))
                a, _, b = id.partition("-")
                self.upto = (int(a) << 64) + int(b)
                rows.append((self.upto, fields.get("topic", "main"),
                             tag_of(fields["data"] + " ")[0],
                             fields.get("uid"),
                             fields.get("event") == END))
            if rows:
                self.stage.note("rows", self.life, rows)
            if len(got) < 500:
                return self.upto
