"""test_reload.py - nginx is reloaded under streams: its old workers end, and
the streams come back and miss nothing.
"""

import pathlib
import signal

from hosts import Site
from yard import alive, until

LINE = "worker_shutdown_timeout 10s;"
RELOADS = 3
STREAMS = 20


def leaving(y):
    """The workers of an earlier configuration."""
    return [pid for pid in y.web_workers() if "shutting down" in
            pathlib.Path("/proc/%d/cmdline" % pid).read_text()]


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
