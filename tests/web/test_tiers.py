"""test_tiers.py - the same promises for every server and row of servers."""

import json
import re
import socket
import time

from client import request
from probes import LONG, ordinary
from tap import each
from ways import BY_SOCKET, WAYS, site
from yard import until


@each("way", WAYS)
def test_each_event_at_once(way):
    """No server holds events back: each is inserted after the last came.

    The fastest of ten shows what the way costs.  A server that waits for more
    bytes would do it each time, HAProxy for 0.2 seconds.
    """
    with site(way) as y:
        s = y.stream("?topic=news").started()
        assert s.status == 200
        assert s.headers["content-type"].split(";")[0] == "text/event-stream"
        assert s.headers["cache-control"] == "no-store, no-transform"
        assert "content-encoding" not in s.headers
        took = []
        for i in range(10):
            start = time.monotonic()
            y.insert("n%d" % i, "news")
            assert s.next_event().data == "n%d" % i
            took.append(time.monotonic() - start)
        assert min(took) < 0.1, took


@each("way", WAYS)
def test_resumes(way):
    """Last-Event-ID and the query say where the stream starts."""
    with site(way) as y:
        for i in range(5):
            y.insert("n%d" % i, "a b&c" if i % 2 else "other")
        s = y.stream("?topic=a+b%26c&last=9", last_id="2")
        assert s.next_event().data == "n3"
        s = y.stream("?topic=a+b%26c&lastEventId=2")
        assert s.next_event().data == "n3"
        s = y.stream("?topic=a+b%26c&last=2")
        assert s.data(2) == ["n1", "n3"]


@each("way", WAYS)
def test_what_the_browser_says_arrives(way):
    """Headers, cookie, query, path and address reach the responder."""
    with site(way, echo=True) as y:
        s = y.stream("/health?topic=a%2Fb&topic=%C3%BC", last_id="x-7",
                     headers=["Authorization: Bearer abc.def",
                              "Cookie: a=b; c=d",
                              "Origin: https://example.org"])
        got = json.loads(s.next_event().data)
        for name, value in {
                "HTTP_LAST_EVENT_ID": "x-7",
                "HTTP_AUTHORIZATION": "Bearer abc.def",
                "HTTP_COOKIE": "a=b; c=d",
                "HTTP_ORIGIN": "https://example.org",
                "QUERY_STRING": "topic=a%2Fb&topic=%C3%BC",
                "REQUEST_METHOD": "GET", "PATH_INFO": "/health",
                "REMOTE_ADDR": "127.0.0.1",
                "SERVER_PROTOCOL": "HTTP/1.1"}.items():
            assert got.get(name) == value, (name, got.get(name))
        assert "REMOTE_USER" not in got, "nobody has checked who that is"


@each("way", WAYS)
def test_a_form_that_asks_for_a_stream_arrives(way):
    """Some ways hold every GET; there a client asks by POST."""
    form = "application/x-www-form-urlencoded"
    with site(way, echo=True) as y:
        s = y.stream("/stream?topic=a%2Fb", method="POST",
                     body=b"topic=c&beat=5", headers=["Content-Type: " + form])
        got = json.loads(s.next_event().data)
        for name, value in {
                "REQUEST_METHOD": "POST", "PATH_INFO": "/stream",
                "QUERY_STRING": "topic=a%2Fb", "BODY": "topic=c&beat=5",
                "CONTENT_TYPE": form, "CONTENT_LENGTH": "14"}.items():
            said = got.get(name) or got.get("HTTP_" + name)     # nginx
            assert said == value, (name, said)


@each("way", WAYS)
def test_a_form_opens_a_stream(way):
    """Topics and place are those of the form and of the query."""
    form = ["Content-Type: application/x-www-form-urlencoded"]
    with site(way, options=["--heartbeat", "500ms"]) as y:
        for i in range(4):
            y.insert("n%d" % i, "a" if i % 2 else "b c")
        s = y.stream("/stream?topic=a", method="POST", headers=form,
                     body=b"topic=b+c&lastEventId=2&beat=1")
        assert s.data(2) == ["n2", "n3"]
        y.insert("live", "a")
        assert s.next_event().data == "live"
        s.next_note("stream-beat")


def held(y, way):
    """How many streams the responder has.  With FastCGI a stream is a socket,
    and each process has a listening socket; with CGI it is a process."""
    if way in ("fcgiwrap", "lighttpd cgi", "apache cgid"):
        return len(y.pids())
    return y.sockets() - len(y.pids())


