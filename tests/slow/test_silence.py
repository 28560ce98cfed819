"""test_silence.py - a stream on which nothing happens for 150 seconds.

With the default heartbeat the stream stays open behind every server.  Without
a heartbeat it is cut by servers that take silence for death, and this is why
there is a heartbeat.  All streams wait together, so it takes 150 seconds once.
"""

import contextlib
import selectors
import time

from client import Cut, Ended
from tap import each
from ways import WAYS, site

SILENCE = 150
MUTE = ["--heartbeat", "10m"]
CUT = ["nginx", "fcgiwrap", "apache", "apache fcgid", "apache cgid",
       "nginx, lighttpd", "haproxy, nginx"]

outcome = {}    # (way, mute): how its stream ended


def hear(key, s):
    """Reads what has come.  False: the stream is over."""
    try:
        data = s.sock.recv(4096)
    except OSError:
        data = b""
    s.wire.feed(data)
    if not data or s.wire.ended:
        outcome[key] = "over after %d heartbeats" % s.wire.comments
        return False
    if s.wire.events:
        outcome[key] = "not silent: %s" % s.wire.events
    return True


def watch(streams):
    """Read for SILENCE seconds; a stream that is cut is left out.  On a busy
    machine the first streams are minutes old already: what they got before
    is not counted.  Returns how many heartbeats each had before."""
    poll = selectors.DefaultSelector()
    for key, s in streams.items():
        s.sock.setblocking(False)
        poll.register(s.sock, selectors.EVENT_READ, (key, s))

    def look(seconds):
        ready = poll.select(seconds)
        for chosen, _ in ready:
            if not hear(*chosen.data):
                poll.unregister(chosen.fileobj)
        return ready

    while look(0):
        pass
    before = {key: s.wire.comments for key, s in streams.items()}
    end = time.monotonic() + SILENCE
    while time.monotonic() < end:
        look(1)
    poll.close()
    return before


def finish(key, y, s, before):
    """The same connection still brings the next event."""
    if key in outcome:
        return
    beats = s.wire.comments - before
    try:
        y.insert("after the silence")
        event = s.next_event()
        assert event.data == "after the silence", event
        outcome[key] = "open, %d heartbeats" % beats
    except (Ended, Cut, TimeoutError) as e:
        outcome[key] = repr(e)


def opened(y):
    """While two responders open a new log at the same time, one of them may
    tell a client to come back; an EventSource does."""
    for _ in range(9):
        with contextlib.suppress(Ended):
            return y.stream().started()
        time.sleep(0.1)
    return y.stream().started()


def all_wait():
    with contextlib.ExitStack() as stack:
        sites, streams = {}, {}
        for key in [(way, False) for way in WAYS] + [
                (way, True) for way in CUT]:
            way, mute = key
            sites[key] = stack.enter_context(
                site(way, options=MUTE if mute else []))
            streams[key] = opened(sites[key])
        before = watch(streams)
        for key, s in streams.items():
            finish(key, sites[key], s, before[key])


def what_became_of(*key):
    if not outcome:
        all_wait()
    return outcome[key]


@each("way", WAYS)
def test_silent_stream_stays_open(way):
    said = what_became_of(way, False)
    assert said.startswith("open"), said
    beats = int(said.split()[1])
    assert SILENCE // 15 - 1 <= beats <= SILENCE // 11 + 2, said


@each("way", CUT)
def test_without_heartbeat_it_is_cut(way):
    said = what_became_of(way, True)
    assert said == "over after 0 heartbeats", said
