"""paste.py - a newcomer: a machine of Debian, a user with sudo, and the lines
of a page, pasted one block after the other.

    with Newcomer() as m:
        for block in blocks("deploy/nginx/README.md", "## Install"):
            m.paste(block)

What must stay true: the lines are those of the page.  What a test puts in
their place is named in the test.  The machine has a network of its own, so
that http://localhost/ is its own port 80; the packages that the lines install
are there already, for it reaches no mirror.

systemd is not the first process here.  Systemd plays the part of it that the
units of largesse need: the socket, the user, the directory, the restart.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import machine
import roots
from machine import Machine
from space import WORK
from yard import ROOT, put, until

roots.ROOTS["path"] = (
    "base", "nginx lighttpd apache2 spawn-fcgi multiwatch cron sqlite3 curl "
    "procps sudo systemd libuv1 libfcgi0ldbl libcurl4 libjansson4 libhiredis0.14 "
    "libc-ares2 libseccomp2 libssl3")
NEWNET = 0x40000000
PROGRAM = ROOT / "build/largesse"
EXAMPLES = "/usr/share/doc/largesse/examples/"


def section(page, heading=""):
    """From a heading to the next one of the same level; without one from the
    top of the page to the first `## '."""
    text = (ROOT / page).read_text()
    level = heading.partition(" ")[0] or "##"
    if heading:
        assert text.count("\n" + heading + "\n") == 1, heading
        text = text.partition("\n" + heading + "\n")[2]
    return re.split(r"^#{1,%d} (?!.*\n\t)" % len(level), text[1:], 1,
                    re.M)[0] if heading else text.partition("\n## ")[0]


def prose(page, heading=""):
    """What is no block of code."""
    return re.sub(r"^\t.*\n", "", section(page, heading), flags=re.M)


def blocks(page, heading=""):
    """The blocks of code of a section."""
    found = re.findall(r"(?:^\t.*\n|^\n(?=\t))+", section(page, heading), re.M)
    return [re.sub(r"^\t", "", b.strip("\n"), flags=re.M) + "\n"
            for b in found if b.strip()]


class Net:
    """A network of its own for this thread and all that it starts."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.call("unshare", NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def call(self, name, *words):
        if getattr(self.libc, name)(*words) != 0:
            raise OSError(ctypes.get_errno(), name)

    def close(self):
        self.call("setns", self.before, NEWNET)
        os.close(self.before)


def on_disk():
    """Where a machine writes.  On a tmpfs a new file would be of another
    device than its directory, as nowhere at home."""
    for old in WORK.glob("disk-*"):
        if time.time() - old.stat().st_mtime > 86400:
            shutil.rmtree(old)
    return pathlib.Path(tempfile.mkdtemp(prefix="disk-", dir=WORK))


class Apart:
    """Beside a Machine: it has a network and a disk of its own."""

    def __init__(self, root):
        roots.root(root)        # which may need the machine's network
        self.net, self.disk = Net(), on_disk()
        machine.RUN, before = self.disk, machine.RUN
        try:
            super().__init__(root)
        except BaseException:
            self.net.close()
            raise
        finally:
            machine.RUN = before

    def close(self):
        super().close()
        self.net.close()
        self.disk.rmdir()


class Newcomer(Apart, Machine):
    def __init__(self, root="path"):
        super().__init__(root)
        with open(self.path("/etc/hosts"), "a") as f:
            f.write("127.0.1.1 %s\n" % socket.gethostname())
        self.user("me")
        self.write("/etc/sudoers.d/me", "me ALL=(ALL) NOPASSWD: ALL\n",
                   mode=0o440)

    def paste(self, block, check=True):
        """As the user types it into a shell.  It stops at the first line
        that fails, so that the failure is the line's own."""
        return self.run(["bash", "-e"], "me", check, block, cwd="/home/me")

    def has_program(self):
        """What the package brings, where there is none yet."""
        self.put(PROGRAM, "/usr/bin/largesse", mode=0o755)
        self.put(ROOT / "deploy", EXAMPLES)

    def include(self, line):
        """Puts a line into the server { } of Debian's site."""
        site = self.path("/etc/nginx/sites-available/default")
        site.write_text(put(site.read_text(), "\troot /var/www/html;\n",
                            "\troot /var/www/html;\n\t%s\n" % line))

    def insert(self, data, topic="news"):
        self.run(["runuser", "-u", "www-data", "--", "sqlite3", "-cmd",
                  ".timeout 20000", "/var/lib/largesse/events.db",
                  "INSERT INTO events(topic, data) VALUES('%s', '%s')" % (
                      topic, data)])

    def asks(self, path, *words):
        """The body of an answer, or None.  As curl in this machine."""
        done = self.run(["curl", "-sf", "-m", "20", *words,
                         "http://localhost" + path], check=False)
        return done.stdout if done.returncode == 0 else None

    def brings(self, data, path="/events?topic=news&last=10&poll&age=20"):
        """What a page would show: this event comes by the web server."""
        return "data: %s\n" % data in (self.asks(path) or "")

    def boot(self):
        """All processes are gone, and so is what is in /run."""
        self.kill_all()
        for path in self.path("/run").iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        (self.path("/run") / "lock").mkdir(mode=0o1777)

    def kill_all(self):
        """Some start others as long as there is one of them."""
        def some():
            pids = self.pids()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return pids
        until("nothing runs", lambda: not some())

    def close(self):
        self.kill_all()
        super().close()


SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/systemctl.asked
"""


class Systemd:
    """The part of systemd that the units of largesse ask for: socket, user,
    directory, restart.  Its programs are made in the machine, and write down
    what they are asked; obey() does it."""

    def __init__(self, m):
        self.m, self.socket, self.proc = m, None, None
        m.write("/usr/local/bin/systemctl", SYSTEMCTL, mode=0o755)
        m.write("/usr/local/bin/journalctl", "#!/bin/sh\n", mode=0o755)
        m.write("/run/systemctl.asked", "", mode=0o666)

    def obey(self):
        asked = self.m.path("/run/systemctl.asked")
        for line in asked.read_text().splitlines():
            words = line.split()
            if "enable" in words:
                assert "--now" in words, line
                if words[-1] == "outbox":
                    self.other("outbox.service")
                else:
                    self.start()
            elif words[0] == "disable":
                assert words[1] == "--now", line
                assert words[2:] == ["largesse.socket", "largesse.service"]
                assert self.m.end(self.proc) == 0
                self.close()
            elif words[0] == "stop":
                assert words[1:] == ["largesse.socket", "largesse.service"]
                assert self.m.end(self.proc) == 0
                self.close()
            elif words[0] == "restart":
                assert words[1:] == ["largesse"], line
                self.restart()
            else:
                assert words == ["daemon-reload"], line
        asked.write_text("")

    def unit(self, name):
        """The lines of a unit and of its drop-ins, by their names."""
        found = {}
        etc, lib = (self.m.path(d + "/systemd/system") for d in
                    ("/etc", "/usr/lib"))
        files = [next(d / name for d in (etc, lib) if (d / name).exists()),
                 *sorted((etc / (name + ".d")).glob("*.conf"))]
        for path in files:
            for line in path.read_text().splitlines():
                key, is_one, value = line.partition("=")
                if is_one and not line.startswith("#"):
                    found[key] = [*found.get(key, []), value] if value else []
        return found

    def start(self):
        u = self.unit("largesse.socket")
        path = self.m.path(u["ListenStream"][0])
        self.m.folders(path.parent, "root")
        self.socket = socket.socket(socket.AF_UNIX)
        where = os.open(path.parent, os.O_PATH)     # the path may be too long
        self.socket.bind("/proc/self/fd/%d/%s" % (where, path.name))
        os.close(where)
        os.chown(path, *self.m.ids(u["SocketUser"][0]))
        path.chmod(int(u["SocketMode"][0], 8))
        self.socket.listen(int(u["Backlog"][0]))
        self.restart()

    def restart(self):
        if self.proc:
            assert self.m.end(self.proc) == 0
        u = self.unit("largesse.service")
        user, group = u["User"][0], u["Group"][0]
        state = "/var/lib/" + u["StateDirectory"][0]
        self.m.run(["install", "-d", "-o", user, "-g", group, "-m",
                    u["StateDirectoryMode"][0], state])
        env = dict(e.split("=", 1) for e in u.get("Environment", []))
        for line in u.get("ExecStartPre", []):
            self.m.run(line.removeprefix("-").split(),
                       "%s:%s" % (user, group))
        self.proc = subprocess.Popen(
            self.m.inside(u["ExecStart"][-1].split(), "%s:%s" % (user, group),
                          env),
            stdin=self.socket, stdout=subprocess.DEVNULL,
            stderr=open(self.m.dir / "journal.log", "ab"))
        self.m.servers.append(self.proc)

    def other(self, name):
        """A simple service."""
        u = self.unit(name)
        return self.m.start(u["ExecStart"][-1].split(), name, u["User"][0])

    def close(self):
        if self.socket:
            self.socket.close()
