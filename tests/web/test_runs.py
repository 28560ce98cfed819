"""test_runs.py - streams that end, as deploy/runs.md describes them, behind
each web server.

Its lines for addresses that clients build are taken from there as they are.
"""

import re
import subprocess

from client import Cut, Stream
from hosts import Site
from tap import each
from yard import ROOT, end_process, put

BEFORE = {
    "nginx": ("nginx.conf", "include events.conf;"),
    "lighttpd": ("lighttpd.conf", 'include "events.conf"'),
    "apache": ("apache2.conf", "Include events.conf"),
}


REWRITE = ("LoadModule rewrite_module"
           " /usr/lib/apache2/modules/mod_rewrite.so\n")


def lines(web):
    """The lines of runs.md for this web server, with the module that they
    need on a stock one."""
    text = (ROOT / "deploy/runs.md").read_text()
    found = re.search(r"<!-- %s -->\n```\n(.*?)```" % web, text, re.S)[1]
    return REWRITE + found if web == "apache" else found


class Runs(Site):
    def ship(self, name, *changes):
        super().ship(name, *changes)
        path = self.dir / name
        if BEFORE[self.web][0] == name:
            word = BEFORE[self.web][1]
            path.write_text(put(path.read_text(), word,
                                lines(self.web) + word))

    def ask(self, target):
        s = Stream(self.address, target)
        self.streams.append(s)
        return s

    def end(self, topic, why="done"):
        self.publisher().execute(
            "INSERT INTO events(topic, event, data)"
            " VALUES (?, 'stream-end', ?)", (topic, why))


WEBS = ["nginx", "lighttpd", "apache"]


@each("web", WEBS)
def test_run_by_its_path(web):
    with Runs(web) as y:
        y.insert("one", "run/7")
        y.insert("other", "run/8")
        first, body = y.get("/api/chat/none/stream")
        assert (first.status, body) == (204, b"")
        s = y.ask("/api/chat/7/stream")
        t = y.ask("/events/run/7?lastEventId=earliest")
        for stream in s, t:
            assert stream.status == 200
            assert stream.data(1) == ["one"]
        y.insert("two", "run/7")
        y.end("run/7")
        for stream in s, t:
            assert stream.data(1) == ["two"]
            body = stream.rest()
            assert b"stream-" not in body and b"done" not in body
        assert y.get("/api/chat/7/stream")[0].status == 204
        assert y.get("/events/run/7")[0].status == 204
        assert y.get("/events/helth")[0].status == 404


@each("web", WEBS)
def test_end_and_cut_are_told_apart(web):
    """By curl and by an EventSource that comes back."""
    with Runs(web) as y:
        y.insert("one", "run/7")
        url = y.url + "/events?topic=run/7&lastEventId=earliest&start=bare"
        curl = subprocess.Popen(["curl", "-sN", url], text=True,
                                stdout=subprocess.PIPE)
        s = y.stream("?topic=run/7&lastEventId=earliest").started()
        assert s.data(1) == ["one"]
        while curl.stdout.readline() != "data: one\n":
            pass
        y.kill_responder()
        assert curl.wait(60) == 18, curl.returncode
        y.start_responder()
        for stop in y.kill_responder, lambda: end_process(y.responder):
            t = y.ask("/events?topic=run/7&lastEventId=earliest&start=bare")
            assert t.data(1) == ["one"]
            stop()
            try:
                t.rest()
                assert False, "it looks like an end"
            except Cut:
                pass
            y.start_responder()
        y.end("run/7", "failed")
        t = y.stream("?topic=run/7", last_id=s.last_id).started()
        event = t.next_event()
        assert (event.event, event.data) == ("stream-end", "failed")
        t.rest()
        done = subprocess.run(["curl", "-sN", url], text=True, timeout=60,
                              stdout=subprocess.PIPE)
        assert done.returncode == 0
        assert done.stdout.endswith("\n\n") and "failed" not in done.stdout
        again = y.stream("?topic=run/7", last_id=t.last_id)
        assert again.status == 204


@each("web", WEBS)
def test_last_block_as_the_client_wants_it(web):
    with Runs(web) as y:
        y.insert("one", "run/7")
        y.end("run/7")
        _, body = y.get("/events?topic=run/7&start=bare&lastEventId=earliest"
                        "&end=[DONE]")
        assert body.endswith(b"\n\ndata: [DONE]\n\n"), body
