"""test_stop.py - a page stops a run, and a producer asks who listens."""

import json
import os
import pathlib
import subprocess
import sys
import time

from client import Ended, Stream
from tap import each
from test_recipes import RECIPES, WITH
from yard import PATIENCE, Yard, end_process, until

WEBS = ["nginx", "lighttpd"]
# Lines for ever; the last says when the signal came.
ENDLESS = ["/usr/bin/python3", "-uc", """
import signal, sys, time
def stop(*_):
    print("heard", time.time())
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
while True:
    print("piece")
    time.sleep(0.05)
"""]
PRODUCERS = {"php": ([], "stopped"), "py": ([], "stopped"),
             "sh": (ENDLESS, "status 3")}


class Stage(Yard):
    """A yard in which pages with a token may post and subscribe."""

    def __init__(self, web, **kw):
        super().__init__(web, start=False, **kw)
        self.key = pathlib.Path(self.dir) / "key"
        self.key.touch(0o600)
        self.key.write_text("0123456789abcdef0123456789abcdef\n")
        self.options += ["--publish", "--key-file", str(self.key),
                         "--public", "run/*"]
        self.start()

    def bearer(self, publish):
        token = self.run("token", "--key-file", str(self.key),
                         "--publish", publish).stdout.strip()
        return ["Authorization: Bearer " + token]

    def post(self, headers, body):
        s = Stream(self.address, "/events", method="POST", body=body,
                   headers=[*headers, "Content-Type: "
                            "application/x-www-form-urlencoded"])
        s.rest()
        s.close()
        return s.status

    def streams(self, topic, headers):
        s, body = self.get("/events/status?topic=" + topic, headers=headers)
        return s.status, json.loads(body) if s.status == 200 else body

    def produce(self, language, *command):
        """The recipe, with `largesse` in its PATH."""
        place = pathlib.Path(self.dir) / "bin"
        place.mkdir()
        (place / "largesse").symlink_to(self.program)
        return subprocess.Popen(
            [*WITH[language], str(RECIPES / ("stop." + language)),
             str(self.log), "7", *command], stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": "%s:%s" % (place, os.environ["PATH"])})


def end_of(s):
    """The stream-end with which a stream ends, and when the producer heard of
    it, if it has said so."""
    event, heard = None, None
    try:
        while True:
            event = s.next_event()
            if event.data.startswith("heard "):
                heard = float(event.data.split()[1])
    except Ended:
        assert event and event.event == "stream-end", bytes(s.wire.body)
        return event, heard or event.at


@each("web", WEBS)
@each("language", list(PRODUCERS))
def test_a_page_stops_a_run(language, web):
    """What the page posts reaches the producer, which ends the run."""
    command, told = PRODUCERS[language]
    with Stage(web) as y:
        page = y.bearer("stop/7")
        assert y.post([], b"topic=stop/7") == 401
        assert y.post(page, b"topic=run/7") == 403
        s = y.stream("?topic=run/7").started()
        producer = y.produce(language, *command)
        try:
            s.next_event()
            began = time.time()
            assert y.post(page, b"topic=stop/7") == 201
            end, heard = end_of(s)
            print("# %s: heard %.0f ms after the page posted, ended %.0f" % (
                language, (heard - began) * 1000, (end.at - began) * 1000),
                  file=sys.stderr)
            assert end.data == told, end
            assert producer.wait(PATIENCE) == 0
        finally:
            end_process(producer)


def test_a_run_that_ends_by_itself_leaves_nothing_behind():
    with Stage("nginx") as y:
        s = y.stream("?topic=run/7").started()
        producer = y.produce("sh", "sh", "-c", "echo one; exit 3")
        assert s.next_event().data == "one"
        assert end_of(s)[0].data == "status 3"
        assert producer.wait(PATIENCE) == 0
        until("no largesse tail is left", lambda: subprocess.run(
            ["pgrep", "-f", "tail %s" % y.log],
            stdout=subprocess.DEVNULL, check=False).returncode == 1)


@each("web", WEBS)
def test_a_producer_asks_who_listens(web):
    """With its token, by the port of the site.  A stranger sees no page.
    lighttpd tells that a client has left when there is something to send."""
    with Stage(web, options=["--heartbeat", "1"]) as y:
        mine = y.bearer("run/7")
        _, nothing = y.get("/events/nothing")
        assert y.streams("run/7", mine) == (
            200, {"topic": "run/7", "streams": 0})
        s = y.stream("?topic=run/7").started()
        assert y.streams("run/7", mine)[1]["streams"] == 1
        s.close()
        until("the stream is gone", lambda: y.streams(
            "run/7", mine)[1]["streams"] == 0)
        assert y.streams("run/7", []) == (404, nothing)
        assert y.streams("run/7", y.bearer("run/8"))[0] == 403
