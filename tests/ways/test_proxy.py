"""test_proxy.py - each way of proxy.py is seen to harm a plain client.

The server behind is played by the test: it says a piece of an answer, and looks
what of it the client has.
"""

import asyncio
import contextlib
import queue
import socket
import threading
import zlib

from client import PATIENCE, Wire, request
from proxy import WAYS, Proxy
from tap import each
from yard import until

QUIET = 0.2         # seconds in which something would have come


class Behind:
    """The server behind: take() gives the requests as they come."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.asked = queue.Queue()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.asked.put(Answer(self.listener.accept()[0]))

    def take(self):
        return self.asked.get(timeout=PATIENCE)


class Answer:
    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(PATIENCE)
        got = b""
        while b"\r\n\r\n" not in got:
            got += sock.recv(65536)
        self.head, _, self.body = got.decode().partition("\r\n\r\n")
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")

    def say(self, data):
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.sock.sendall(b"0\r\n\r\n")

    def is_left(self):
        return self.sock.recv(1) == b""


class Asking:
    """A plain client."""

    def __init__(self, address, method="GET", headers=()):
        self.wire, self.closed = Wire(), False
        self.sock = socket.create_connection(address, PATIENCE)
        self.sock.sendall(request("/", method, headers=headers,
                                  body=b"a=b" if method == "POST" else b""))

    def read(self, seconds):
        """Reads once; False: nothing came."""
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return False
        except ConnectionError:
            data = b""
        self.closed = self.closed or not data
        self.wire.feed(data)
        return True

    def comes(self, body):
        until("%.40r comes" % body, lambda: self.read(0.01) and False or
              bytes(self.wire.body) == body)

    def ends(self):
        until("it ends", lambda: self.wire.ended or self.read(0.01) and False)

    def is_cut(self):
        until("it is cut", lambda: self.read(0.01) and self.closed)
        assert not self.wire.ended, "it ended properly"

    def nothing(self):
        assert not self.read(QUIET), "it came, or was cut: %r" % bytes(
            self.wire.body)


class Scene:
    """A proxy in a thread, before a server that the test plays."""

    def __init__(self, way, seconds=None):
        self.behind = Behind()
        self.proxy = Proxy(way, self.behind.address, seconds)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.address = "127.0.0.1", self.run(self.proxy.listen())

    def run(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(
            PATIENCE)

    def now(self, *seconds):
        async def now():
            self.proxy.now(*seconds)
        self.run(now())

    def ask(self, method="GET", headers=()):
        """A client, and the answer that it gets."""
        return Asking(self.address, method, headers), self.behind.take()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run(self.proxy.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.behind.listener.close()


HOLD = ["holds-all", "holds-gets", "gzip-holds", "gathers", "holds-last",
        *(way for way in WAYS if way.startswith("buffer"))]


@each("way", [way for way in WAYS if way not in HOLD])
def test_passes_a_piece_on_at_once(way):
    with Scene(way) as s:
        client, answer = s.ask()
        for data in b"a", b"ab", b"abc":
            answer.say(data[-1:])
            client.comes(data)
        answer.end()
        if way != "http10":
            client.ends()


@each("way", WAYS)
def test_whole_answer_comes_whole(way):
    with Scene(way) as s:
        for _ in range(2):
            client, answer = s.ask()
            answer.say(b"x" * 100000)
            answer.say(b"end")
            answer.end()
            client.comes(b"x" * 100000 + b"end")


@each("way", [way for way in WAYS if way != "http10"])
def test_cut_behind_is_a_cut_in_front(way):
    with Scene(way) as s:
        client, answer = s.ask()
        answer.say(b"a")
        answer.sock.close()
        client.is_cut()


@each("way", WAYS)
def test_client_that_leaves_is_left_behind(way):
    with Scene(way) as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.sock.close()
        assert answer.is_left()


def test_connection_is_used_again():
    with Scene("plain") as s:
        client = Asking(s.address)
        for body in b"a", b"b":
            answer = s.behind.take()
            answer.say(body)
            answer.end()
            client.comes(body)
            client.ends()
            client.wire = Wire()
            client.sock.sendall(request("/"))


def test_body_and_headers_arrive():
    with Scene("plain") as s:
        _, answer = s.ask("POST", ["Cookie: a", "Last-Event-ID: 1"])
        until("the body", lambda: answer.body == "a=b" or setattr(
            answer, "body", answer.body + answer.sock.recv(9).decode()))
        assert "cookie: a" in answer.head, answer.head
        assert "last-event-id: 1" in answer.head, answer.head


@each("way", ["holds-all", "holds-gets"])
def test_nothing_until_the_end(way):
    with Scene(way) as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.nothing()
        answer.end()
        client.ends()
        assert client.wire.body == b"a"


def test_holds_gets_lets_a_post_pass():
    with Scene("holds-gets") as s:
        client, answer = s.ask("POST")
        answer.say(b"a")
        client.comes(b"a")


def test_gzip_holds_what_it_has_compressed():
    with Scene("gzip-holds") as s:
        client, answer = s.ask(headers=["Accept-Encoding: br, gzip"])
        answer.say(b"a" * 5000)
        client.nothing()
        answer.end()
        client.ends()
        assert client.wire.headers["content-encoding"] == "gzip"
        assert zlib.decompress(client.wire.body, 31) == b"a" * 5000


@each("size", [1, 4, 16, 64])
def test_full_buffers_pass(size):
    size <<= 10
    with Scene("buffer-%dk" % (size >> 10)) as s:
        client, answer = s.ask()
        answer.say(b"a" * (size - 1))
        client.read(QUIET)
        client.nothing()
        answer.say(b"aa")
        client.comes(b"a" * size)
        answer.end()
        client.comes(b"a" * (size + 1))
        client.ends()


def test_holds_last_until_the_next():
    with Scene("holds-last") as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.read(QUIET)
        client.nothing()
        answer.say(b"b")
        client.comes(b"a")
        client.nothing()
        answer.end()
        client.comes(b"ab")


def test_gathers_what_comes():
    with Scene("gathers", 3 * QUIET) as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.read(QUIET)
        client.nothing()
        answer.say(b"b")
        until("something", lambda: client.read(1) and client.wire.body)
        assert client.wire.body == b"ab"


def test_cuts_idle_what_says_nothing():
    with Scene("cuts-idle", 2 * QUIET) as s:
        client, answer = s.ask()
        for data in b"a", b"ab", b"abc":
            answer.say(data[-1:])
            client.comes(data)
            client.nothing()
        client.is_cut()


def test_cuts_30_whatever_comes():
    with Scene("cuts-30", 3 * QUIET) as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.comes(b"a")
        client.nothing()
        answer.say(b"b")
        client.is_cut()
        assert client.wire.body == b"ab"


def test_http10_has_no_chunks_and_closes():
    with Scene("http10") as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.comes(b"a")
        answer.end()
        client.is_cut()
        assert client.wire.head.startswith("HTTP/1.0 200")
        assert "transfer-encoding" not in client.wire.headers


def test_drops_swallows_without_a_word():
    with Scene("drops") as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.comes(b"a")
        s.now()
        answer.say(b"b")
        client.nothing()
        client.sock.sendall(request("/"))
        client.nothing()
        again, answer = s.ask()
        answer.say(b"c")
        again.comes(b"c")


@each("way", ["bad-gateway", "portal"])
def test_another_answer_for_some_seconds(way):
    with Scene(way, 5 * QUIET) as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.comes(b"a")
        s.now()
        client.is_cut()
        for method in "GET", "POST":
            client = Asking(s.address, method)
            client.ends()
            assert client.wire.status == (502 if way != "portal" else 200)
            assert client.wire.headers["content-type"] == "text/html"
        until("it is good again", lambda: s.proxy.instead_until <
              s.loop.time())
        client, answer = s.ask()
        answer.say(b"a")
        client.comes(b"a")


def test_strips_who_it_is_and_where():
    with Scene("strips") as s:
        _, answer = s.ask(headers=["Cookie: a", "Authorization: b",
                                   "Last-Event-ID: c", "X-Kept: d"])
        said = [line.partition(":")[0] for line in
                answer.head.splitlines()[1:]]
        assert "x-kept" in said, said
        assert not {"cookie", "authorization", "last-event-id"} & set(said)


def test_third_answer_waits_for_one_of_two():
    with Scene("two-connections") as s:
        two = s.ask(), s.ask()
        third = Asking(s.address)
        third.nothing()
        two[0][1].end()
        s.behind.take().say(b"c")
        third.comes(b"c")


def test_counts_what_clients_send_and_get():
    with Scene("plain") as s:
        client, answer = s.ask()
        answer.say(b"a")
        client.comes(b"a")
        answer.end()
        client.ends()
        # Of the answer: the head, and the chunks `1 a` and `0`.
        assert s.proxy.counts == {
            "requests": 1, "up": len(request("/")),
            "down": len(client.wire.head) + 4 + 6 + 5}, s.proxy.counts
