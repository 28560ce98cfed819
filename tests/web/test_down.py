"""test_down.py - a responder, or a server behind another, is down for a time.

An EventSource gives up for good at any status but 200.  A Follower counts
such answers and refused connections: there must be none.
"""

from tap import each
from ways import site
from yard import end_process


def away(y, stop, start):
    """A follower stays while the responder is down for a time."""
    f = y.follow().wait_start()
    y.insert("before")
    f.wait_count(1)
    stop()
    turns = f.connects
    y.insert("meanwhile")
    f.wait(lambda f: f.connects > turns + 3)    # it came back again and again
    start()
    y.insert("after")
    f.wait_count(3, 60)
    f.leave()
    assert [e.data for e in f.got] == ["before", "meanwhile", "after"]
    assert f.refused == 0, "%d answers that end an EventSource" % f.refused


@each("way", ["nginx", "lighttpd", "apache", "nginx, lighttpd",
              "haproxy, nginx, apache"])
def test_nobody_gives_up_while_the_responder_is_away(way):
    with site(way, how="listen") as y:
        away(y, lambda: end_process(y.responder), y.start_responder)


@each("way", ["nginx, lighttpd", "nginx, apache", "haproxy, nginx"])
def test_nobody_gives_up_while_the_server_behind_is_away(way):
    with site(way) as y:
        away(y, y.stop_web, y.start_web)


@each("way", ["nginx", "lighttpd", "apache"])
def test_down_is_no_end_for_a_bare_stream(way):
    """It would be taken for an answer that has ended, and is empty."""
    with site(way, how="none") as y:
        s, _ = y.get("/events?topic=a&start=bare")
        assert s.status in (502, 503), s.status
        s, _ = y.get("/events?topic=a&start=event")
        assert s.status == 200, s.status


def test_nobody_gives_up_with_too_many_streams():
    """The responder tells a client over its limit to come back."""
    with site("nginx", options=["--max-streams", "1"]) as y:
        s = y.stream().started()
        t, body = y.get("/events")
        assert t.status == 200 and t.retry is not None, (t.status, body)
        s.close()
        y.follow().wait_start().leave()


def test_bounded_streams_lose_nothing():
    """--max-age ends each stream; it goes on after the last id."""
    with site("nginx", options=["--max-age", "1"]) as y:
        f = y.follow().wait_start()
        for i in range(60):
            y.insert("n%d" % i)
            if i % 15 == 14:
                turns = f.connects
                f.wait(lambda f: f.connects > turns)
        f.wait_count(60)
        f.leave()
        assert [e.data for e in f.got] == ["n%d" % i for i in range(60)]
        assert f.refused == 0 and f.connects > 3, f.connects
        s = y.stream().started()
        s.rest()
        assert s.retry is not None


@each("how", ["none", "silent", "closing"])
def test_the_retry_is_not_the_only_answer(how):
    """A publisher gets a 503: it must know that nothing was published."""
    with site("nginx", how=how, edits=[
            ("fastcgi_read_timeout 60s", "fastcgi_read_timeout 1s")]) as y:
        s, body = y.get("/events", method="POST", body=b"data=x")
        assert s.status == 503, (s.status, body)
        s, body = y.get("/events/health")
        assert s.status == 503, (s.status, body)
        s, body = y.get("/events", method="HEAD")
        assert s.status == 200
