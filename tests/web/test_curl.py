"""test_curl.py - what our own client cannot do: HTTP/2 and compression.

It also tests how much memory a stream takes in nginx.
"""

import re
import ssl
import subprocess
import sys
import tempfile

import client
from client import Crowd
from tap import each
from ways import site
from yard import LOAD, until

ONE = ("worker_processes auto;", "worker_processes 1;")


class Curl:
    """n streams by one curl, on one connection if that is possible."""

    def __init__(self, y, n=1, more=()):
        self.out = tempfile.NamedTemporaryFile()
        url = y.url + "/events"
        if y.h2_port:
            url = "https://127.0.0.1:%d/events" % y.h2_port
        self.proc = subprocess.Popen(
            ["curl", "-skN", "--http2", "--no-progress-meter", "--parallel",
             "--parallel-max", str(n), *more,
             *[word for _ in range(n) for word in ("-i", url)]],
            stdout=self.out, stderr=subprocess.STDOUT)

    def text(self):
        with open(self.out.name, errors="replace") as f:
            return f.read()

    def wait(self, word, n=1):
        until("%d times %r" % (n, word), lambda: len(
            re.findall(word, self.text(), re.I)) >= n)

    def close(self):
        self.proc.terminate()
        self.proc.wait(10)
        self.out.close()


def connections(y):
    said = subprocess.run(["ss", "-tnH", "state", "established",
                           "sport = :%d" % y.h2_port], check=True,
                          capture_output=True, text=True)
    return len(said.stdout.splitlines())


def test_http2_event_at_once():
    with site("nginx", h2=True) as y:
        c = Curl(y)
        c.wait("event: stream-start")
        assert c.text().startswith("HTTP/2 200"), c.text()
        for i in range(5):
            y.insert("n%d" % i)
            c.wait("data: n%d\n" % i)
        c.close()


def test_http2_many_streams_share_a_connection():
    """A browser opens only six connections to a host; HTTP/2 needs one."""
    with site("nginx", h2=True) as y:
        c = Curl(y, 12)
        c.wait("event: stream-start", 12)
        y.insert("to all")
        c.wait("data: to all\n", 12)
        assert connections(y) == 1, connections(y)
        c.close()


def test_http2_leaving_frees_the_streams():
    """nginx frees them at once, before any heartbeat."""
    with site("nginx", h2=True, how="standin") as y:
        c = Curl(y, 3)
        asked = [y.standin.take() for _ in range(3)]
        c.wait("event: stream-start", 3)
        c.close()
        assert all(r.gone(20) for r in asked)


def test_http2_without():
    """Without the word http2, each stream takes a connection."""
    with site("nginx", h2=True, edits=[("ssl http2", "ssl")]) as y:
        c = Curl(y, 8)
        c.wait("event: stream-start", 8)
        assert c.text().startswith("HTTP/1.1 200"), c.text()
        assert connections(y) == 8, connections(y)
        c.close()


# --- compression

MODULES = "/usr/lib/apache2/modules/"
COMPRESSING = {     # off by default; a site may switch it on
    "nginx": [("types {", "gzip on; gzip_types text/event-stream; "
               "gzip_min_length 1; types {")],
    "lighttpd": [('include "events.conf"', 'server.modules += ( "mod_deflate"'
                  ' )\ndeflate.mimetypes = ( "text/event-stream" )\n'
                  'deflate.allowed-encodings = ( "gzip" )\n'
                  'include "events.conf"')],
    "apache": [("Include events.conf", "LoadModule deflate_module " +
                MODULES + "mod_deflate.so\nSetOutputFilter DEFLATE\n"
                "Include events.conf")],
}


@each("way", COMPRESSING)
def test_compression_holds_nothing_back(way):
    """That is why the snippets do not switch it off."""
    with site(way, edits=COMPRESSING[way]) as y:
        c = Curl(y, more=["--compressed"])
        c.wait("event: stream-start")
        packed = "content-encoding: gzip" in c.text().lower()
        assert packed == (way != "lighttpd"), c.text()
        for i in range(5):
            y.insert("n%d" % i)
            c.wait("data: n%d\n" % i)
        c.close()


# --- memory

def anonymous(y):
    """Memory of nginx's only worker, in KB."""
    pid, = y.web_workers()
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return int(re.search(r"Anonymous:\s+(\d+)", f.read())[1])


def unchecked():
    """For a certificate that nobody signed.  No HTTP/2: it was not offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def worker_with(n, cut=(), tls=False):
    """Its memory with n streams that got an event, asked as by a browser."""
    plain = client.request
    client.request = lambda target, **kw: plain(
        target, headers=["Cookie: session=" + "x" * 500], **kw)
    try:
        # site-h2.conf has events-many.conf by itself.
        with site("nginx" if tls else "nginx many", cut=cut, edits=[ONE],
                  h2=tls, program=LOAD) as y:
            c = (Crowd(("127.0.0.1", y.h2_port), n, "/events", unchecked())
                 if tls else Crowd(y.address, n, "/events"))
            try:
                c.until(lambda w: w.events)
                y.insert("x" * 2000)
                c.until(lambda w: len(w.events) == 2)
                return anonymous(y)
            finally:
                c.close()
    finally:
        client.request = plain


STREAMS = 500
fewest = {}


LEAST = {"fastcgi_buffer_size 1k;": 2000, "request_pool_size 1k;": 800,
         "connection_pool_size 384;": 60,
         "ssl_buffer_size 1k;": 8000}      # bytes a stream


@each("line", LEAST)
def test_many_streams_memory_without(line):
    """The lines save 3 KB, 1.4 KB and 0.1 KB a stream; over TLS 13 KB."""
    tls = line.startswith("ssl")
    if tls not in fewest:
        fewest[tls] = worker_with(STREAMS, tls=tls)
    more = worker_with(STREAMS, cut=[line], tls=tls)
    saved = (more - fewest[tls]) * 1024 // STREAMS
    print("# saves %d bytes a stream" % saved, file=sys.stderr)
    assert saved > LEAST[line], saved


def test_http2_memory_without_ssl_buffer_size():
    """Without it each connection keeps a buffer for its next record."""
    taken = []
    for cut in ((), ("ssl_buffer_size 1k;",)):
        with site("nginx", h2=True, cut=cut, edits=[ONE],
                  program=LOAD) as y:
            curls = [Curl(y)]
            curls[0].wait("event: stream-start")    # nginx is set up now
            before = anonymous(y)
            curls += [Curl(y) for _ in range(40)]
            for c in curls:
                c.wait("event: stream-start")
            taken.append(anonymous(y) - before)
            for c in curls:
                c.close()
    print("# KB for 40 connections: %d, %d" % tuple(taken), file=sys.stderr)
    assert taken[1] - taken[0] > 40 * 4, taken
