"""test_static.py - the static build: a program that needs nothing at all."""

import os
import shutil
import subprocess

from hosts import Site
from yard import ROOT

STATIC = ROOT / "build/static/largesse"


def test_static_in_an_empty_chroot():
    """There is only the program: it makes its log and sends a stream."""
    with Site("nginx", "none", start=False) as y:
        cell = y.dir / "cell"
        cell.mkdir()
        shutil.copy(STATIC, cell / "largesse")
        os.chmod(cell, 0o755)

        def inside(*args):
            return ["/usr/sbin/chroot", str(cell), "/largesse", *args]

        subprocess.run(inside("init", "/events.db"), check=True, timeout=20,
                       stdout=subprocess.DEVNULL)
        y.path = str(cell / "sock")
        y.log = cell / "events.db"
        y.start_by(inside("serve", "--db", "/events.db", "--listen",
                          "unix:/sock", "--listen-mode", "0666"))
        y.start_web()
        s = y.stream().started()
        subprocess.run(inside("publish", "/events.db", "from the cell"),
                       check=True, timeout=20, stdout=subprocess.DEVNULL)
        assert s.next_event().data == "from the cell"
        y.insert("from outside")
        assert s.next_event().data == "from outside"
        assert sorted(p.name for p in cell.iterdir()) == [
            "events.db", "events.db-shm", "events.db-wal", "largesse",
            "sock"]


def test_static_listens_on_an_address():
    with Site("nginx", "tcp", start=False, program=str(STATIC)) as y:
        y.begin()
        s = y.stream().started()
        y.insert("x")
        assert s.next_event().data == "x"


def test_static_says_what_it_is_without():
    """It does not start with keys that it could not check."""
    said = subprocess.run([STATIC, "--help"], check=True,
                          capture_output=True, text=True)
    assert "without libcurl" in said.stdout and "libjwt" in said.stdout
    with Site(start=False) as y:
        key = y.dir / "key"
        key.write_text("k" * 40)
        for args in (["serve", "--db", y.log, "--key-file", key],
                     ["tail", "http://127.0.0.1/"],
                     ["token", "--key-file", key, "--subscribe", "a"]):
            said = subprocess.run([STATIC, *map(str, args)], text=True,
                                  capture_output=True, timeout=20,
                                  stdin=subprocess.DEVNULL)
            assert said.returncode == 1, (args, said)
            assert "built without" in said.stderr, (args, said)
            assert said.stderr.count("\n") == 1, said
