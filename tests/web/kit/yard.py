"""yard.py - real web servers, each in a directory and on a port of its own.

A Yard is a log, a responder and a web server with the configuration that
deploy/ ships; only paths and ports are filled in.  We start everything and
stop it by its pid, so suites can run side by side.

What must stay true: a responder that we ask to stop exits 0, and nothing it
wrote to stderr is a sanitizer's report; close() fails the test otherwise.

Environment: LARGESSE is the program, build/asan/largesse if not set.
"""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from client import PATIENCE, Follower, Stream

ROOT = pathlib.Path(__file__).resolve().parents[3]
LARGESSE = str(pathlib.Path(os.environ.get(
    "LARGESSE", ROOT / "build/asan/largesse")).resolve())
LOAD = str(pathlib.Path(os.environ.get(
    "LARGESSE", ROOT / "build/largesse")).resolve())
ROOTED = os.geteuid() == 0
SANITIZER = re.compile(r"(Address|Leak|UndefinedBehavior)Sanitizer|"
                       r"runtime error:")

# For plain CGI, instead of the shipped snippet or added to it.
LIGHTTPD_CGI = """
server.modules += ( "mod_cgi", "mod_setenv", "mod_alias" )
$HTTP["url"] =~ "^/events(/|$)" {
	alias.url = ( "/events" => "%s" )
	cgi.assign = ( "" => "" )
	server.stream-response-body = 1
	setenv.add-environment = ( %s )
}
"""

NGINX_FCGIWRAP = """fastcgi_pass %s;
	fastcgi_param SCRIPT_FILENAME %s;
	fastcgi_param GATEWAY_INTERFACE CGI/1.1;
	fastcgi_param NO_BUFFERING 1;
	%s"""

open_yards = []


def until(what, test, timeout=PATIENCE):
    """Wait for something; if it does not come, the failure names it."""
    end = time.monotonic() + timeout
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError("not within %g s: %s" % (timeout, what))
        time.sleep(0.01)


