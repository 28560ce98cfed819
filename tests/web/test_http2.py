"""test_http2.py - many streams on one HTTP/2 connection, as a browser puts them
there: how many there may be, and who is told that a page has left one.
"""

from h2 import H2
from tap import each
from ways import site
from yard import until

# HTTP/2 without TLS, which no browser speaks; the streams are the same.
MODULE = "LoadModule setenvif_module"
APACHE = [(MODULE, "LoadModule http2_module /usr/lib/apache2/modules/"
           "mod_http2.so\nProtocols h2c http/1.1\n" + MODULE)]


def site_with_h2(web, **kw):
    return site(web, edits=APACHE if web == "apache" else (),
                h2=web == "nginx", **kw)


def connect(y):
    return H2("https://127.0.0.1:%d" % y.h2_port if y.h2_port else y.url)


# After how many heartbeats a server notices, at most.
BEATS = {"nginx": 0, "lighttpd": 0, "apache": 1}


@each("web", BEATS)
def test_http2_leaving_is_told_as_early_as_can_be(web):
    """The page closes one stream, and the connection stays."""
    with site_with_h2(web, how="standin") as y, connect(y) as c:
        stays, leaves = c.started(c.open()), c.started(c.open())
        one, other = y.standin.take(), y.standin.take()
        c.leave(leaves)
        beats = other.beats_until_gone(BEATS[web])
        assert beats is not None and beats <= BEATS[web], beats
        one.say(b"data: x\n\n")
        until("the other goes on", lambda: c.events[stays][-1] == "x")


def all_have(y, c, streams, data):
    y.insert(data)
    for n in streams:
        until("stream %d has it" % n, lambda: c.events[n][-1] == data)


def test_http2_of_lighttpd_serves_eight_streams_a_connection():
    """A ninth waits for one of them, and so does a page."""
    with site_with_h2("lighttpd") as y, connect(y) as c:
        streams = [c.started(c.open()) for _ in range(8)]
        assert c.may == 8
        page, ninth = c.open("/demo.css"), c.open()
        all_have(y, c, streams, "x")
        assert page not in c.status and not c.events[ninth]
        c.leave(streams[0])
        c.leave(streams[1])
        until("the page is there", lambda: c.status.get(page) == 200)
        c.started(ninth)


def test_http2_of_apache_serves_six_requests_of_a_new_connection():
    """It says that there may be 100.  A seventh waits, also for streams that
    were left: each counts until its next heartbeat."""
    with site_with_h2("apache", how="standin") as y, connect(y) as c:
        streams = [c.started(c.open()) for _ in range(6)]
        assert c.may == 100
        page = c.open("/demo.css")
        for n in streams:
            c.leave(n)
        for n in streams:
            until("stream %d was left" % n, lambda: n in c.ended)
        with connect(y) as other:
            there = other.open("/demo.css")
            until("another has it", lambda: other.status.get(there) == 200)
        assert page not in c.status
        for _ in streams:
            assert y.standin.take().beats_until_gone(1) == 1
        until("the page is there", lambda: c.status.get(page) == 200)
