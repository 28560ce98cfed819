"""test_examples.py - the examples of deploy/: make demo APP= starts them, and they
are short.  What they do is tested in a browser, tests/browser/examples.mjs.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from client import Stream
from fronts import DEPLOY
from tap import each
from yard import LARGESSE, ROOT, end_process, free_port, until

EXAMPLES = DEPLOY / "examples"
RUNS = ["chat", "build", "import"]
LIVE = ["score", "feed", "bell", "dashboard", "presence"]
# What another site would have from elsewhere.
OTHERS = ("model.py", "openai.php", "world.sh")
EMPTY = re.compile(r"""\s*($|//|\*|/\*|\#|<\?php|"use strict")""")


def code(name):
    """The lines that are neither empty nor a comment."""
    for path in sorted(EXAMPLES.glob(name + "/**/*")):
        if path.suffix in (".php", ".js", ".sh", ".py") and path.name not in OTHERS:
            yield from (line for line in path.read_text().splitlines()
                        if not EMPTY.match(line))


@each("name", RUNS + LIVE)
def test_examples_are_short(name):
    lines = list(code(name))
    assert 20 < len(lines) < (80 if name in RUNS else 60), len(lines)
    assert max(map(len, lines)) <= 110, max(lines, key=len)


def test_examples_name_tests_that_there_are():
    there = "".join(path.read_text() for path in
                    (ROOT / "tests/browser").glob("examples*.mjs"))
    said = [" ".join(name.split()) for path in EXAMPLES.glob("**/*.md")
            for name in re.findall(r"`example: ([^`]+)`", path.read_text())]
    assert {name.partition(": ")[0] for name in said} == {*RUNS, *LIVE}, said
    for name in said:
        app, _, what = name.partition(": ")
        assert re.search(r'example\("%s", "nginx", "%s"' % (app, re.escape(what)),
                         there), name


def rows(log):
    return json.loads(subprocess.run(
        ["sqlite3", "-json", log, "SELECT topic, event, data FROM events"],
        check=True, capture_output=True, text=True).stdout)


@each("name", ["score", "bell", "dashboard"])
def test_what_the_readme_says_to_paste(name):
    """Its first lines work on a log as they stand; only the paths are others."""
    text = (EXAMPLES / name / "README.md").read_text()
    block = next(b for b in re.findall(r"(?:^\t.*\n)+", text, re.M) if "make demo" not in b)
    with tempfile.TemporaryDirectory() as tmp:
        log = tmp + "/events.db"
        subprocess.run([LARGESSE, "init", log], check=True, capture_output=True)
        subprocess.run(["sqlite3", log, "CREATE TABLE orders(id INTEGER PRIMARY KEY, item)"],
                       check=True)
        block = re.sub(r"/var/lib/largesse/events\.db|shop\.db", log, block)
        subprocess.run(["sh", "-ec", block.replace("largesse ", LARGESSE + " ")],
                       check=True, capture_output=True)
        subprocess.run(["sqlite3", log, "INSERT INTO orders(item) VALUES('Lamp')"], check=True)
        events = rows(log)
    event, = events
    assert event["topic"].partition("/")[0] in (name, "match", "orders"), event
    assert name != "score" or json.loads(event["data"])["score"] == [1, 0], event


def test_a_build_that_ends_before_it_begins():
    """Killed while it makes its file: none is left, and the topic ends."""
    with tempfile.TemporaryDirectory() as tmp:
        mktemp = pathlib.Path(tmp, "bin/mktemp")
        mktemp.parent.mkdir()
        mktemp.write_text("#!/bin/sh\n/bin/mktemp; kill -TERM 0\n")
        mktemp.chmod(0o755)
        log, temporary = tmp + "/events.db", pathlib.Path(tmp, "tmp")
        temporary.mkdir()
        subprocess.run([LARGESSE, "init", log], check=True, capture_output=True)
        done = subprocess.run(
            [EXAMPLES / "build/build.sh", log, "build/1", "echo", "line"],
            start_new_session=True, env=dict(
                os.environ, LARGESSE=LARGESSE, TMPDIR=temporary,
                PATH="%s:%s" % (mktemp.parent, os.environ["PATH"])))
        assert done.returncode == 128 + signal.SIGTERM, done.returncode
        assert not list(temporary.iterdir()), list(temporary.iterdir())
        events = rows(log)
    assert events == [
        {"topic": "build/1", "event": "stream-end", "data": "failed"}], events


@contextlib.contextmanager
def make_demo(name, web, where=None):
    """The demo starts, answers, and leaves nothing behind."""
    port, out = free_port(), tempfile.TemporaryFile("w+")
    with tempfile.TemporaryDirectory(dir=where) as tmp:
        os.chmod(tmp, 0o711)
        demo = subprocess.Popen(
            [DEPLOY / "demo/demo.sh"], stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, env=dict(
                os.environ, APP=name, WEB=web, PORT=str(port), TMPDIR=tmp,
                OPENAI_BASE_URL=""))

        def said():
            assert demo.poll() is None, out.seek(0) or out.read()
            out.seek(0)
            return "Ctrl-C" in out.read()
        try:
            yield ("127.0.0.1", port), lambda: until("the demo is there", said)
        finally:
            end_process(demo, signal.SIGTERM)
        assert demo.returncode == 0, demo.returncode
        left = list(pathlib.Path(tmp).glob("**/*"))
        assert not left, left


@each("demo", ["chat nginx", "build nginx", "import lighttpd"])
def test_make_demo(demo):
    name, web = demo.split()
    with make_demo(name, web) as (address, wait):
        wait()
        page = Stream(address, "/")
        assert page.status == 200 and name.title() in page.rest().decode()
        if name != "build":
            s = Stream(address, "/%s.php" % name)
            assert s.status == 302 and b"sign=" not in s.rest(), s.status
            assert s.headers["location"].startswith("/events?topic=" + name)
            s = Stream(address, s.headers["location"])
            assert s.started().status == 200
            s.close()


def test_make_demo_ends_no_stranger():
    """A producer has ended, and its pid is another process's now."""
    with tempfile.TemporaryDirectory() as tmp, subprocess.Popen(["sleep", "600"]) as other:
        os.chmod(tmp, 0o711)
        try:
            with make_demo("import", "nginx", tmp) as (_, wait):
                wait()
                lock, = pathlib.Path(tmp).glob("*/largesse.*/log")
                (lock / "import.lock").write_text("%d\n" % other.pid)
            assert other.poll() is None, "it was ended"
        finally:
            end_process(other)


def test_make_demo_of_what_is_live():
    """All five, side by side: the page is there, and so is what it has to show."""
    # Each of them runs make, and two would write the same file.
    subprocess.run(["make", "-s", "build/largesse"], cwd=ROOT, check=True)
    webs = ["nginx", "lighttpd", "nginx", "lighttpd", "nginx"]
    with contextlib.ExitStack() as stack:
        demos = [stack.enter_context(make_demo(*words)) for words in zip(LIVE, webs)]
        for name, (address, wait) in zip(LIVE, demos):
            wait()
            page = Stream(address, "/")
            assert page.status == 200 and name + ".js" in page.rest().decode()
            if name == "feed":
                s = Stream(address, "/feed.php")
                assert json.loads(s.rest()) == {"me": None}
                continue
            query = "topic=match/1"
            if name != "score":
                s = Stream(address, "/%s.php" % dict(presence="here").get(name, name))
                got = json.loads(s.rest())
                query = "topic=%s&access_token=%s" % (got.get("topic", "orders"),
                                                      got["token"])
            s = Stream(address, "/events?lastEventId=earliest&" + query)
            s.started()
            assert s.next_event().data, name
            s.close()
