"""test_examples.py - the examples of deploy/: make demo APP= starts them, and they
are short.  What they do is tested in a browser, tests/browser/examples.mjs.
"""

import os
import pathlib
import re
import signal
import subprocess
import tempfile

from client import Stream
from fronts import DEPLOY
from tap import each
from yard import ROOT, end_process, free_port, until

EXAMPLES = DEPLOY / "examples"
NAMES = ["chat", "build", "import"]
# What another site would have from elsewhere.
OTHERS = ("model.py", "openai.php")
EMPTY = re.compile(r"""\s*($|//|\*|/\*|\#|<\?php|"use strict")""")


def code(name):
    """The lines that are neither empty nor a comment."""
    for path in sorted(EXAMPLES.glob(name + "/**/*")):
        if path.suffix in (".php", ".js", ".sh", ".py") and path.name not in OTHERS:
            yield from (line for line in path.read_text().splitlines()
                        if not EMPTY.match(line))


@each("name", NAMES)
def test_examples_are_short(name):
    lines = list(code(name))
    assert 20 < len(lines) < 80, len(lines)
    assert max(map(len, lines)) <= 110, max(lines, key=len)


def test_examples_name_tests_that_there_are():
    there = (ROOT / "tests/browser/examples.mjs").read_text()
    said = [" ".join(name.split()) for path in EXAMPLES.glob("**/*.md")
            for name in re.findall(r"`example: ([^`]+)`", path.read_text())]
    assert len(said) > 5, said
    for name in said:
        app, _, what = name.partition(": ")
        assert re.search(r'example\("%s", "nginx", "%s"' % (app, re.escape(what)),
                         there), name


@each("demo", ["chat nginx", "build nginx", "import lighttpd"])
def test_make_demo(demo):
    """The demo starts, answers, and leaves nothing behind."""
    name, web = demo.split()
    port, out = free_port(), tempfile.TemporaryFile("w+")
    with tempfile.TemporaryDirectory() as tmp:
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
            until("the demo is there", said)
            page = Stream(("127.0.0.1", port), "/")
            assert page.status == 200 and name.title() in page.rest().decode()
            if name != "build":
                s = Stream(("127.0.0.1", port), "/%s.php" % name)
                assert s.status == 302 and b"sign=" not in s.rest(), s.status
                assert s.headers["location"].startswith("/events?topic=" + name)
                s = Stream(("127.0.0.1", port), s.headers["location"])
                assert s.started().status == 200
                s.close()
        finally:
            end_process(demo, signal.SIGTERM)
        assert demo.returncode == 0, demo.returncode
        left = list(pathlib.Path(tmp).glob("**/*"))
        assert not left, left
