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
    said = subprocess.run([STATIC, "--help"], check=True,
                          capture_output=True, text=True)
    assert "without libcurl" in said.stdout
    said = subprocess.run([STATIC, "tail", "http://127.0.0.1/"], text=True,
                          capture_output=True, timeout=20)
    assert said.returncode == 1, said
    assert "built without" in said.stderr, said
    assert said.stderr.count("\n") == 1, said


def test_static_makes_and_checks_tokens():
    """By each kind of key."""
    with Site("nginx", "unix", start=False, program=str(STATIC)) as y:
        keys = {"rsa": ["-algorithm", "RSA"],
                "ec": ["-algorithm", "EC", "-pkeyopt",
                       "ec_paramgen_curve:P-256"]}
        files = {"secret": y.dir / "secret"}
        files["secret"].write_text("k" * 40)
        for name, how in keys.items():
            files[name] = y.dir / name
            subprocess.run(["openssl", "genpkey", *how, "-out", files[name]],
                           check=True, timeout=60, capture_output=True)
        options = ["--key-file", str(files["secret"])]
        for name in ("rsa", "ec"):
            public = y.dir / f"{name}.pem"
            subprocess.run(["openssl", "pkey", "-in", files[name], "-pubout",
                            "-out", public], check=True, timeout=60)
            public.chmod(0o644)
            options += ["--key-file", str(public)]

        def status(token):
            """What a request with this token is answered."""
            asked = subprocess.run(
                [STATIC, "serve", "--db", y.log, "--max-age", "1", *options],
                text=True, capture_output=True, timeout=60, env={
                    "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
                    "QUERY_STRING": "access_token=" + token})
            return asked.stdout.partition("\n")[0]

        for name, file in files.items():
            token = subprocess.run(
                [STATIC, "token", "--key-file", file, "--subscribe", "main"],
                check=True, timeout=20, capture_output=True,
                text=True).stdout.strip()
            assert status(token) == "Status: 200 OK", name
            head, _, tail = token.rpartition(".")
            bad = head + "." + ("B" if tail[0] == "A" else "A") + tail[1:]
            assert status(bad) == "Status: 401 Unauthorized", name
