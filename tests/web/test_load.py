"""test_load.py - a thousand streams at once, and clients that leave."""

import sys

from client import Crowd
from tap import each
from yard import LOAD, Yard, until

WEB = ["nginx", "lighttpd"]
STREAMS = 1000
KIB = 1024


@each("web", WEB)
def test_a_thousand_streams_get_everything(web):
    """All get every event, and each takes less than 2 KiB of memory."""
    with Yard(web, program=LOAD) as y:
        first = y.stream().started()    # memory needed once is taken
        before = y.rss()
        crowd = Crowd(y.address, STREAMS, "/events")
        crowd.until(lambda w: w.events)         # stream-start
        opened = y.rss()
        for i in range(20):
            y.insert("e%d " % i + "x" * 100)
            crowd.until(lambda w: len(w.events) > i + 1)
        for i in range(20, 120):                # and a burst
            y.insert("e%d " % i + "x" * 100)
        crowd.until(lambda w: len(w.events) > 120)
        after = y.rss()
        for wire in crowd.wires:
            got = [e.data.split()[0] for e in wire.events][1:]
            assert got == ["e%d" % i for i in range(120)], got
        each_one = (max(opened, after) - before) / STREAMS
        print("# %s: VmRSS %d KiB, %d KiB with %d streams, %d KiB after 120 "
              "events: %d bytes a stream" % (
                  web, before // KIB, opened // KIB, STREAMS, after // KIB,
                  each_one), file=sys.stderr)
        assert each_one < 2 * KIB, each_one
        threads = len(list(y.proc("task").iterdir()))
        assert threads == 1, "%d threads" % threads
        logs = [fd for fd in y.files() if fd == str(y.log)]
        assert len(logs) == 1, "%d connections to the log" % len(logs)
        crowd.close()
        first.close()


@each("web", WEB)
def test_clients_that_leave_free_their_streams(web):
    """nginx tells it at once, lighttpd after the next heartbeat."""
    beat = {"nginx": "60", "lighttpd": "1"}[web]
    with Yard(web, options=["--heartbeat", beat]) as y:
        first = y.stream().started()
        idle = y.sockets()
        streams = [y.stream().started() for _ in range(30)]
        assert y.sockets() == idle + 30
        for s in streams:
            s.close()
        until("the responder is rid of them", lambda: y.sockets() == idle)
        y.insert("for the one who stayed")
        assert first.data(1) == ["for the one who stayed"]


@each("web", WEB)
def test_a_reader_that_sleeps_holds_up_nobody(web):
    """When the reader wakes up, it has lost nothing, either."""
    with Yard(web, program=LOAD) as y:
        sleeper, awake = y.stream().started(), y.stream().started()
        for i in range(400):
            y.insert("%d " % i + "x" * 100000)
        for i in range(400):
            assert awake.next_event().data.startswith("%d " % i)
        for i in range(400):
            assert sleeper.next_event().data.startswith("%d " % i)
