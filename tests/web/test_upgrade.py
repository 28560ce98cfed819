"""test_upgrade.py - the program is replaced while it serves: no request is
refused, and no event is lost or comes twice.
"""

import os
import shutil
import signal
import subprocess

from busy import Knocker, Publisher
from hosts import Site
from tap import each
from test_hosting import Spawned, opens_stream
from yard import children, until

TIMES = 4
KNOCKERS = 4
# nginx must not answer in the place of the responder.
PLAIN = ["error_page 502 503 504 = @largesse_retry;"]


def by_shell(y, n):
    subprocess.run(["sqlite3", "-cmd", ".timeout 20000", str(y.log),
                    "INSERT INTO events(data) VALUES('%d')" % n], check=True)


class Held(Site):
    """By systemd-socket-activate, and a shell in the place of systemd."""

    def start_responder(self, **popen):
        self.program = shutil.copy(self.program, self.dir / "a.out")
        self.start_by(["systemd-socket-activate", "--inetd",
                       "-l", self.path, "/bin/sh", "-c",
                       'exec 3<&0; trap "kill \\$!; wait \\$!; exit 0" TERM; '
                       'while :; do "$@" <&3 & wait $!; done', "sh",
                       str(self.program), "serve", "--db", str(self.log)])
        os.chmod(self.path, 0o666)

    def pids(self):
        return children(self.responder.pid)


def install(y):
    """Another file under the name of the program, as `install' makes it."""
    new = str(y.program) + ".new"
    shutil.copy(y.program, new)
    os.rename(new, y.program)


def by_restart(y):
    """systemctl restart largesse"""
    old = until("it runs", y.pids)
    os.kill(old[0], signal.SIGTERM)
    until("another runs", lambda: y.pids() and old[0] not in y.pids())


def by_children(y):
    """pkill -P $(cat largesse.pid), where multiwatch has that id"""
    # A new child is multiwatch itself at first.
    old = until("two run", lambda: [
        pid for pid in y.pids() if os.readlink("/proc/%d/exe" % pid)
        .removesuffix(" (deleted)") == str(y.program)][:2])
    for pid in old:
        os.kill(pid, signal.SIGTERM)
    until("others run", lambda: len(y.pids()) == 2 and
          not set(old) & set(y.pids()))


def by_rename(y):
    """A new one on another path, which then takes the name of the old."""
    old, path = y.responder, y.path
    y.path = path + ".new"
    y.start_responder()
    os.rename(y.path, path)
    y.path = path
    old.terminate()
    assert old.wait(60) == 0


WAYS = {"systemd": (lambda: Held("nginx", "spawned", cut=PLAIN), by_restart),
        "multiwatch": (lambda: Spawned("multiwatch", web_cut=PLAIN),
                       by_children),
        "spawn-fcgi": (lambda: Spawned("spawn-fcgi", web_cut=PLAIN),
                       by_rename),
        "listen": (lambda: Site("nginx", "listen", cut=PLAIN), by_rename)}


@each("way", WAYS)
def test_upgrade_refuses_nobody_and_loses_nothing(way):
    make, upgrade = WAYS[way]
    with make() as y:
        until("it answers", lambda: y.get("/events/health")[0].status == 200)
        followers = [y.follow().wait_start() for _ in range(3)]
        knockers = [Knocker(lambda: opens_stream(y)) for _ in range(KNOCKERS)]
        publisher = Publisher(lambda n: by_shell(y, n))
        for i in range(TIMES):
            asked = [k.asked for k in knockers]
            if way != "listen":
                install(y)
            upgrade(y)
            until("all have asked meanwhile", lambda: all(
                k.asked > before + 3 for k, before in zip(knockers, asked)))
        n = publisher.stop()
        for k in knockers:
            assert not k.stop().wrong, k.wrong
        for f in followers:
            f.wait_count(n)
            f.leave()
            assert [e.data for e in f.got] == [str(i + 1) for i in range(n)]
            assert f.refused == 0
