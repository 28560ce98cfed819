"""test_stream.py - an INSERT reaches a client through a stock web server."""

import json
import re

from tap import each
from yard import Yard, until

WEB = ["nginx", "lighttpd"]


@each("web", WEB)
def test_row_inserted_by_sqlite3_arrives(web):
    with Yard(web) as y:
        s = y.stream("?topic=news").started()
        y.sqlite3("INSERT INTO events(topic, data) VALUES('news', 'hello')")
        event = s.next_event()
        assert event.data == "hello", event
        assert event.event == "message", event
        assert event.id == "1" and event.told == s.last_id, event
        assert re.fullmatch("1-[a-z][a-z2-9]{3}", event.told), event


@each("web", WEB)
def test_each_event_comes_alone_and_at_once(web):
    """No server holds events back: each is inserted after the last came."""
    with Yard(web) as y:
        s = y.stream().started()
        for i in range(50):
            y.insert("n%d" % i)
            assert s.next_event().data == "n%d" % i


@each("web", WEB)
def test_headers_and_first_bytes(web):
    with Yard(web) as y:
        s = y.stream("?topic=a&topic=b")
        assert s.status == 200
        assert s.headers["content-type"].split(";")[0] == "text/event-stream"
        assert s.headers["cache-control"] == "no-store, no-transform"
        assert s.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in s.headers
        assert "content-length" not in s.headers
        note = s.next_note("stream-start")
        assert s.retry is not None
        assert note.told == s.last_id != ""
        about = json.loads(note.data)
        assert sorted(about["topics"]) == ["a", "b"], about
        assert str(about["id"]) == note.told, about
        assert about["log"], about


@each("web", WEB)
def test_text_of_many_lines_and_types(web):
    with Yard(web) as y:
        s = y.stream().started()
        y.sqlite3("INSERT INTO events(event, data, uid) VALUES('load', "
                  "'one' || char(10) || 'zwei ✓' || char(13, 10), 'u-1')")
        event = s.next_event()
        assert event.event == "load" and event.id == "u-1", event
        assert event.data == "one\nzwei ✓\n", event
        y.insert("x" * 300000)
        assert s.next_event().data == "x" * 300000


@each("web", WEB)
def test_heartbeat_breaks_silence(web):
    with Yard(web, options=["--heartbeat", "1"]) as y:
        s = y.stream().started()
        s.beats(2)
        y.insert("still here")
        assert s.next_event().data == "still here"


@each("web", WEB)
def test_topics_go_to_those_who_asked(web):
    """Forty topics, 41 streams: each stream gets its topic and no other."""
    with Yard(web) as y:
        each_one = [y.stream("?topic=t%d" % i).started() for i in range(40)]
        some = y.stream("?topic=t1&topic=t2&topic=t%2B").started()
        prefix = y.stream("?topic=t3*").started()
        for turn in range(5):
            for i in range(40):
                y.insert("%d-%d" % (turn, i), "t%d" % i)
            y.insert("plus", "t+")
            y.insert("nobody's", "else")
        for i, s in enumerate(each_one):
            assert s.data(5) == ["%d-%d" % (turn, i) for turn in range(5)]
        want = [d for turn in range(5)
                for d in ("%d-1" % turn, "%d-2" % turn, "plus")]
        assert some.data(15) == want
        want = ["%d-%d" % (turn, i) for turn in range(5)
                for i in range(40) if str(i).startswith("3")]
        assert prefix.data(len(want)) == want


@each("web", WEB)
def test_head_has_headers_and_ends(web):
    with Yard(web) as y:
        s, body = y.get("/events", method="HEAD")
        assert s.status == 200
        assert s.headers["content-type"].split(";")[0] == "text/event-stream"
        assert body == b""


@each("web", WEB)
def test_refusals_are_one_plain_line(web):
    with Yard(web) as y:
        for target, method, status in (("/events/nothing-here", "GET", 404),
                                       ("/events", "PUT", 405),
                                       ("/events?topic=" + "x" * 300, "GET", 400)):
            s, body = y.get(target, method=method)
            assert s.status == status, (target, method, s.status, body)
            assert s.headers["content-type"].startswith("text/plain"), target
            assert body.count(b"\n") == 1 and body.endswith(b"\n"), body
        s, _ = y.get("/events-of-the-year")
        assert s.status == 404
        assert s.headers["content-type"].startswith("text/html"), \
            "the site's own paths stay the site's"


@each("web", WEB)
def test_health_says_ok_and_the_log_why_not(web):
    with Yard(web) as y:
        s, _ = y.get("/events/health")
        assert s.status == 200
        y.log.rename(y.log.with_name("elsewhere.db"))
        s, body = until("health is bad", lambda: unwell(y))
        assert s.headers["content-type"].startswith("text/plain")
        assert body == b"unavailable: the log is not read\n", body
        until("the error log has the reason", lambda: str(y.log).encode() in
              (y.dir / "responder.log").read_bytes())
        y.log.with_name("elsewhere.db").rename(y.log)
        until("health is good again", lambda: not unwell(y))


def unwell(y):
    s, body = y.get("/events/health")
    assert s.status in (200, 503), s.status
    return (s, body) if s.status == 503 else None