@each("way", WAYS)
def test_leaving_frees_the_stream(way):
    """Another stream is free before two heartbeats have passed.

    The time between heartbeats differs by up to a quarter, so three of one
    stream take at least as long as two of another.
    """
    with site(way, options=["--heartbeat", "500ms"]) as y:
        stays = y.stream().started()
        assert held(y, way) == 1, held(y, way)
        leaves = y.stream().started()
        assert held(y, way) == 2, held(y, way)
        leaves.close()
        stays.beats(3)
        # On a busy machine the other process may be late with its heartbeats.
        until("the stream is free", lambda: held(y, way) == 1, 10)
        y.insert("still here")
        assert stays.next_event().data == "still here"


# After how many heartbeats a server notices, at most.
BEATS = {"nginx": 0, "nginx many": 0, "lighttpd": 1, "apache": 2,
         "nginx, nginx": 0, "nginx, lighttpd": 1, "nginx, apache": 2,
         "haproxy, nginx": 0, "haproxy, nginx, apache": 2}


PATHS = ["/events/status", "/events/metrics", "/events/%73tatus",
         "//events/status", "/events//metrics", "/events/./status",
         "/events/x/../metrics", "/events#/status", "/events#/metrics",
         "/events/#/status", "/events?x#/status", "/events/status?x=y",
         "/events/status/", "/events%2Fstatus", "/events/status%2F",
         "/events;/status", "/events/;/status", "/events/status%00",
         "/events/%6Detrics", "/EVENTS/status", "/x/..//events/status",
         "/events?/status", "http://localhost/events/status"]


@each("way", WAYS)
def test_no_path_leads_to_status(way):
    """Servers read a path each in their own way; the responder refuses."""
    with site(way, options=["--heartbeat", "500ms"]) as y:
        for path in PATHS:
            for headers in ([], ["LARGESSE_STATUS: on",
                                 "X-Forwarded-For: 127.0.0.1",
                                 "X-Original-URL: /events/status"]):
                with socket.create_connection(y.address, LONG) as sock:
                    sock.sendall(request(path, headers=headers))
                    said = b""
                    while not re.search(rb"\r\n\r\n.|\n:\n", said, re.S):
                        part = sock.recv(65536)
                        said += part
                        if not part:
                            break
                for word in (b"uptime", b"application/json", b"largesse_",
                             b"version=0.0.4"):
                    assert word not in said, (path, said)


@each("way", BY_SOCKET)
def test_leaving_is_told_as_early_as_can_be(way):
    with site(way, how="standin") as y:
        s = y.stream().started()
        r = y.standin.take()
        s.close()
        beats = r.beats_until_gone(BEATS[way])
        assert beats is not None, "not even after that many"
        assert beats <= BEATS[way]


@each("inner", ["nginx", "lighttpd", "apache"])
def test_stock_nginx_in_front_obeys_the_header(inner):
    """The responder sends X-Accel-Buffering: no.  This is enough for a bare
    proxy_pass, if the server behind passes the header on."""
    with site(inner, fronts=["stock"]) as y:
        s = y.stream().started()
        assert "x-accel-buffering" not in s.headers, "it eats the header"
        for i in range(5):
            y.insert("n%d" % i)
            assert s.next_event().data == "n%d" % i


@each("inner", ["nginx", "lighttpd", "apache"])
def test_site_with_a_cache_in_front(inner):
    """Nothing of a stream is cached, and no request waits for another.  That
    is why proxy.conf does not switch a cache off."""
    with site(inner, fronts=["nginx"], edits=[
            ("types {", "proxy_cache_path tmp-cache keys_zone=z:1m; types {"),
            ("include proxy.conf;", "proxy_cache z; proxy_cache_lock on; "
             "proxy_cache_valid any 1m; include proxy.conf;")]) as y:
        streams = [y.stream().started() for _ in range(3)]
        y.insert("x")
        assert [s.next_event().data for s in streams] == ["x"] * 3


def test_kept_connections_change_nothing():
    """With fastcgi_keep_conn a stream keeps its connection, and the responder
    answers on any number of others."""
    with site("nginx", edits=[("fastcgi_buffering off;",
                               "fastcgi_buffering off; "
                               "fastcgi_keep_conn on;")]) as y:
        for _ in range(3):
            s = y.stream().started()
            y.insert("x")
            assert s.next_event().data == "x"
            assert y.get("/events/health")[0].status == 200


@each("web", ["nginx", "lighttpd", "apache"])
def test_ordinary_user_can_start_it(web):
    """The complete configuration works in the user's own directory."""
    with site(web, start=False) as y:
        assert ordinary(y, LONG)
