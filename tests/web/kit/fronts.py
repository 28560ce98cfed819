"""fronts.py - a tier in front of a web server, and changes to shipped files.

A Front is nginx with proxy.conf, HAProxy, or a stock nginx that has nothing
but a proxy_pass.  It stands in front of what listens on a port of this host.
"""

import shutil
import socket
import subprocess

from yard import ROOT, ROOTED, end_process, free_port, put, until

DEPLOY = ROOT / "deploy"
SELF = "127.0.0.1:8080"         # deploy/ has these; a test puts
BEHIND = "127.0.0.1:8081"       # another port there

STOCK = """
location / { proxy_pass http://127.0.0.1:8081; }
"""


class Edits:
    """Changes to shipped files, each (old, new); old must be in one file."""

    def __init__(self, cut=(), edits=()):
        self.edits = [(old, "") for old in cut] + list(edits)
        self.used = set()

    def apply(self, text):
        for old, new in self.edits:
            if old in text:
                self.used.add(old)
                text = text.replace(old, new)
        return text

    def check(self):
        for old, _ in self.edits:
            if old not in self.used:
                raise ValueError("no shipped configuration says " + old)


def listens(proc, port):
    """yes and no are final; None: not yet."""
    if proc.poll() is not None:
        return "no"     # the port was taken meanwhile, or worse
    with socket.socket() as s:
        return "yes" if s.connect_ex(("127.0.0.1", port)) == 0 else None


class Front:
    """A tier in front of what listens on a port, in its own directory."""

    def __init__(self, site, kind, behind):
        self.kind, self.behind, self.changes = kind, behind, site.changes
        self.dir = site.dir / ("front-%d" % len(site.fronts))
        self.dir.mkdir()
        shutil.copytree(DEPLOY / "demo", self.dir / "demo")
        if ROOTED:
            shutil.chown(self.dir, "www-data", "www-data")
        self.port = None
        for _ in range(5):
            if self.start():
                return
            self.port = None
        raise RuntimeError("%s does not start" % kind)

    def start(self):
        """Start on a free port; later starts use the same port."""
        self.port = self.port or free_port()
        argv = getattr(self, "configure_" + self.kind)()
        with open(self.dir / "front.log", "ab") as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log, cwd=self.dir)
        return until("%s listens" % self.kind, lambda: listens(
            self.proc, self.port)) == "yes"

    def write(self, name, text):
        text = self.changes.apply(text)
        text = text.replace(SELF, "127.0.0.1:%d" % self.port)
        text = text.replace(BEHIND, "127.0.0.1:%d" % self.behind)
        text = text.replace("/etc/haproxy", str(self.dir))
        (self.dir / name).write_text(text)

    def nginx(self, snippet):
        main = (DEPLOY / "nginx/nginx.conf").read_text()
        self.write("proxy.conf", snippet)
        self.write("upstream.conf",
                   (DEPLOY / "nginx/upstream.conf").read_text())
        self.write("nginx.conf", put(main, "include events.conf;",
                                     "include proxy.conf;"))
        return ["nginx", "-p", str(self.dir), "-c",
                str(self.dir / "nginx.conf"), "-g", "daemon off;"]

    def configure_nginx(self):
        return self.nginx((DEPLOY / "nginx/proxy.conf").read_text())

    def configure_stock(self):
        return self.nginx(STOCK)

    def configure_haproxy(self):
        shutil.copy(DEPLOY / "haproxy/retry.http", self.dir)
        self.write("haproxy.cfg",
                   (DEPLOY / "haproxy/haproxy.cfg").read_text())
        return ["haproxy", "-db", "-f", str(self.dir / "haproxy.cfg")]

    address = property(lambda self: ("127.0.0.1", self.port))

    def stop(self):
        end_process(self.proc)
