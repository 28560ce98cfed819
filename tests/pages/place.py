"""place.py - where a block of a page is pasted: a directory of its own, with a
log, servers and programs that stand for those that the block takes as given.

    with Place() as p:
        p.sh(block.text)                    # as typed into a shell, there
        p.sh(block.text, ("/srv", p.dir))   # with a path of ours

What must stay true: the words of the block are pasted as they are, but for the
changes that a test names; each of these has to stand in the block.
"""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

from yard import (LARGESSE, Yard, end_process, free_port, open_yards, put,
                  until)

SITE = "https://example.org"


class Place:
    """With web, a Yard: nginx and a responder of the log events.db, which is
    in the directory; else the directory is empty."""

    def __init__(self, web=False, options=()):
        self.yard = Yard(options=options) if web else None
        self.dir = (self.yard.log.parent if web else pathlib.Path(
            tempfile.mkdtemp(prefix="largesse-page-")))
        self.started = []
        self.env = dict(os.environ, LC_ALL="C.UTF-8", HOME=str(self.dir),
                        PATH="%s/bin:%s" % (self.dir, os.environ["PATH"]))
        for name in ("LARGESSE", "LARGESSE_DB", "MAKEFLAGS", "MAKELEVEL"):
            self.env.pop(name, None)
        (self.dir / "bin").mkdir()
        (self.dir / "bin/largesse").symlink_to(LARGESSE)
        open_yards.append(self)

    def stands_for(self, name, script):
        """A program that a block takes as given."""
        path = self.dir / "bin" / name
        path.write_text("#!/bin/bash\n" + script)
        path.chmod(0o755)

    def changed(self, text, changes):
        if self.yard and SITE in text:
            changes = (*changes, (SITE, self.yard.url))
        for old, new in changes:
            text = put(text, old, str(new))
        return text

    def sh(self, text, *changes, each=True):
        """Paste it; what it prints.  No line may fail, or, without each, not
        the last one."""
        done = subprocess.run(
            ["bash", *["-e", "-o", "pipefail"] * each, "-c",
             self.changed(text, changes)],
            cwd=self.dir, env=self.env, text=True, capture_output=True,
            stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 0, done
        return done.stdout

    def start(self, text, *changes):
        """Paste a line that goes on until it is stopped."""
        with open(self.dir / "started.log", "ab") as log:
            self.started.append(subprocess.Popen(
                ["bash", "-c", "exec " + self.changed(text, changes)],
                cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log))
        return self.started[-1]

    def said(self):
        """What the started have printed."""
        return (self.dir / "started.log").read_text(errors="replace")

    def until_said(self, what):
        until(what, lambda: what in self.said())

    def largesse(self, *words):
        done = subprocess.run([LARGESSE, *words], cwd=self.dir, env=self.env,
                              text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, done
        return done.stdout

    def sql(self, text, log="events.db"):
        with contextlib.closing(sqlite3.connect(
                self.dir / log, timeout=60, isolation_level=None)) as db:
            return db.execute(text).fetchall()

    def data(self, topic, log="events.db"):
        return [data for data, in self.sql(
            "SELECT data FROM events WHERE topic = '%s' ORDER BY id" % topic,
            log)]

    def logs(self):
        for path in self.dir.glob("*.log"):
            yield path.name, path.read_text(errors="replace")[-4000:]

    def close(self):
        open_yards.remove(self)
        for proc in self.started:
            end_process(proc)
        if self.yard is None:
            shutil.rmtree(self.dir)
        elif self.yard in open_yards:
            self.yard.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()


class Redis:
    """A redis-server with a password, which stands for 10.0.0.5."""

    def __init__(self, place):
        self.port = free_port()
        self.proc = place.start(
            "redis-server --port %d --bind 127.0.0.1 --save '' --dir . "
            "--requirepass secret" % self.port)
        place.env["LARGESSE_REDIS_PASSWORD"] = "secret"
        place.stands_for("redis-cli", "exec %s -p %d -a secret "
                         "--no-auth-warning \"$@\"" % (
                             shutil.which("redis-cli"), self.port))
        until("redis-server answers", lambda: subprocess.run(
            ["redis-cli", "PING"], env=place.env, capture_output=True,
            text=True).stdout == "PONG\n")
        self.here = ("10.0.0.5", "127.0.0.1:%d" % self.port)
