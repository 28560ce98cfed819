"""hosts.py - serves a stream in every way that deploy/ describes.

A Site is a Yard with more servers and with tiers in front.  A test may put a
Standin in the place of the responder, and may change what deploy/ ships: a
directive that is cut has to be there.

	how is one of Yard's, or:
	standin	    a responder that the test controls, site.standin
	none	    no responder and no socket
	silent	    a responder that listens and never answers
	closing	    a responder that closes as soon as the request is there
	fcgid	    started by Apache, one process a stream
	cgid	    started by Apache, one process a request
	multiwatch  two processes on one socket

	fronts: from the inside out, each nginx, haproxy, or stock, which is
	nginx with nothing but a proxy_pass
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

from client import PATIENCE, Cut, Stream
from fronts import Edits, Front, listens
from shipped import Shipped
from standin import Standin
from yard import (ROOT, ROOTED, Yard, alive, children, end_process,
                  free_port, until)

ECHO = str(ROOT / "tests/web/kit/standin.py")   # run as a program, it echoes


class Site(Shipped, Yard):
    # With these the web server starts the responder, or nobody does.
    OTHERS = ("bin-path", "cgi", "fcgid", "cgid", "none")
    STANDINS = {"standin": {}, "silent": dict(opening=b""),
                "closing": dict(closes=True)}

    def __init__(self, web="nginx", how="socket", fronts=(), cut=(),
                 edits=(), start=True, echo=False, h2=False,
                 status=False, **kw):
        self.h2_port = free_port() if h2 else None
        self.status_port = free_port() if status else None
        self.changes = Edits(cut, edits)
        self.fronts, self.standin, self.streams = [], None, []
        super().__init__(web, how, start=False, **kw)
        if echo:
            self.program = shutil.copy(ECHO, self.dir)
        if ROOTED and how in ("fcgid", "cgid"):
            self.share_log()
            self.program = shutil.copy(self.program, self.dir / "a.out")
        if start:
            self.begin(fronts)

    def begin(self, fronts=()):
        try:
            self.start_responder()
            self.start_web()
            for kind in fronts:
                self.fronts.append(Front(self, kind, self.address[1]))
        except RuntimeError:
            self.close()
            raise
        finally:
            self.changes.check()

    # --- the responder

    def hold(self):
        """Listen with the backlog of largesse.socket: many come at once."""
        super().hold()
        self.held.listen(4096)

    def start_responder(self, **popen):
        if self.how in self.STANDINS:
            self.standin = Standin(self.path, **self.STANDINS[self.how])
        elif self.how == "multiwatch":
            self.start_by([
                "spawn-fcgi", "-n", "-s", self.path, "-M", "0666",
                "-b", "4096", "--", shutil.which("multiwatch"), "-f", "2",
                "--", self.program, "serve", "--db", str(self.log),
                *self.options])
        elif self.how not in self.OTHERS:
            super().start_responder(**popen)
            if self.how != "fcgiwrap":
                pid = self.responder.pid    # with workers it waits for its signals
                until("the responder can be stopped", lambda: catches(
                    pid, signal.SIGTERM) or children(pid))

    def start_by(self, argv):
        with open(self.dir / "responder.log", "ab") as log:
            self.responder = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the responder listens", self.responder_listens)
        until("it can be stopped", lambda: catches(self.responder.pid,
                                                   signal.SIGTERM))

    def pids(self):
        """The processes that have streams, or could have."""
        if self.how in ("cgi", "fcgiwrap"):
            return self.cgi_pids()
        if self.how in ("fcgid", "cgid"):   # started by a child of Apache's
            name = pathlib.Path(self.program).name[:15]
            return [pid for child in children(self.server.pid)
                    for pid in children(child) if comm(pid) == name]
        if self.how in ("multiwatch", "bin-path"):
            return children((self.responder or self.server).pid)
        return [self.responder.pid]

    def sockets(self):
        """The open sockets of the processes that have streams, listening
        ones, too.  Each stream has one, or with plain CGI one process."""
        return sum(map(sockets_of, self.pids()))

    # --- the web server

    address = property(lambda self: ("127.0.0.1", self.fronts[-1].port
                                     if self.fronts else self.port))

    def web_listens(self):
        return listens(self.server, self.port)

    # --- the end

    def logs(self):
        yield from super().logs()
        for front in self.fronts:
            for path in sorted(front.dir.glob("*.log")):
                text = path.read_text(errors="replace").strip()
                if text:
                    yield "%s/%s" % (front.dir.name, path.name), text[-3000:]

    def stream(self, query="", **kw):
        s = super().stream(query, **kw)
        self.streams.append(s)
        return s

    def get(self, target, timeout=PATIENCE, **kw):
        s = Stream(self.address, target, timeout=timeout, **kw)
        self.streams.append(s)
        try:
            return s, s.rest(timeout)
        except Cut:
            if s.headers.keys() & {"content-length", "transfer-encoding"}:
                raise
            return s, bytes(s.wire.body)    # it ends when it is closed

    def close(self):
        """Close streams first: a server that stops may wait for them."""
        for s in self.streams:
            s.close()
        for front in self.fronts:
            front.stop()
        theirs, status = [], 0
        if self.server and self.how in ("fcgid", "cgid"):
            theirs = self.pids()
            for pid in theirs:      # or Apache waits for them
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        if self.standin:
            self.standin.close()
        if self.how == "multiwatch" and self.responder:
            theirs = children(self.responder.pid)
        elif self.responder and self.how != "fcgiwrap":
            status = end_process(self.responder)
        if self.server:
            self.stop_web()
        super().close()
        for pid in theirs:
            until("process %d is gone" % pid, lambda: not alive(pid))
        assert status == 0, "the responder ended with %d" % status

    def stop_web(self):
        """Give Apache's children one second; Apache would give them ten."""
        pids = children(self.server.pid) if self.web == "apache" else []
        if self.server.poll() is None:
            self.server.terminate()
        if pids:
            try:
                self.server.wait(1)
            except subprocess.TimeoutExpired:
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        end_process(self.server)


def catches(pid, sig):
    try:
        status = pathlib.Path("/proc/%d/status" % pid).read_text()
    except OSError:
        return True     # it has ended; others report that
    mask = int(re.search(r"SigCgt:\s+(\w+)", status)[1], 16)
    return mask >> (sig - 1) & 1


def comm(pid):
    try:
        return pathlib.Path("/proc/%d/comm" % pid).read_text().strip()
    except OSError:
        return ""


def sockets_of(pid):
    """How many sockets a process has open."""
    n = 0
    try:
        for fd in os.scandir("/proc/%d/fd" % pid):
            try:
                n += os.readlink(fd.path).startswith("socket:")
            except OSError:
                pass
    except OSError:
        pass
    return n
