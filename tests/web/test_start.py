"""test_start.py - every way to start the responder, and plain CGI."""

from tap import each
from yard import Yard, alive, until


def serves(y):
    s = y.stream("?topic=a").started()
    y.sqlite3("INSERT INTO events(topic, data) VALUES('a', 'one')")
    y.insert("two", "a")
    assert s.data(2) == ["one", "two"]
    s = y.stream("?topic=a", last_id="1").started()
    assert s.data(1) == ["two"]


@each("web", ["nginx", "lighttpd"])
@each("how", ["spawn-fcgi", "listen", "tcp", "socket"])
def test_started_by(how, web):
    with Yard(web, how) as y:
        serves(y)


def test_started_by_lighttpd():
    """The responder ends when lighttpd ends."""
    with Yard("lighttpd", "bin-path") as y:
        serves(y)
        pid = y.responder_pid()
        y.stop_web()
        until("the responder is gone", lambda: not alive(pid))


def test_lighttpd_starts_it_again():
    with Yard("lighttpd", "bin-path") as y:
        f = y.follow().wait_start()
        y.insert("a")
        f.wait_count(1)
        y.kill_responder()
        y.insert("b")
        f.wait_count(2)
        f.leave()
        assert [e.data for e in f.got] == ["a", "b"]


CGI = ["lighttpd cgi", "nginx fcgiwrap"]


def cgi(way):
    return Yard(*way.split(), options=["--heartbeat", "1"])


@each("way", CGI)
def test_cgi_event_and_resume(way):
    with cgi(way) as y:
        serves(y)


@each("way", CGI)
def test_cgi_leaving_ends_the_process(way):
    with cgi(way) as y:
        s = y.stream().started()
        pids = y.cgi_pids()
        assert len(pids) == 1, pids
        s.close()
        until("the process is gone", lambda: not alive(pids[0]))


@each("way", CGI)
def test_cgi_refusals(way):
    with cgi(way) as y:
        s, body = y.get("/events/nothing-here")
        assert s.status == 404, (s.status, body)
        s, body = y.get("/events", method="HEAD")
        assert s.status == 200 and body == b""
        until("no process is left", lambda: not y.cgi_pids())
