"""test_path_spawn.py - deploy/spawn-fcgi/README.md, pasted on a machine that has
no systemd."""

import os
import signal

from fronts import DEPLOY
from paste import Newcomer, blocks
from yard import until

PAGE = "deploy/spawn-fcgi/README.md"


def started():
    """A site on nginx, and the first block of the page."""
    m = Newcomer()
    m.has_program()
    m.put(DEPLOY / "nginx/events.conf", "/etc/nginx/snippets/largesse.conf")
    m.include("include snippets/largesse.conf;")
    m.start(["nginx", "-g", "daemon off;"], "nginx")
    for block in blocks(PAGE)[:1]:
        m.paste(block)
    return m


def responders(m):
    return m.pids("largesse", "www-data")


def test_lines_of_spawn_fcgi():
    with started() as m:
        m.insert("one")
        until("it comes", lambda: m.brings("one"))
        assert len(responders(m)) == 1
        said = m.path("/var/log/largesse/error.log")
        assert "listening" in said.read_text()
        again = m.run(["largesse-start"], check=False)
        assert again.returncode != 0 and "already in use" in again.stderr
        assert m.brings("one")


def test_spawn_fcgi_is_back_after_a_boot():
    with started() as m:
        m.insert("before")
        m.boot()
        assert m.asks("/") is None
        m.start(["nginx", "-g", "daemon off;"], "nginx")
        m.start(["cron", "-f"], "cron")
        until("the event is there again", lambda: m.brings("before"))
        m.insert("after")
        until("and another", lambda: m.brings("after"))


def test_spawn_fcgi_starts_it_again():
    with started() as m:
        until("it runs", lambda: responders(m))
        for _ in range(5):
            [old] = responders(m)
            os.kill(old, signal.SIGKILL)
            until("another runs", lambda: responders(m) not in ([], [old]))
        m.insert("one")
        until("it comes", lambda: m.brings("one"))


def test_spawn_fcgi_says_what_is_wrong():
    """A log that is no log: the file has it, and so has the doctor."""
    with started() as m:
        stop, start = blocks(PAGE)[1].splitlines()
        m.paste(stop)
        assert not m.pids("multiwatch") and not m.pids("largesse")
        m.write("/var/lib/largesse/events.db", "no log", "www-data", 0o660)
        m.paste(start, check=False)
        file, doctor = blocks(PAGE, "## If something is wrong")[0].splitlines()
        said = m.path("/var/log/largesse/error.log")
        until("the file says why",
              lambda: "not a database" in said.read_text())
        assert m.paste(file).stdout in said.read_text()
        done = m.paste(doctor, check=False)
        assert "is no SQLite database" in done.stdout, done


def test_spawn_fcgi_is_stopped_upgraded_and_removed():
    with started() as m:
        stop, upgrade, remove = blocks(PAGE)[1:4]
        m.insert("one")
        [old] = until("it runs", lambda: responders(m))
        m.paste(upgrade)
        until("another runs", lambda: responders(m) not in ([], [old]))
        until("it comes", lambda: m.brings("one"))
        m.paste(stop)
        until("it comes again", lambda: m.brings("one"))
        m.paste(remove)
        until("nothing runs", lambda: not m.pids("largesse"))
        left = m.run(["find", "/etc/cron.d", "/usr/local", "/run", "/var",
                      "-name", "*largesse*"]).stdout
        assert left == "", left