def free_port():
    """A port that the kernel will not take for an outgoing connection."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def children(pid):
    try:
        text = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid))
        return [int(p) for p in text.read_text().split()]
    except OSError:
        return []


def state(pid):
    """R, S, T or Z as in ps; None if there is no such process."""
    try:
        stat = pathlib.Path("/proc/%d/stat" % pid).read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[0]


def alive(pid):
    return state(pid) not in (None, "Z")


def minds(pid, sig):
    """Has it a handler for this signal, or is it waiting for it?  Neither is
    so while it is still starting."""
    try:
        with open("/proc/%d/status" % pid) as f:
            masks = [int(x.split()[1], 16) for x in f
                     if x.startswith(("SigCgt:", "SigBlk:"))]
    except OSError:
        return False
    return any(m >> sig - 1 & 1 for m in masks)


def is_open(path):
    """Does somebody take connections there?  A socket has a name before."""
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(str(path)) == 0


def end_process(proc, sig=signal.SIGTERM, timeout=PATIENCE):
    """Signal a process we started, wait, and return its exit status."""
    if proc.poll() is None:
        proc.send_signal(sig)
    try:
        return proc.wait(timeout)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()
        raise TimeoutError("%s did not end on %s" % (proc.args[0], sig.name))


def put(text, old, new):
    """Replace words of a configuration; fail if they are not there."""
    if old not in text:
        raise ValueError("the shipped configuration does not say " + old)
    return text.replace(old, new)


class Yard:
    """how the responder is started:

    socket      on descriptor 0; we keep the listening socket open over
                its restarts, as systemd does
    spawn-fcgi  by that program; the socket is lost with the responder
    listen      --listen unix:PATH
    tcp         --listen HOST:PORT
    bin-path    by lighttpd itself
    cgi         by lighttpd, one process a request
    fcgiwrap    by that program for nginx, one process a request
    """

    def __init__(self, web="nginx", how="socket", options=(),
                 program=LARGESSE, start=True):
        self.web, self.how, self.program = web, how, program
        self.options = list(options)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="largesse-yard-"))
        self.dir.chmod(0o755)
        if ROOTED:                  # the workers become another user
            shutil.chown(self.dir, "www-data", "www-data")
        self.log = self.dir / "log" / "events.db"
        self.log.parent.mkdir()
        # The workers may have no right to enter the directory of our clone.
        shutil.copytree(ROOT / "deploy" / "demo", self.dir / "demo")
        shutil.copy(ROOT / "deploy" / "js" / "largesse.js", self.dir / "demo")
        if ROOTED and how in ("bin-path", "cgi", "fcgiwrap"):
            self.program = self.copy_of_program()
        self.responder = self.server = self.helper = self.held = None
        self.db = None
        self.path = str(self.dir / "sock")
        self.tcp_port = free_port() if how == "tcp" else 0
        open_yards.append(self)
        self.run("init", str(self.log))
        if ROOTED and how in ("bin-path", "cgi"):
            self.share_log()
        if how == "socket":
            self.hold()
        if start:
            self.start()

    def copy_of_program(self):
        """A copy that the user of the web server may run."""
        copy = self.dir / "largesse"
        if not copy.exists():
            shutil.copy(self.program, copy)
        return str(copy)

    def start(self):
        if self.how not in ("bin-path", "cgi"):
            self.start_responder()
        self.start_web()

    # --- the log

    def share_log(self):
        """Share it with the user under which the web server runs children."""
        os.chmod(self.log.parent, 0o2770)
        for path in (self.log.parent, *self.log.parent.iterdir()):
            shutil.chown(path, group="www-data")

    def run(self, *args, check=True):
        return subprocess.run([self.program, *args], check=check, text=True,
                              capture_output=True, timeout=60)

    def publisher(self):
        """A connection that stays open."""
        if self.db is None:
            self.db = sqlite3.connect(self.log, timeout=20,
                                      isolation_level=None)
            self.db.execute("PRAGMA synchronous = NORMAL")
        return self.db

    def unpublish(self):
        if self.db:
            self.db.close()
        self.db = None

    def insert(self, data, topic="main"):
        """Insert over a connection that stays open.  Returns the id."""
        return self.publisher().execute(
            "INSERT INTO events(topic, data) VALUES (?, ?)",
            (topic, data)).lastrowid

    def sqlite3(self, sql):
        """Run the sqlite3 program once."""
        subprocess.run(["sqlite3", "-cmd", ".timeout 20000", str(self.log),
                        sql], check=True, timeout=60)

    def new_log(self):
        other = self.log.with_name("other.db")
        self.run("init", str(other))
        return other

    def put_log(self, other):
        """Give the log's name to another file.  The old -wal and -shm are
        removed first: SQLite would read them into the new log."""
        for tail in ("-wal", "-shm"):
            self.log.with_name(self.log.name + tail).unlink(missing_ok=True)
        other.replace(self.log)

    # --- the responder

    def hold(self):
        self.held = socket.socket(socket.AF_UNIX)
        self.held.bind(self.path)
        os.chmod(self.path, 0o666)
        self.held.listen(1024)

    def start_responder(self, **popen):
        serve = [self.program, "serve", "--db", str(self.log), *self.options]
        stdin = subprocess.DEVNULL
        if self.how == "socket":
            stdin = self.held
        elif self.how == "spawn-fcgi":
            serve = ["spawn-fcgi", "-n", "-s", self.path, "-M", "0666",
                     "-b", "1024", "--", *serve]
        elif self.how == "listen":
            serve += ["--listen", "unix:" + self.path,
                      "--listen-mode", "0666"]
        elif self.how == "fcgiwrap":
            serve = ["spawn-fcgi", "-n", "-s", self.path, "-M", "0666",
                     "--", shutil.which("fcgiwrap"), "-f", "-c", "8"]
        elif self.how == "tcp":
            serve += ["--listen", "127.0.0.1:%d" % self.tcp_port]
        with open(self.dir / "responder.log", "ab") as log:
            self.responder = subprocess.Popen(
                serve, stdin=stdin, stdout=log, stderr=log, **popen)
        if self.how != "socket":
            until("the responder listens", self.responder_listens)

    def responder_listens(self):
        if self.responder.poll() is not None:
            raise RuntimeError("the responder ended with status %d" %
                               self.responder.returncode)
        if self.how == "tcp":
            s, to = socket.socket(), ("127.0.0.1", self.tcp_port)
        else:
            s, to = socket.socket(socket.AF_UNIX), self.path
        with s:
            return s.connect_ex(to) == 0

    def responder_pid(self):
        if self.responder:
            return self.responder.pid
        return until("%s starts a responder" % self.web,
                     lambda: children(self.server.pid))[0]

    def cgi_pids(self):
        """The CGI programs: lighttpd's children, or the children of the
        eight workers of fcgiwrap."""
        if self.how == "cgi":
            return children(self.server.pid)
        return [pid for worker in children(self.responder.pid)
                for pid in children(worker)]

    def kill_responder(self):
        """kill -9; the process is gone when this returns."""
        if self.responder:
            end_process(self.responder, signal.SIGKILL)
        else:
            pid = self.responder_pid()
            os.kill(pid, signal.SIGKILL)
            until("the responder is gone", lambda: not alive(pid))

    def restart_responder(self):
        self.kill_responder()
        self.start_responder()

    def leave(self):
        """Responder and socket are gone: the web server answers instead."""
        self.kill_responder()
        self.held.close()
        os.unlink(self.path)

    def come_back(self):
        self.hold()
        self.start_responder()

    def proc(self, name):
        return pathlib.Path("/proc/%d/%s" % (self.responder_pid(), name))

    def files(self):
        """The files that the responder has open, by name."""
        names = []
        for fd in self.proc("fd").iterdir():
            try:
                names.append(os.readlink(fd))
            except OSError:
                pass
        return names

    def sockets(self):
        return sum(name.startswith("socket:") for name in self.files())

    def rss(self):
        """VmRSS of the responder in bytes."""
        text = self.proc("status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024

    # --- the web server

    def start_web(self):
        """Start on a free port; later starts use the same port."""
        again = hasattr(self, "port")
        for _ in range(1 if again else 5):
            if not again:
                self.port = free_port()
            argv = getattr(self, "configure_" + self.web)()
            with open(self.dir / (self.web + ".log"), "ab") as log:
                self.server = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    cwd=self.dir)
            if until("%s listens" % self.web, self.web_listens) == "yes":
                return
        raise RuntimeError("%s does not start" % self.web)

    def ship(self, name, *changes):
        """Copy a file of deploy/ to our directory, with some words changed."""
        text = (ROOT / "deploy" / self.web / name).read_text()
        for old, new in changes:
            text = put(text, old, new)
        (self.dir / name).write_text(text)

    def configure_nginx(self):
        socket_name = "unix:/run/largesse/largesse.sock"
        ours = ("unix:" + self.path if self.how != "tcp" else
                "127.0.0.1:%d" % self.tcp_port)
        self.ship("nginx.conf", ("127.0.0.1:8080", "127.0.0.1:%d" % self.port))
        changes = [(socket_name, ours)]
        if self.how == "fcgiwrap":
            changes.append(("fastcgi_pass %s;" % ours, NGINX_FCGIWRAP % (
                ours, self.program, "\n\t".join("fastcgi_param %s %s;" % pair
                                          for pair in self.environment()))))
        self.ship("events.conf", *changes)
        return ["nginx", "-p", str(self.dir), "-c",
                str(self.dir / "nginx.conf"), "-g", "daemon off;"]

    def configure_lighttpd(self):
        ours = '"socket" => "%s"' % self.path
        if self.how == "tcp":
            ours = '"host" => "127.0.0.1", "port" => %d' % self.tcp_port
        elif self.how == "bin-path":
            ours += ', "bin-path" => "%s", "max-procs" => 1, ' % self.program
            ours += '"bin-environment" => ( %s )' % ", ".join(
                '"%s" => "%s"' % pair for pair in self.environment())
        self.ship("lighttpd.conf",
                  ("server.port = 8080", "server.port = %d" % self.port))
        self.ship("retry.conf", ("/etc/lighttpd/largesse", str(self.dir)))
        self.ship("retry.shtml")
        self.ship("events.conf",
                  ('"socket" => "/run/largesse/largesse.sock"', ours))
        if self.how == "cgi":
            (self.dir / "events.conf").write_text(LIGHTTPD_CGI % (
                self.program, ", ".join('"%s" => "%s"' % pair
                                        for pair in self.environment())))
        return ["lighttpd", "-D", "-f", str(self.dir / "lighttpd.conf")]

    def environment(self):
        """The options as environment, for a web server without arguments."""
        yield "LARGESSE_DB", self.log
        for i in range(0, len(self.options), 2):
            name = self.options[i].lstrip("-").replace("-", "_").upper()
            yield "LARGESSE_" + name, self.options[i + 1]

    def web_listens(self):
        if self.server.poll() is not None:
            return "no"     # the port was taken meanwhile, or worse
        with socket.socket() as s:
            return "yes" if s.connect_ex(self.address) == 0 else None

    def web_workers(self):
        """The workers of nginx, which may start a little later.  lighttpd has
        none: its children are responders."""
        return until("nginx has workers", lambda: children(
            self.server.pid)) if self.web == "nginx" else []

    def kill_web(self):
        """kill -9 the master and its workers; all are gone on return."""
        self.server.send_signal(signal.SIGSTOP)     # starts no new worker
        until("the master stands still",
              lambda: state(self.server.pid) == "T")
        pids = children(self.server.pid) if self.web == "nginx" else []
        end_process(self.server, signal.SIGKILL)
        for pid in pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
            until("worker %d is gone" % pid, lambda: not alive(pid))

    def stop_web(self):
        end_process(self.server)

    address = property(lambda self: ("127.0.0.1", self.port))
    url = property(lambda self: "http://127.0.0.1:%d" % self.port)

    # --- clients

    def stream(self, query="", **kw):
        return Stream(self.address, "/events" + query, **kw)

    def get(self, target, **kw):
        """A response that ends: the Stream and its body."""
        s = Stream(self.address, target, **kw)
        body = s.rest()
        s.close()
        return s, body

    def follow(self, query="", **kw):
        return Follower(self.address, "/events" + query, **kw)

    # --- the end

    def logs(self):
        for path in sorted(self.dir.glob("*.log")):
            text = path.read_text(errors="replace").strip()
            if text:
                yield path.name, text[-6000:]

    def close(self):
        """Stop everything; an unclean end of the responder is an error."""
        open_yards.remove(self)
        status, theirs = 0, []
        try:
            self.unpublish()
            if self.responder and self.responder.returncode is None:
                if self.how == "fcgiwrap":  # it does not end its workers
                    theirs = self.cgi_pids()
                    workers = children(self.responder.pid)
                    end_process(self.responder)     # or it starts others
                    for pid in workers:
                        os.kill(pid, signal.SIGTERM)
                else:
                    until("the responder has started", lambda: (
                        self.responder.poll() is not None or
                        minds(self.responder.pid, signal.SIGTERM)))
                    status = end_process(self.responder)
        finally:
            if self.server and self.server.poll() is None:
                if self.web == "lighttpd":
                    theirs += children(self.server.pid)
                end_process(self.server)
            if self.held:
                self.held.close()
        for pid in theirs:
            until("process %d is gone" % pid, lambda: not alive(pid))
        for name, text in self.logs():
            if name == "responder.log" and SANITIZER.search(text):
                raise AssertionError("the sanitizer found: " + text)
        if status != 0:
            raise AssertionError("the responder ended with %d" % status)
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
