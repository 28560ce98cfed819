"""test_static.py - the static build: a program that needs nothing at all."""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess

from hosts import Site
from yard import ROOT

STATIC = ROOT / "build/static/largesse"


def test_static_is_small():
    """What else holds of the file is in test_hardening.py."""
    assert STATIC.stat().st_size < 8_000_000


def test_static_in_an_empty_chroot():
    """There is only the program: it makes its log, sends a stream from within
    its sandbox, and each command that needs no URL works."""
    with Site("nginx", "none", start=False) as y:
        cell = y.dir / "cell"
        cell.mkdir()
        shutil.copy(STATIC, cell / "largesse")
        os.chmod(cell, 0o755)
        (cell / "key").write_text("k" * 40)
        (cell / "key").chmod(0o600)

        def inside(*args):
            return ["/usr/sbin/chroot", str(cell), "/largesse", *args]

        def run(*args):
            return subprocess.run(inside(*args), check=True, timeout=60,
                                  capture_output=True, text=True).stdout

        run("init", "/events.db")
        y.path = str(cell / "sock")
        y.log = cell / "events.db"
        y.start_by(inside("serve", "--db", "/events.db", "--listen",
                          "unix:/sock", "--listen-mode", "0666",
                          "--key-file", "/key", "--public", "main"))
        y.start_web()
        s = y.stream().started()
        run("publish", "/events.db", "from the cell")
        assert s.next_event().data == "from the cell"
        y.insert("from outside")
        assert s.next_event().data == "from outside"
        status = pathlib.Path("/proc/%d/status" % y.responder.pid).read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.M), status

        y.sqlite3("CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT)")
        run("watch", "/events.db", "orders")
        rights = ["--key-file", "/key", "--subscribe", "orders"]
        token = run("token", *rights).strip()
        url = run("token", "--url", *rights).strip()
        assert url.startswith("/events?"), url
        both = [y.stream("?topic=orders", headers=[
            "Authorization: Bearer " + token]).started(),
                y.stream(url.removeprefix("/events")).started()]
        y.sqlite3("INSERT INTO orders(item) VALUES('tea')")
        for s in both:
            event = s.next_event()
            assert json.loads(event.data)["item"] == "tea", event
        run("copy", "--quiet", "/events.db", "/other.db")
        assert '"tea"' in run("tail", "/other.db", "--topic", "orders",
                              "--last", "1", "--count", "1")
        assert "healthy" in run("doctor", "/other.db")
        assert sorted(p.name for p in cell.iterdir()
                      if not p.name.startswith("other.db-")) == [
            "events.db", "events.db-shm", "events.db-wal", "key", "largesse",
            "other.db", "sock"]


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
    for command in ("tail", "doctor"):
        said = subprocess.run([STATIC, command, "http://127.0.0.1/"],
                              text=True, capture_output=True, timeout=60)
        assert said.returncode == 1 and said.stdout == "", said
        assert "built without libcurl" in said.stderr, said
        assert said.stderr.count("\n") == 1, said


def jwks_of(public):
    """The set with this public key of P-256, a file in PEM."""
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", public,
                          "-outform", "DER"], check=True, timeout=60,
                         capture_output=True).stdout
    x, y = (base64.urlsafe_b64encode(half).decode().rstrip("=")
            for half in (der[-64:-32], der[-32:]))
    return json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "set",
                                 "x": x, "y": y}]})


def test_static_makes_and_checks_tokens():
    """By each kind of key: HS256, RS256, ES256, and one of a JWKS."""
    with Site("nginx", "unix", start=False, program=str(STATIC)) as y:
        ec = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        keys = {"rsa": ["-algorithm", "RSA"], "ec": ec, "set": ec}
        files = {"secret": y.dir / "secret"}
        files["secret"].write_text("k" * 40)
        for name, how in keys.items():
            files[name] = y.dir / name
            subprocess.run(["openssl", "genpkey", *how, "-out", files[name]],
                           check=True, timeout=60, capture_output=True)
        options = ["--key-file", str(files["secret"])]
        for name in keys:
            public = y.dir / f"{name}.pem"
            subprocess.run(["openssl", "pkey", "-in", files[name], "-pubout",
                            "-out", public], check=True, timeout=60)
            public.chmod(0o644)
            if name == "set":
                jwks = y.dir / "jwks.json"
                jwks.write_text(jwks_of(public))
                options += ["--jwks-file", str(jwks)]
            else:
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
                [STATIC, "token", "--key-file", file, "--subscribe", "main",
                 *(["--kid", "set"] if name == "set" else [])],
                check=True, timeout=20, capture_output=True,
                text=True).stdout.strip()
            assert status(token) == "Status: 200 OK", name
            head, _, tail = token.rpartition(".")
            bad = head + "." + ("B" if tail[0] == "A" else "A") + tail[1:]
            assert status(bad) == "Status: 401 Unauthorized", name
