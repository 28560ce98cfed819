"""test_hosting.py - the responder under the programs that start it: systemd,
spawn-fcgi and multiwatch.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess

from busy import Knocker
from client import Stream
from fronts import DEPLOY
from hosts import Site
from shipped import LOG, PROGRAM, SOCKET
from tap import each
from yard import alive, children, until

WWW = pwd.getpwnam("www-data")


def opens_stream(y):
    """The status of a stream: any but 200 ends an EventSource."""
    s = Stream(y.address, "/events")
    s.close()
    return s.status


def lines():
    """The two commands of deploy/spawn-fcgi/README.md."""
    text = (DEPLOY / "spawn-fcgi/README.md").read_text()
    found = re.findall(r"^\t(spawn-fcgi .*)$", text, re.M)
    assert len(found) == 2, found
    return {"spawn-fcgi": shlex.split(found[0]),
            "multiwatch": shlex.split(found[1])}


# --- spawn-fcgi and multiwatch

class Spawned(Site):
    """Started by a line of deploy/spawn-fcgi/README.md, in foreground."""

    def __init__(self, name, cut=(), also=(), web_cut=(), **kw):
        self.name, self.cut_words, self.also = name, cut, also
        super().__init__("nginx", "spawned", start=False, cut=web_cut, **kw)
        self.share_log()
        self.program = shutil.copy(self.program, self.dir / "a.out")
        self.begin()

    def start_responder(self, **popen):
        line = lines()[self.name]
        for words in self.cut_words:
            part = words.split()
            at = [i for i in range(len(line))
                  if line[i:i + len(part)] == part]
            assert len(at) == 1, words
            del line[at[0]:at[0] + len(part)]
        said = {SOCKET: self.path, PROGRAM: str(self.program),
                LOG: str(self.log)}
        self.start_by([line[0], "-n", *(said.get(word, word)
                                        for word in line[1:]), *self.also])

    def pids(self):
        if self.name == "multiwatch":
            # A killed process stays a child until multiwatch has seen it.
            return [pid for pid in children(self.responder.pid) if alive(pid)]
        return super().pids()

    def close(self):
        theirs = self.pids() if self.responder else []
        super().close()
        for pid in theirs:
            until("process %d is gone" % pid, lambda: not alive(pid))


def opens(y):
    s, body = y.get("/events/health")
    return s.status == 200


@each("name", ["spawn-fcgi", "multiwatch"])
def test_spawn_fcgi_lines(name):
    with Spawned(name) as y:
        until("it answers", lambda: opens(y))
        s = y.stream().started()
        y.insert("x")
        assert s.next_event().data == "x"


def test_spawn_fcgi_line_goes_into_the_background():
    """The line as it is written, without -n."""
    with Site("nginx", "spawned", start=False) as y:
        y.share_log()
        y.program = shutil.copy(y.program, y.dir / "a.out")
        said = {SOCKET: y.path, PROGRAM: str(y.program), LOG: str(y.log)}
        line = [said.get(word, word) for word in lines()["spawn-fcgi"]]
        subprocess.run([*line[:1], "-P", y.dir / "pid", *line[1:]],
                       check=True, timeout=20, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        pid = int((y.dir / "pid").read_text())
        try:
            y.start_web()
            until("it answers", lambda: opens(y))
        finally:
            os.kill(pid, signal.SIGTERM)
            until("it is gone", lambda: not alive(pid))


def test_spawn_fcgi_keeps_what_is_said():
    """The end of the line that puts a shell between, and no log."""
    text = (DEPLOY / "spawn-fcgi/README.md").read_text()
    end = re.search(r"^\t(-- /bin/sh .*)$", text, re.M).group(1)
    with Site("nginx", "spawned", start=False) as y:
        y.share_log()
        y.program = shutil.copy(y.program, y.dir / "a.out")
        kept = y.log.parent / "error.log"
        said = {SOCKET: y.path, PROGRAM: str(y.program),
                LOG: str(y.log.parent / "none.db")}
        line = lines()["spawn-fcgi"]
        line = line[:line.index("--")] + shlex.split(end)
        line = [said.get(word, word).replace("/var/log/largesse/error.log",
                                             str(kept)) for word in line]
        subprocess.run([*line[:1], "-P", y.dir / "pid", *line[1:]],
                       check=True, timeout=20, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        pid = int((y.dir / "pid").read_text())
        try:
            until("it says why", lambda: kept.exists() and
                  "waiting for the log: " in kept.read_text() and
                  "none.db: No such file" in kept.read_text())
        finally:
            os.kill(pid, signal.SIGTERM)
            until("it is gone", lambda: not alive(pid))


def well_owned(y):
    return os.stat(y.path).st_uid == WWW.pw_uid and (
        os.stat(y.path).st_mode & 0o777 == 0o660) and opens(y)


def well_run(y):
    return os.stat("/proc/%d" % y.responder.pid).st_uid == WWW.pw_uid


def well_queued(y):
    said = subprocess.run(["ss", "-lxH", "src", "unix:" + y.path],
                          check=True, capture_output=True, text=True)
    return int(said.stdout.split()[3]) == 4096


OPTIONS = {"-M 0660 -U www-data -G www-data": well_owned,
           "-u www-data -g www-data": well_run, "-b 4096": well_queued}


@each("option", OPTIONS)
def test_spawn_fcgi_without(option):
    well = OPTIONS[option]
    with Spawned("spawn-fcgi") as y:
        until("it answers", lambda: opens(y))
        assert well(y), "not even as it is written"
    with Spawned("spawn-fcgi", [option]) as y:
        assert not well(y), "it is well without it"


def test_multiwatch_starts_it_again():
    with Spawned("multiwatch") as y:
        until("two run", lambda: len(y.pids()) == 2)
        until("it answers", lambda: opens(y))
        f = y.follow().wait_start()
        k = Knocker(lambda: opens_stream(y))
        first = y.pids()
        for pid in first:
            os.kill(pid, signal.SIGKILL)
            until("two run again", lambda: len(y.pids()) == 2 and
                  pid not in y.pids())
        y.insert("x")
        f.wait_count(1)
        f.leave()
        assert not k.stop().wrong, k.wrong
        assert f.refused == 0 and not set(first) & set(y.pids())


def test_multiwatch_without():
    """The responder dies five times: with -r 1000 it is started again."""
    for cut, there in (((), True), (["-r 1000"], False)):
        with Spawned("multiwatch", [*cut, "-f 2"]) as y:
            until("it answers", lambda: opens(y))
            for _ in range(5):
                for pid in y.pids():
                    os.kill(pid, signal.SIGKILL)
                    until("it is gone", lambda: not alive(pid))
                if there:
                    until("it is there again", y.pids)
                else:
                    try:
                        until("it is there again", y.pids, 10)
                    except TimeoutError:
                        break
            assert bool(y.pids()) == there
            # A new child is multiwatch itself at first: it ignores the signal
            # to end and starts.
            if there:
                until("it answers again", lambda: opens(y))


# --- systemd

def test_systemd_restart_refuses_nobody():
    """The socket stays over restarts and a kill, as with largesse.socket."""
    class Held(Site):
        def start_responder(self, **popen):
            self.start_by(["systemd-socket-activate", "--inetd",
                           "-l", self.path, "/bin/sh", "-c",
                           'exec 3<&0; '
                           'trap "kill \\$!; wait \\$!; exit 0" TERM; '
                           'while :; do "$@" <&3 & wait $!; done', "sh",
                           str(self.program), "serve", "--db",
                           str(self.log)])
            os.chmod(self.path, 0o666)

        def pids(self):
            return children(self.responder.pid)

    # nginx must not answer in the place of the responder.
    with Held("nginx", "spawned", cut=[
            "error_page 502 503 504 = @largesse_retry;"]) as y:
        f = y.follow().wait_start()
        k = Knocker(lambda: opens_stream(y))
        for i, sig in enumerate((signal.SIGTERM, signal.SIGTERM,
                                 signal.SIGKILL)):
            old = until("it runs", y.pids)[0]
            asked = k.asked
            os.kill(old, sig)
            until("another runs", lambda: y.pids() and old not in y.pids())
            y.insert("e%d" % i)
            f.wait_count(i + 1)
            until("someone asked meanwhile", lambda: k.asked > asked + 3)
            assert sig == signal.SIGKILL or not k.wrong, k.wrong
        k.stop()
        f.leave()
        assert [e.data for e in f.got] == ["e0", "e1", "e2"]
        assert f.refused == 0
        # The request that was being answered at the kill may fail.
        assert len(k.wrong) <= 1, k.wrong


def units(y):
    """The shipped units, with the path of our program."""
    for name in ("largesse.service", "largesse.socket"):
        text = (DEPLOY / "systemd" / name).read_text()
        (y.dir / name).write_text(text.replace(PROGRAM, str(y.program)))
    return [str(y.dir / "largesse.service"), str(y.dir / "largesse.socket")]


def test_systemd_units_are_understood():
    with Site(start=False) as y:
        said = subprocess.run(["systemd-analyze", "verify", *units(y)],
                              capture_output=True, text=True, timeout=60)
        about = [line for line in (said.stdout + said.stderr).splitlines()
                 if "largesse" in line]
        assert said.returncode == 0 and not about, about


def test_systemd_user_is_made():
    """systemd-sysusers understands our file, and makes the user of the unit."""
    with Site(start=False) as y:
        root = y.dir / "root"
        (root / "etc").mkdir(parents=True)
        text = (DEPLOY / "systemd" / "largesse.sysusers").read_text()
        subprocess.run(["systemd-sysusers", "--root=" + str(root), "-"],
                       input=text, text=True, check=True,
                       capture_output=True, timeout=60)
        user = (root / "etc" / "passwd").read_text()
        unit = (DEPLOY / "systemd" / "largesse.service").read_text()
        name = re.search(r"^User=(\w+)$", unit, re.M)[1]
        line = re.search("^%s:x:([0-9]+):.*$" % name, user, re.M)
        assert line and 0 < int(line[1]) < 1000, user
        assert line[0].endswith("/nologin"), line[0]


def test_systemd_key_is_understood():
    """key.conf beside the unit; the responder finds the key where it says."""
    with Site(start=False) as y:
        units(y)
        more = y.dir / "largesse.service.d"
        more.mkdir()
        shutil.copy(DEPLOY / "systemd" / "key.conf", more)
        said = subprocess.run(
            ["systemd-analyze", "verify", str(y.dir / "largesse.service")],
            capture_output=True, text=True, timeout=60)
        about = [line for line in (said.stdout + said.stderr).splitlines()
                 if "largesse" in line]
        assert said.returncode == 0 and not about, about


def test_systemd_unit_is_hardened():
    with Site(start=False) as y:
        said = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager",
             units(y)[0]], capture_output=True, text=True, timeout=60)
        level = re.search(r"exposure level for \S+: ([0-9.]+) (\w+)",
                          said.stdout)
        assert level, said
        assert float(level[1]) <= 0.5, level[0]     # OK begins at 5
