"""test_mounts.py - a log that a container was given in an odd way.

Each test mounts what it needs; the mounts are gone with the namespace of this
suite (net.py).  It needs root, which the suite needs anyway.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from yard import LARGESSE, end_process, until

CLOSED = ("its directory is not writable for this user and no publisher is "
          "connected: it is mounted read-only")
ALONE = "this file is mounted without its directory"


class Place:
    """A log in the directory `host', and an empty directory `box'."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="largesse."))
        self.dir.chmod(0o755)
        self.host, self.box = self.dir / "host", self.dir / "box"
        self.host.mkdir()
        self.box.mkdir()
        self.log, self.running = self.host / "log.db", []
        self.says("init", self.log)
        self.publish("first")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.running:
            end_process(p)
        for path in (self.box, self.host):
            subprocess.run(["umount", "-R", path], capture_output=True)
        subprocess.run(["umount", self.box / "log.db"], capture_output=True)
        shutil.rmtree(self.dir)

    def mount(self, *words):
        subprocess.run(["mount", *map(str, words)], check=True)

    def run(self, *words):
        return subprocess.run([LARGESSE, *map(str, words)], text=True,
                              capture_output=True, timeout=60)

    def says(self, *words, status=0):
        said = self.run(*words)
        assert said.returncode == status, said
        return said.stdout + said.stderr

    def publish(self, data):
        subprocess.run(["sqlite3", self.log,
                        "INSERT INTO events(data) VALUES('%s')" % data],
                       check=True)

    def start(self, *words):
        """Returns a function that says what its stderr has so far."""
        err = self.dir / ("err%d" % len(self.running))
        with err.open("w") as f:
            self.running.append(subprocess.Popen(
                [LARGESSE, *map(str, words)], stderr=f,
                stdout=subprocess.DEVNULL))
        return err.read_text

    def findings(self, log):
        found = json.loads(self.run("doctor", log, "--json").stdout)
        return [f for f in found["findings"] if f["level"] != "note"]

    def read_only(self):
        self.mount("--bind", self.host, self.box)
        self.mount("-o", "remount,bind,ro", self.box)


def test_file_mounted_without_its_directory():
    with Place() as y:
        inside = y.box / "log.db"
        inside.touch()
        y.mount("--bind", y.log, inside)
        f, = y.findings(inside)
        assert f["code"] == "elsewhere" and f["level"] == "error", f
        tail = y.start("tail", inside)
        serve = y.start("serve", "--db", inside, "--workers", "2",
                        "--listen", "unix:%s" % (y.dir / "s"))
        until("tail says it", lambda: ALONE in tail())
        until("serve says it", lambda: "listening" in serve())
        assert serve().count(ALONE) == 1, serve()
        # Whoever looks at the host's file sees who has another -wal.
        with open(y.log):
            until("its -wal is open", lambda: (y.box / "log.db-shm").exists())
        f, = y.findings(y.log)
        assert f["code"] == "elsewhere", f
        assert "has it open as %s" % inside in f["seen"], f


def test_directory_that_is_mounted_is_whole():
    with Place() as y:
        y.mount("--bind", y.host, y.box)
        tail = y.start("tail", y.box / "log.db")
        until("-shm is there", lambda: (y.host / "log.db-shm").exists())
        assert y.findings(y.log) == []
        assert y.findings(y.box / "log.db") == []
        assert tail() == ""


def test_init_in_a_container_of_two_file_systems():
    """There a directory and its files have other devices: an overlay whose
    layers are on two file systems shows its files with that of their layer."""
    with Place() as y:
        y.mount("-t", "tmpfs", "tmpfs", y.host)
        for name in ("below", "above"):
            (y.host / name).mkdir()
            y.mount("-t", "tmpfs", "tmpfs", y.host / name)
        (y.host / "below/log").mkdir()
        for name in ("upper", "work"):
            (y.host / "above" / name).mkdir()
        y.mount("-t", "overlay", "overlay", "-o",
                "xino=off,lowerdir=%s,upperdir=%s,workdir=%s" % (
                    y.host / "below", y.host / "above/upper",
                    y.host / "above/work"), y.box)
        folder = y.box / "log"
        shutil.chown(folder, "www-data", "www-data")
        folder.chmod(0o2770)
        log = folder / "log.db"
        y.says("init", log)
        assert log.stat().st_dev != folder.stat().st_dev
        assert log.stat().st_mode & 0o777 == 0o660
        y.says("init", log)


def test_mount_that_is_read_only():
    with Place() as y:
        y.read_only()
        log = y.box / "log.db"
        assert CLOSED in y.says("tail", log, "--count", "1", status=1)
        said = y.start("serve", "--db", log, "--listen",
                       "unix:%s" % (y.dir / "s"))
        until("serve says it", lambda: CLOSED in said())
        said = y.says("publish", log, "x", status=1)
        assert "mounted read-only" in said, said
        f, = y.findings(log)
        assert f["code"] == "directory" and f["level"] == "error", f
        assert "mounted read-only" in f["seen"], f


def test_mount_that_is_read_only_for_another_user():
    with Place() as y:
        for path in (y.host, y.log):
            os.chmod(path, 0o777)
        y.read_only()
        said = y.says("doctor", y.box / "log.db", "--user", "nobody", status=1)
        assert "mounted read-only" in said and "1 finding" in said, said


def test_mount_that_is_read_only_seen_by_a_user_without_rights():
    """The modes forbid him to write: that is not what has to be mended."""
    with Place() as y:
        os.chmod(y.host, 0o755)
        os.chmod(y.log, 0o644)
        y.read_only()
        program = y.dir / "largesse"
        shutil.copy(LARGESSE, program)
        y.dir.chmod(0o755)
        ran = subprocess.run(
            ["setpriv", "--reuid", "nobody", "--regid", "nogroup",
             "--clear-groups", program, "doctor", y.box / "log.db", "--json",
             "--user", "nobody"], capture_output=True, text=True, timeout=60)
        f, = [f for f in json.loads(ran.stdout)["findings"]
              if f["level"] != "note"]
        assert "mounted read-only" in f["seen"], f


def test_line_of_the_doctor_mends_the_mount():
    with Place() as y:
        y.read_only()
        f, = y.findings(y.box / "log.db")
        subprocess.run(["sh", "-c", f["mend"][0]["line"]], check=True)
        assert y.findings(y.box / "log.db") == []
        y.says("tail", y.box / "log.db", "--last", "1", "--count", "1")


def test_reads_while_a_publisher_is_connected_on_the_other_side():
    with Place() as y:
        with subprocess.Popen(["sqlite3", y.log], stdin=subprocess.PIPE,
                              text=True) as p:
            p.stdin.write("INSERT INTO events(data) VALUES('second');\n")
            p.stdin.flush()
            until("-shm is there", lambda: (y.host / "log.db-shm").exists())
            y.read_only()
            said = y.says("tail", y.box / "log.db", "--last", "1",
                          "--count", "1")
            assert "data: " in said, said
