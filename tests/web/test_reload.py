"""test_reload.py - a web server is reloaded under streams: what was there
before ends, and the streams come back and miss nothing.
"""

import pathlib
import signal
import sys
import time

from hosts import Site
from yard import alive, children, until

LINE = "worker_shutdown_timeout 10s;"
RELOADS = 3
STREAMS = 20


def title(pid):
    """What ps shows of it; empty if it has ended."""
    try:
        return pathlib.Path("/proc/%d/cmdline" % pid).read_text()
    except OSError:
        return ""


def leaving(y):
    """The workers of an earlier configuration."""
    return [pid for pid in y.web_workers() if "shutting down" in title(pid)]


def reload(y):
    """The old workers, which take no more connections when it returns."""
    old = y.web_workers()
    y.server.send_signal(signal.SIGHUP)
    until("there are new workers", lambda: set(y.web_workers()) - set(old))
    until("the old ones are leaving", lambda: not (
        set(old) & set(y.web_workers())) - set(leaving(y)))
    return old


def test_reloads_leave_no_workers_behind():
    with Site("nginx", edits=[(LINE, "worker_shutdown_timeout 1s;")]) as y:
        followers = [y.follow().wait_start() for _ in range(STREAMS)]
        old = set()
        for i in range(RELOADS):
            old |= set(reload(y))
            y.insert("during %d" % i)
            for f in followers:
                f.wait_count(2 * i + 1)
            for pid in old:
                until("an old worker is gone", lambda: not alive(pid))
            y.insert("after %d" % i)
            for f in followers:
                f.wait_count(2 * i + 2)
        for f in followers:
            f.leave()
            assert [e.data for e in f.got] == [
                "%s %d" % (when, i) for i in range(RELOADS)
                for when in ("during", "after")]
            assert f.refused == 0 and f.connects > RELOADS


def came_back(f):
    return until("the stream is back", lambda: f.opened[1:])[0]


def span(times):
    return max(times) - min(times)


def test_streams_that_a_reload_cuts_come_back_spread():
    """nginx cuts all of them in one moment.  Each was told at its start when
    to come back, and each another time."""
    with Site("nginx", edits=[(LINE, "worker_shutdown_timeout 1s;")]) as y:
        followers = [y.follow(pause=None).wait_start() for _ in range(100)]
        reload(y)
        back = [came_back(f) for f in followers]
        cut = [f.over[0] for f in followers]
        y.insert("after")
        for f in followers:
            f.wait_count(1)
            f.leave()
            assert f.refused == 0 and [e.data for e in f.got] == ["after"]
        print("# cut within %.2f s, back within %.2f s" % (
            span(cut), span(back)), file=sys.stderr)
        assert span(back) > 2 * span(cut)


def test_reloads_without_worker_shutdown_timeout():
    with Site("nginx", cut=[LINE]) as y:
        f = y.follow().wait_start()
        streams = []
        for i in range(RELOADS):
            reload(y)
            streams.append(y.stream().started())    # one of a new worker
            y.insert("x")
            streams[-1].next_event()
            f.wait_count(i + 1)
        # Each generation but the newest stays, for its one stream.
        assert len(leaving(y)) >= RELOADS
        assert f.connects == 1
        f.leave()


# --- lighttpd

BOUND = 'server.feature-flags = ( "server.graceful-shutdown-timeout" => 1 )'
BOUND_ITSELF = 8        # seconds


def reload_lighttpd(y):
    """Returns as soon as it takes no more connections."""
    y.server.send_signal(signal.SIGUSR1)
    until("it is about to end", lambda: "graceful shutdown started" in
          (y.dir / "error.log").read_text())


def test_lighttpd_reloads_under_streams():
    with Site("lighttpd") as y:
        followers = [y.follow().wait_start() for _ in range(STREAMS)]
        reload_lighttpd(y)
        y.insert("during")
        assert y.get("/events/health")[0].status == 200
        for f in followers:
            until("the stream is back", lambda: f.connects > 1)
        y.insert("after")
        for f in followers:
            f.wait_count(2)
            f.leave()
            assert [e.data for e in f.got] == ["during", "after"]


def test_lighttpd_reloads_without_graceful_shutdown_timeout():
    with Site("lighttpd", cut=[BOUND]) as y:
        f = y.follow().wait_start()
        began = time.monotonic()
        reload_lighttpd(y)
        assert y.get("/events/health")[0].status == 200
        assert time.monotonic() - began > BOUND_ITSELF - 1
        f.leave()


# --- Apache, which bounds nothing

def reload_apache(y):
    """The old processes; a new one serves when it returns."""
    old = set(children(y.server.pid))
    y.server.send_signal(signal.SIGUSR1)
    until("there is a new process",
          lambda: set(children(y.server.pid)) - old)
    assert y.get("/events/health")[0].status == 200
    return old


def test_apache_reloads_with_max_age():
    with Site("apache", options=["--max-age", "1"]) as y:
        followers = [y.follow().wait_start() for _ in range(STREAMS)]
        old = reload_apache(y)
        y.insert("after")
        for pid in old:
            until("an old process is gone", lambda: not alive(pid))
        for f in followers:
            f.wait_count(1)
            f.leave()
            assert [e.data for e in f.got] == ["after"]


def test_apache_reloads_without_max_age():
    with Site("apache") as y:
        followers, old = [], set()
        for i in range(RELOADS):
            followers.append(y.follow().wait_start())   # one of each
            old |= reload_apache(y)
        y.insert("x")
        for f in followers:
            f.wait_count(1)
        # Each generation but the newest stays, for its one stream.
        assert sum(map(alive, old)) >= RELOADS
        for f in followers:
            assert f.connects == 1
            f.leave()


def test_apache_fcgid_reloads_under_streams():
    """mod_fcgid ends its responders by itself."""
    with Site("apache", "fcgid") as y:
        f = y.follow().wait_start()
        old = reload_apache(y)
        until("the stream is back", lambda: f.connects > 1)
        y.insert("after")
        f.wait_count(1)
        for pid in old:
            until("an old process is gone", lambda: not alive(pid))
        f.leave()
        assert [e.data for e in f.got] == ["after"]
