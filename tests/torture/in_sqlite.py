"""in_sqlite.py - a log in a file: how it is made, copied and replaced, and
what was in it.

A trigger of our own notes each event in the same transaction, in a table that
nobody prunes.  So what was committed is known exactly, also when a publisher
was killed in the middle.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time

from records import END, tag_of
from yard import ROOTED

ROOM = 600 << 20        # of the file system that the log has to itself
TAILS = ("", "-wal", "-shm", "-journal")

OURS = """
CREATE TABLE IF NOT EXISTS torture_seen(
  id INTEGER PRIMARY KEY, topic, uid, head, event);
CREATE TRIGGER IF NOT EXISTS torture_seen AFTER INSERT ON events BEGIN
  INSERT INTO torture_seen VALUES(
    NEW.id, NEW.topic, NEW.uid, substr(NEW.data, 1, 300), NEW.event);
END;
CREATE TABLE IF NOT EXISTS torture_app(
  id INTEGER PRIMARY KEY, tag TEXT, topic TEXT);
"""


class Log:
    engine, address, env = "sqlite", None, {}
    publishers = ("row", "batch", "big", "watch", "post", "line",
                  "run")

    def __init__(self, stage):
        self.stage = stage
        self.dir = stage.site.dir / "torn"
        self.name = self.dir / "events.db"
        self.mounted = False
        self.life, self.lives, self.upto = None, 0, 0
        self.copies = []            # (path, life, upto), the newest last
        self.made = 0

    def open(self):
        self.dir.mkdir()
        if ROOTED:
            self.mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=%d" % ROOM,
                 "none", str(self.dir)], capture_output=True).returncode == 0
        self.dir.chmod(0o777)
        self.away = self.stage.site.dir / "away"
        self.away.mkdir()
        self.make(self.name)
        self.begin_life()

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.dir)],
                           capture_output=True)

    def keep(self, folder):
        """The log as it is at the end, for whoever looks at a finding."""
        for tail in TAILS:
            with contextlib.suppress(OSError):
                shutil.copy(str(self.name) + tail, folder)

    # --- making a log

    def make(self, path, first=0):
        """A new log with all that our publishers need.  first: the ids begin
        behind this one."""
        self.stage.largesse("init", path, "--quiet")
        with self.db(path) as db:
            db.executescript(OURS)
            if first:
                db.execute("INSERT INTO sqlite_sequence(name, seq)"
                           " VALUES('events', ?)", (first,))
        self.stage.largesse("watch", path, "torture_app", "--topic-column",
                            "topic", "--events", "insert,update", "--quiet")
        self.open_to_all(path)

    def open_to_all(self, path):
        for tail in TAILS:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(str(path) + tail, 0o666)

    def other(self):
        """A path in the log's directory, for another log."""
        self.made += 1
        return self.dir / ("other-%d.db" % self.made)

    @contextlib.contextmanager
    def db(self, path=None, timeout=20):
        db = sqlite3.connect(path or self.name, timeout=timeout,
                             isolation_level=None)
        try:
            yield db
        finally:
            db.close()

    def publish(self, events, path=None):
        """Events of ours, in one transaction: (topic, tag)."""
        with self.db(path) as db:
            db.execute("BEGIN IMMEDIATE")
            for topic, tag in events:
                data = "#%s#" % tag
                db.execute("INSERT INTO events(topic, data) VALUES (?, ?)",
                           (topic, data + " %d " % (len(data) + 4)))
            db.execute("COMMIT")

    def end_runs(self, ends):
        """Each topic gets its end: (topic, tag)."""
        with self.db() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO events(topic, event, data)"
                           " VALUES (?, ?, ?)",
                           [(topic, END, "done #%s#" % tag)
                            for topic, tag in ends])
            db.execute("COMMIT")

    # --- its lives

    def void_life(self):
        """The life that was begun last did not come to be."""
        self.stage.note("void", time.monotonic())
        self.life, self.upto = self.before

    def begin_life(self, parent=None, upto=0):
        """Call it before the files are exchanged, and collect before."""
        now = time.monotonic()
        self.stage.note("life", now, parent, upto)
        self.before = self.life, self.upto
        self.life, self.lives = self.lives, self.lives + 1
        self.upto = upto

    def collect(self, path=None):
        """Note what was published in this life."""
        with self.db(path) as db:
            rows = db.execute(
                "SELECT id, topic, uid, head, event FROM torture_seen"
                " WHERE id > ? ORDER BY id", (self.upto,)).fetchall()
            damage = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if damage != "ok":
            self.stage.note("damage", self.life, damage)
        noted = [(id, topic, tag_of(head + " ")[0], uid, event == END)
                 for id, topic, uid, head, event in rows]
        for i in range(0, len(noted), 1000):
            self.stage.note("rows", self.life, noted[i:i + 1000])
        if rows:
            self.upto = rows[-1][0]
        return self.upto

    def copy(self, dice):
        """Keep a copy of the log as it is now."""
        self.made += 1
        path = self.away / ("copy-%d.db" % self.made)
        with self.db() as db:
            if dice.random() < 0.3:
                db.execute("VACUUM INTO ?", (str(path),))
            else:
                with self.db(path) as to:
                    db.backup(to)
        with self.db(path) as db:
            upto = db.execute("SELECT coalesce(max(id), 0)"
                              " FROM torture_seen").fetchone()[0]
        self.open_to_all(path)
        self.copies.append((path, self.life, upto))
        for old, _, _ in self.copies[:-3]:
            self.remove(old)
        del self.copies[:-3]
        return path, self.life, upto

    def remove(self, path, dice=None):
        tails = list(TAILS)
        if dice:
            dice.shuffle(tails)
        for tail in tails:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(str(path) + tail)

    def fresh_copy(self, copy, path):
        """A kept copy stays; another of it is put at path."""
        shutil.copy(copy, path)
        self.open_to_all(path)

    def space(self):
        s = os.statvfs(self.dir)
        return s.f_bavail * s.f_frsize
