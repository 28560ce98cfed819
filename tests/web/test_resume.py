"""test_resume.py - every id comes once, in order, over all restarts."""

from tap import each
from yard import Yard

WEB = ["nginx", "lighttpd"]


def datas(n):
    return ["e%d" % i for i in range(n)]


@each("web", WEB)
def test_last_event_id_in_header_and_query(web):
    with Yard(web) as y:
        for d in datas(10):
            y.insert(d)
        s = y.stream(last_id="4").started()
        assert s.data(6) == datas(10)[4:]
        for name in ("lastEventId", "last_event_id", "lastEventID"):
            s = y.stream("?%s=7" % name).started()
            assert s.data(3) == datas(10)[7:], name
        s = y.stream("?lastEventId=2&lastEventId=8").started()
        assert s.data(2) == datas(10)[8:], "of several the last"
        s = y.stream("?lastEventId=2", last_id="9").started()
        assert s.data(1) == datas(10)[9:], "the header wins"
        s = y.stream(last_id="earliest").started()
        assert s.data(10) == datas(10)


@each("web", WEB)
def test_last_and_now(web):
    with Yard(web) as y:
        for d in datas(10):
            y.insert(d)
        last, now = y.stream("?last=3").started(), y.stream().started()
        y.insert("live")
        assert last.data(4) == datas(10)[7:] + ["live"]
        assert now.data(1) == ["live"]


@each("web", WEB)
@each("how", ["socket", "spawn-fcgi"])
def test_kill_of_the_responder(how, web):
    with Yard(web, how) as y:
        f = y.follow().wait_start()
        for turn in range(3):
            y.insert("a%d" % turn)
            f.wait_count(2 * turn + 1)
            y.kill_responder()
            y.insert("b%d" % turn)      # while no responder runs
            y.start_responder()
            f.wait_count(2 * turn + 2)
        f.leave()
        assert [e.data for e in f.got] == ["a0", "b0", "a1", "b1", "a2", "b2"]
        assert [e.id for e in f.got] == list("123456")
        assert f.connects >= 4
        assert all(n.event == "stream-start" for n in f.notes), f.notes


@each("web", WEB)
def test_kill_before_the_first_event(web):
    """The client comes back to the place that stream-start gave."""
    with Yard(web) as y:
        y.insert("long ago")
        f = y.follow().wait_start()
        y.kill_responder()
        y.insert("meanwhile")
        y.start_responder()
        f.wait_count(1)
        y.insert("later")
        f.wait_count(2)
        f.leave()
        assert [e.data for e in f.got] == ["meanwhile", "later"]


@each("web", WEB)
@each("how", ["kill -9", "stop"])
def test_restart_of_the_web_server(how, web):
    with Yard(web) as y:
        f = y.follow().wait_start()
        for turn in range(3):
            y.insert("a%d" % turn)
            f.wait_count(2 * turn + 1)
            y.kill_web() if how == "kill -9" else y.stop_web()
            y.insert("b%d" % turn)
            y.start_web()
            f.wait_count(2 * turn + 2)
        f.leave()
        assert [e.data for e in f.got] == ["a0", "b0", "a1", "b1", "a2", "b2"]
        assert [e.id for e in f.got] == list("123456")


@each("web", WEB)
def test_sigterm_ends_streams_properly(web):
    """Each stream gets retry: and then a complete end."""
    with Yard(web) as y:
        streams = [y.stream().started() for _ in range(20)]
        y.insert("last words")
        assert all(s.data(1) == ["last words"] for s in streams)
        for s in streams:
            s.wire.retry = None
        y.responder.terminate()
        for s in streams:
            assert s.rest() is not None
            assert s.retry is not None, "no retry: before the end"
        assert len({s.retry for s in streams}) > 1, "all come back at once"
        assert y.responder.wait(20) == 0
        y.start_responder()
        s = y.stream(last_id=streams[0].last_id).started()
        y.insert("again")
        assert s.data(1) == ["again"]


@each("web", WEB)
def test_a_place_that_is_gone_is_said(web):
    with Yard(web) as y:
        for d in datas(10):
            y.insert(d)
        y.run("prune", str(y.log), "--keep-rows", "4")
        f = y.follow(last_id="2").wait_count(4)
        f.leave()
        assert [e.data for e in f.got] == datas(10)[6:]
        assert "stream-gap" in [n.event for n in f.notes]


@each("web", WEB)
def test_a_log_replaced_under_streams(web):
    with Yard(web) as y:
        s = y.stream().started()
        y.insert("old")
        assert s.data(1) == ["old"]
        y.unpublish()
        y.put_log(y.new_log())
        s.next_note("stream-gap")
        y.insert("new")
        assert s.data(1) == ["new"]
