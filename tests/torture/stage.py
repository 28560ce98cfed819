"""stage.py - the real stack while it is tortured, and the notes of what was
done to it.

A Stage has a web server with the files of deploy/, a responder under a user of
its own, a log in a directory of its own (a small file system, if we are root),
publishers, and a process with all clients.  It starts again what has died, as
systemd would, and notes a death that nobody had asked for.

Locks: whoever stops or exchanges a part on purpose holds its lock, responder
or web.  The gate keeps publishers out of the log.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from client import Stream
from hosts import Site, catches
from records import Writer
from resp import RedisError
from yard import (ROOTED, SANITIZER, Yard, alive, children, end_process,
                  until)

HERE = pathlib.Path(__file__).resolve().parent
USER = 47813 if ROOTED else None    # nobody else is this user
TOPICS = ["main", "a/1", "a/2", "b"]
LAG_S = 0.7
LAST_RUN = "run/last"   # its event ends the test for clients of run/*

# kind, topics; each of them once, and then again from the beginning
CLIENTS = [
    ("fast", ["*"]), ("fast", ["main"]), ("fast", ["a/*"]),
    ("vanish", ["*"]), ("vanish", ["main", "b"]), ("away", ["*"]),
    ("away", ["a/1"]), ("slow", ["main"]), ("bytes", ["b"]),
    ("stall", ["*"]), ("stall", ["a/*", "b"]), ("last", ["*"]),
    ("last", ["b"]), ("since", ["a/*"]), ("earliest", ["b"]),
    ("now", ["main", "a/1"]), ("cgi", ["a/2"]), ("fast", ["b", "a/2"]),
    ("vanish", ["a/*"]), ("away", ["b"]),
    # no topics: it takes runs as they come
    ("run", []), ("bare", []), ("two", []), ("fast", ["run/*"]),
    ("vanish", ["run/*"]), ("run", []), ("bare", []), ("two", []),
    ("run", []), ("bare", []), ("run", []), ("bare", []),
]


class Torn(Site):
    """A Site whose responder has a user of its own, and more environment."""
    more = {}

    def start_responder(self, **popen):
        if USER:
            popen.update(user=USER, group=USER, extra_groups=[])
        popen["env"] = dict(os.environ, **self.more)
        Yard.start_responder(self, **popen)


class Stage:
    def __init__(self, folder, log_kind, web="nginx", seed=0, workers=1,
                 program=None, clients=len(CLIENTS)):
        self.dir = folder
        self.web, self.seed, self.workers = web, seed, workers
        self.history = Writer(folder / "history.jsonl")
        self.responder_lock = threading.RLock()
        self.web_lock = threading.RLock()
        self.ending = threading.Event()
        self.threads, self.publishers, self.meant = [], {}, set()
        self.offset_ms, self.generation = 0, 0
        self.closed = self.wanted = False
        self.counts = {"restarts": 0}
        self.site = Torn(web, "socket", start=False, program=program)
        self.log = log_kind(self)
        try:
            self.open(program or self.site.program, clients)
        except BaseException:
            self.close()
            raise

    def open(self, program, clients):
        site = self.site
        site.program = str(site.dir / "bin" / "largesse")
        (site.dir / "bin").mkdir()
        shutil.copy(program, site.program)
        self.source = program
        self.log.open()
        site.log, site.more = self.log.name, self.log.env
        site.options = ["--publish", "--key-file", self.make_key(),
                        "--public", "*", "--retry", "300", "--heartbeat", "5",
                        "--workers", str(self.workers)]
        self.write_gate()
        site.start_responder()
        site.start_web()
        self.write_setup(clients)
        self.ask_health()
        for work in (self.watch_health, self.watch_lag, self.watch_processes):
            t = threading.Thread(target=work, daemon=True)
            t.start()
            self.threads.append(t)

    def make_key(self):
        key = self.site.dir / "key"
        key.write_text("%064x\n" % (self.seed or 1))
        key.chmod(0o400)
        if USER:
            os.chown(key, USER, USER)
        return str(key)

    def largesse(self, *words, check=True, timeout=60):
        done = subprocess.run(
            [self.site.program, *map(str, words)], capture_output=True,
            text=True, timeout=timeout, env=dict(os.environ, **self.log.env))
        if check and done.returncode != 0:
            raise RuntimeError("largesse %s: %s" % (words[0], done.stderr))
        return done.stdout

    def write_setup(self, clients):
        token = self.largesse("token", "--key-file", self.site.dir / "key",
                              "--publish", "*", "--expires", "1d").strip()
        chosen = [CLIENTS[i % len(CLIENTS)] for i in range(clients)]
        self.token = token
        setup = dict(
            seed=self.seed, web=self.web, engine=self.log.engine,
            address=self.site.address, program=self.source,
            log=str(self.log.name), token=token, topics=TOPICS, batch=2000,
            env=self.log.env, redis=self.log.address,
            clients=[("%s%02d" % (kind, i), kind, topics) for i, (
                kind, topics) in enumerate(chosen)
                if kind != "cgi" or self.log.engine == "sqlite"])
        (self.dir / "setup.json").write_text(json.dumps(setup, indent=1))

    # --- clients and publishers

    def start_clients(self):
        with open(self.dir / "clients.log", "ab") as log:
            self.clients = subprocess.Popen(
                [sys.executable, str(HERE / "clients.py"), str(self.dir)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True)

    def start_publisher(self, kind):
        """Its name says how often it was started: its tags are never used
        again."""
        n = self.counts[kind] = self.counts.get(kind, 0) + 1
        with open(self.dir / "publishers.log", "ab") as log:
            self.publishers[kind] = subprocess.Popen(
                [sys.executable, str(HERE / "publishers.py"), kind,
                 "%s-%d" % (kind, n), str(self.dir)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop_publishers(self):
        procs, self.publishers = self.publishers, {}
        with self.gate():
            for proc in procs.values():
                end_process(proc, signal.SIGKILL)

    # --- the gate

    def write_gate(self):
        path = self.dir / "gate"
        for name in path, self.dir / "held":
            with open(name, "ab"):
                pass
        fd = os.open(path, os.O_WRONLY)
        os.pwrite(fd, b"%-20d %-20d %d %d" % (
            self.generation, self.offset_ms, self.closed, self.wanted), 0)
        os.close(fd)

    @contextlib.contextmanager
    def gate(self, replaced=False, closed=False):
        """No publisher is at work inside.  replaced: they open the log anew
        afterwards, for its file is another one.  closed: nor has one of them
        the log open."""
        with open(self.dir / "gate", "rb") as f, open(
                self.dir / "held", "rb") as held:
            self.wanted = True      # or they would never all be away
            self.closed = closed
            self.write_gate()
            fcntl.flock(f, fcntl.LOCK_EX)
            if closed:
                fcntl.flock(held, fcntl.LOCK_EX)
            self.wanted = self.closed = False
            try:
                yield
            finally:
                self.generation += replaced
                self.write_gate()

    @contextlib.contextmanager
    def at_work(self):
        """Inside, the log is not replaced, as for a publisher."""
        with open(self.dir / "gate", "rb") as f:
            while True:
                if not self.wanted and not self.closed:
                    with contextlib.suppress(BlockingIOError):
                        fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        break
                time.sleep(0.02)
            yield

    @contextlib.contextmanager
    def publishers_away(self):
        """Inside, they close the log and leave it alone."""
        self.closed = True
        self.write_gate()
        try:
            yield
        finally:
            self.closed = False
            self.write_gate()

    # --- notes

    def note(self, *entry):
        self.history(*entry)

    @contextlib.contextmanager
    def excuse(self, why):
        """Inside, events may be late through no fault of the program."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.note("excuse", start, time.monotonic() + 1, why)

    @contextlib.contextmanager
    def pruning(self):
        """Inside, old rows are removed."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.note("pruned", start, time.monotonic())

    def crash(self, what):
        self.note("crash", time.monotonic(), what)

    # --- watching

    def ask_health(self):
        try:
            s = Stream(self.site.address, "/events/health", timeout=2)
            body = s.rest(2)
            s.close()
            return s.status == 200 and body.strip() == b"ok"
        except Exception:
            return False

    def watch_health(self):
        was = None
        while not self.ending.wait(0.2):
            start = time.monotonic()
            ok = self.ask_health()
            if not ok or was is not True:
                self.note("health", start, ok)
            self.note("health", time.monotonic(), ok)
            was = ok

    def watch_lag(self):
        """A machine that has no time for us has none for the program."""
        while True:
            start = time.monotonic()
            if self.ending.wait(0.1):
                return
            now = time.monotonic()
            if now - start > LAG_S:
                self.note("excuse", start, now, "the machine is busy")

    def watch_processes(self):
        while not self.ending.wait(0.05):
            with self.responder_lock:
                self.keep_responder()
            with self.web_lock:
                self.keep_web()
            for kind, proc in list(self.publishers.items()):
                if proc.poll() is not None and not self.ending.is_set():
                    if proc.returncode not in (-9, -15):
                        self.crash("publisher %s ended with %d" % (
                            kind, proc.returncode))
                    self.start_publisher(kind)

    def keep_responder(self):
        r = self.site.responder
        if r is None or r.poll() is None or self.ending.is_set():
            return
        if r.pid not in self.meant:
            self.crash("the responder ended with %d: %s" % (
                r.returncode, self.last_words()))
            self.ending.wait(0.1)   # as systemd's RestartSec
        self.counts["restarts"] += 1
        self.site.start_responder()

    def keep_web(self):
        server = self.site.server
        if server is None or server.poll() is None or self.ending.is_set():
            return
        if server.pid not in self.meant:
            if self.out_of_descriptors():
                self.note("gave up")
            else:
                self.crash("%s ended with %d" % (self.web, server.returncode))
        self.site.start_web()

    def out_of_descriptors(self):
        """Apache ends when it cannot open what each of its children needs, and
        a lighttpd that starts anew when it cannot open /etc/passwd."""
        said = "".join(path.read_text(errors="replace")[-5000:] for path in
                       self.site.dir.glob("*.log") if path.name in
                       ("error.log", "apache.log", "lighttpd.log"))
        words = {"apache": "Too many open files",
                 "lighttpd": "can't find username"}.get(self.web)
        return words is not None and words in said

    def last_words(self):
        text = (self.site.dir / "responder.log").read_text(errors="replace")
        return " / ".join(text.strip().splitlines()[-3:])

    # --- processes that faults want

    def responder_pids(self):
        """The processes that have streams."""
        pid = self.site.responder.pid
        return children(pid) if self.workers > 1 else [pid]

    def writer_pids(self):
        return [w for pid in self.responder_pids() for w in children(pid)]

    def kill(self, pid, sig):
        """A signal that may end the process: its death is meant."""
        self.meant.add(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)

    def stop_responder(self, sig=signal.SIGTERM):
        """Hold the lock.  All of its processes are gone afterwards."""
        r = self.site.responder
        pids = [p for w in children(r.pid) for p in [w, *children(w)]]
        self.meant.add(r.pid)
        try:
            if sig == signal.SIGTERM:
                until("the responder has started", lambda: (
                    r.poll() is not None or catches(r.pid, sig) or
                    self.workers > 1 and children(r.pid)), 20)
            status = end_process(r, sig, 20)
            if sig == signal.SIGTERM and status != 0:
                self.crash("the responder ended with %d at SIGTERM: %s" % (
                    status, self.last_words()))
        except TimeoutError as e:
            self.crash("the responder did not end: %s" % e)
        for pid in pids:
            until("child %d is gone" % pid, lambda: not alive(pid), 20)

    # --- the end

    def finish(self, patience=60):
        """All is mended.  Everybody has to get the last event."""
        self.stop_publishers()
        try:
            until("health is good", self.ask_health, patience)
        except TimeoutError:
            self.unfinished("health is bad at the end", [self.last_words()])
        topics = TOPICS + [LAST_RUN]
        tags = ["final.%d" % i for i in range(len(topics))]
        self.tell_clients("settle " + " ".join(tags))
        self.wait_clients("settled", "have no stream at the end", patience)
        ends = [(topic, "end-final.%d" % i)
                for i, topic in enumerate(self.runs())]
        journal = Writer(self.dir / "journal-final.jsonl")
        journal("begun", time.monotonic(), [tag for _, tag in ends])
        try:
            self.log.end_runs(ends)
            self.log.publish(list(zip(topics, tags)))
        except (OSError, sqlite3.Error, RedisError) as e:
            self.unfinished("nobody can publish at the end", [repr(e)])
        journal("done", time.monotonic(), tags + [tag for _, tag in ends])
        self.tell_clients("finish")
        self.wait_clients("finished", "have not got the last event", patience)
        self.log.collect()

    def runs(self):
        """All topics that publishers of runs have begun."""
        try:
            return (self.dir / "runs").read_text().split()
        except FileNotFoundError:
            return []

    def post(self, lines):
        s = Stream(self.site.address, "/events", method="POST", headers=[
            "Authorization: Bearer " + self.token,
            "Content-Type: application/x-ndjson"], body=lines.encode())
        body = s.rest()
        s.close()
        if s.status not in (200, 201):
            raise OSError("POST: %d %s" % (s.status, body))

    def wait_clients(self, word, what, patience):
        waiting = self.hear_clients(word, patience)
        if waiting is None or waiting:
            self.unfinished(what, waiting or ["the clients are gone"])

    def unfinished(self, what, names):
        self.note("unfinished", time.monotonic(), "%s: %s" % (
            what, ", ".join(names)))

    def tell_clients(self, words):
        self.clients.stdin.write(words + "\n")
        self.clients.stdin.flush()

    def hear_clients(self, word, patience):
        """The names of those who still wait when patience is over."""
        said = [None]

        def hear():
            for line in self.clients.stdout:
                first, *names = line.split()
                if first == word:
                    said[0] = names
                    if not names:
                        return
        t = threading.Thread(target=hear, daemon=True)
        t.start()
        t.join(patience)
        return said[0]

    def close(self):
        self.ending.set()
        for t in self.threads:
            t.join(10)
        for proc in self.publishers.values():
            end_process(proc, signal.SIGKILL)
        if hasattr(self, "clients"):
            if self.clients.poll() is None:
                self.clients.stdin.close()
            end_process(self.clients, signal.SIGKILL)
        if self.site.responder and self.site.responder.poll() is None:
            self.stop_responder()
        self.keep_logs()
        self.log.keep(self.dir)
        self.log.close()
        try:
            self.site.close()
        except AssertionError as e:
            print("# %s" % str(e)[-300:], file=sys.stderr)
        finally:
            shutil.rmtree(self.site.dir, ignore_errors=True)

    def keep_logs(self):
        for path in self.site.dir.glob("*.log"):
            shutil.copy(path, self.dir)
        path = self.site.dir / "responder.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        if SANITIZER.search(text):
            self.crash("the sanitizer has found something: responder.log")
        # a writer that finds no log ends by itself, and is started again
        for pid, how in re.findall(r"(\d+) (ended by signal \d+)", text):
            if int(pid) not in self.meant:
                self.crash("child %s %s" % (pid, how))
