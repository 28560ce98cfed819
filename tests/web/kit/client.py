"""client.py - does what a browser's EventSource does, and shows every byte.

It uses plain sockets: nothing between the wire and the test buffers, retries
or hides an error.  Wire turns bytes into events and does no I/O.  Stream is
one blocking connection.  Follower is a thread that always comes back with its
last id, as EventSource does.  Crowd holds a thousand streams in one poll loop.

What must stay true: the end that the server announced (the last chunk) and a
connection that was cut are always told apart.
"""

import collections
import re
import selectors
import socket
import ssl
import threading
import time

# Seconds that one step may take.  A busy machine needs far less; only a test
# that fails waits so long.
PATIENCE = 60

# id is the number alone where the server said `41-k52q`; told is what it said.
Event = collections.namedtuple("Event", "id event data at told")


def plain(told):
    """An id without the check that may be behind its number."""
    return re.sub(r"^([0-9]+)-[a-km-np-z][a-km-np-z2-9]{3}$", r"\1", told)


class Ended(Exception):
    """The response is complete, and the server said so."""


class Cut(Exception):
    """The connection ended before the response was complete."""


class Wire:
    """The bytes of one HTTP/1.1 response; its events if it has any."""

    def __init__(self, last_id="", bodiless=False):
        self.buf = bytearray()      # not parsed yet
        self.head = None            # status line and headers, as text
        self.status = 0
        self.headers = {}
        self.body = bytearray()     # all of it, without chunk sizes
        self.ended = False          # the response was complete
        self.last_id = last_id
        self.retry = None
        self.comments = 0
        self.events = collections.deque()
        self._bodiless = bodiless
        self._left = None           # bytes to come, of the body or a chunk
        self._line = bytearray()
        self._cr = False
        self._type, self._data, self._id = "", [], last_id

    def feed(self, data):
        self.buf += data
        if self.head is None and not self._read_head():
            return
        while not self.ended and self._read_body():
            pass

    def _read_head(self):
        end = self.buf.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.head = self.buf[:end].decode("latin-1")
        del self.buf[:end + 4]
        first, *rest = self.head.split("\r\n")
        self.status = int(first.split()[1])
        for line in rest:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self._chunked = self.headers.get("transfer-encoding") == "chunked"
        if not self._chunked and "content-length" in self.headers:
            self._left = int(self.headers["content-length"])
        if self._bodiless or self.status == 204 or self._left == 0:
            self.ended = True
        return True

    def _read_body(self):
        if self._chunked and self._left is None:
            size = re.match(rb"(?:\r\n)?([0-9a-fA-F]+)[^\r\n]*\r\n", self.buf)
            if size is None:
                return False
            self._left = int(size[1], 16)
            if self._left == 0:
                self.ended = True
                return False
            del self.buf[:size.end()]
        n = len(self.buf) if self._left is None else self._left
        part = bytes(self.buf[:n])
        if not part:
            return False
        del self.buf[:len(part)]
        if self._left is not None:
            self._left -= len(part)
            if self._left == 0 and not self._chunked:
                self.ended = True
            elif self._left == 0:
                self._left = None
        self.body += part
        if self.headers.get("content-type", "").startswith(
                "text/event-stream"):
            self._lines(part)
        return True

    def _lines(self, part):
        """Lines end with CR LF, LF or CR, wherever a read is cut."""
        if self._cr and part[:1] == b"\n":
            part = part[1:]
        self._cr = part[-1:] == b"\r"
        pieces = re.split(rb"\r\n|\r|\n", part)
        for piece in pieces[:-1]:
            self._field(bytes(self._line) + piece)
            self._line.clear()
        self._line += pieces[-1]

    def _field(self, line):
        if not line:
            self._dispatch()
            return
        name, _, value = line.decode("utf-8").partition(":")
        value = value[1:] if value[:1] == " " else value
        if name == "":
            self.comments += 1
        elif name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id":
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _dispatch(self):
        self.last_id = self._id
        if self._data:
            self.events.append(Event(plain(self._id), self._type or "message",
                                     "\n".join(self._data), time.time(),
                                     self._id))
        self._type, self._data = "", []


def request(target, method="GET", last_id=None, headers=(), body=b""):
    """As EventSource asks, unless the headers say what is accepted."""
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: localhost"]
    if not any(h.startswith("Accept:") for h in headers):
        lines.append("Accept: text/event-stream")
    if last_id not in (None, ""):
        lines.append("Last-Event-ID: %s" % last_id)
    if body:
        lines.append("Content-Length: %d" % len(body))
    lines += headers
    return "\r\n".join(lines + ["", ""]).encode() + body


def is_ours(event):
    """Is it one of the responder's?  stream-end is a publisher's."""
    return event.event.startswith("stream-") and event.event != "stream-end"


def is_end(event):
    """Does it say that the stream ends, and when to come back?"""
    return event.event == "stream-retry"


class Stream:
    """One connection and the response on it.  Blocking, with time-outs."""

    def __init__(self, address, target, last_id=None, method="GET",
                 headers=(), body=b"", timeout=PATIENCE, source="", port=0):
        self.wire = Wire(last_id or "", method == "HEAD")
        self.notes = []             # the stream-* events, in order
        self.ends = []              # but not these: stream-retry
        self.sock = socket.create_connection(address, timeout, (source, port))
        self.sock.sendall(request(target, method, last_id, headers, body))
        self._until(lambda: self.wire.head is not None, timeout)

    status = property(lambda self: self.wire.status)
    headers = property(lambda self: self.wire.headers)
    last_id = property(lambda self: self.wire.last_id)
    retry = property(lambda self: self.wire.retry)

    def _until(self, enough, timeout):
        end = time.monotonic() + timeout
        while not enough():
            if self.wire.ended:
                raise Ended("status %d" % self.status)
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing came in %g s; so far: %r" % (
                    timeout, bytes(self.wire.body[-300:])))
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except ConnectionError as e:
                raise Cut(str(e)) from None
            except TimeoutError:
                continue
            if not data:
                raise Cut("closed without an end, after %r" %
                          bytes(self.wire.body[-100:]))
            self.wire.feed(data)

    def next_event(self, timeout=PATIENCE):
        """The next event of a publisher; the responder's go into notes."""
        while True:
            self._until(lambda: self.wire.events, timeout)
            event = self.wire.events.popleft()
            if not is_ours(event):
                return event
            (self.ends if is_end(event) else self.notes).append(event)

    def next_note(self, name, timeout=PATIENCE):
        """The next stream-* event; no other event may come before it."""
        self._until(lambda: self.wire.events, timeout)
        event = self.wire.events.popleft()
        if is_end(event) and event.event != name:
            raise Ended("it says to come back: " + event.data)
        assert event.event == name, event
        self.notes.append(event)
        return event

    def started(self):
        """Wait for stream-start; from then on no event can be missed."""
        self.next_note("stream-start")
        return self

    def data(self, n, timeout=PATIENCE):
        return [self.next_event(timeout).data for _ in range(n)]

    def beats(self, n, timeout=PATIENCE):
        """Wait for n comment lines from now."""
        n += self.wire.comments
        self._until(lambda: self.wire.comments >= n, timeout)

    def rest(self, timeout=PATIENCE):
        """The whole body of a response that ends."""
        try:
            self._until(lambda: False, timeout)
        except Ended:
            return bytes(self.wire.body)

    def close(self):
        self.sock.close()


class Follower(threading.Thread):
    """An EventSource that never gives up: it comes back with its last id.

    pause is how long it waits before it comes back, whatever retry: said; the
    tests have less time than a browser.  None: as long as retry: said.
    """

    def __init__(self, address, target, last_id=None, pause=0.05):
        super().__init__(daemon=True)
        self.address, self.target, self.pause = address, target, pause
        self.last_id = last_id
        self.got = []               # Events of publishers, in order
        self.notes = []             # stream-* events
        self.ends = []              # but not these: stream-retry
        self.connects = 0           # answered 200
        self.opened = []            # when, each of them
        self.over = []              # when one of them was over
        self.retry = 3000
        self.refused = 0            # any other answer, or none
        self.error = None           # an error that must never happen
        self.news = threading.Condition()
        self.sock = None
        self.leaving = False
        self.gone = threading.Event()
        self.start()

    def run(self):
        while not self.leaving:
            try:
                self._follow()
            except OSError:
                self.refused += 1
            except Exception as e:  # our bug, or a broken stream
                self.error = e
                return
            self.gone.wait(self.retry / 1000 if self.pause is None
                           else self.pause)

    def _follow(self):
        wire = Wire(self.last_id or "")
        with socket.create_connection(self.address, PATIENCE) as self.sock:
            self.sock.sendall(request(self.target, last_id=self.last_id))
            counted = False
            while not wire.ended and not self.leaving:
                data = self.sock.recv(65536)
                if not data:
                    break
                wire.feed(data)
                if wire.status == 200 and not counted:
                    counted = True
                    self.opened.append(time.time())
                    self.connects += 1
                if wire.status != 200:
                    continue
                self._take(wire)
        if not counted:
            self.refused += 1
        self.over.append(time.time())

    def _take(self, wire):
        with self.news:
            while wire.events:
                event = wire.events.popleft()
                (self.ends if is_end(event) else self.notes if is_ours(event)
                 else self.got).append(event)
            self.last_id = wire.last_id
            if wire.retry is not None:
                self.retry = wire.retry
            self.news.notify_all()

    def wait(self, enough, timeout=PATIENCE):
        with self.news:
            if self.news.wait_for(lambda: enough(self) or self.error, timeout):
                if self.error:
                    raise self.error
                return self
        raise TimeoutError("%d events, %d connects, %d refused, last id %s" % (
            len(self.got), self.connects, self.refused, self.last_id))

    def wait_start(self):
        return self.wait(lambda me: me.notes)

    def wait_count(self, n, timeout=PATIENCE):
        return self.wait(lambda me: len(me.got) >= n, timeout)

    def cut(self):
        """Do what the network does: the connection is gone at once."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass

    def leave(self):
        self.leaving = True
        self.gone.set()
        self.cut()
        self.join(PATIENCE)


class Crowd:
    """Many streams of one target in one loop; tls: an SSLContext."""

    def __init__(self, address, n, target, tls=None):
        self.wires = []
        self.socks = []
        self.poll = selectors.DefaultSelector()
        for _ in range(n):
            sock = socket.create_connection(address, PATIENCE)
            if tls:
                sock = tls.wrap_socket(sock)
            sock.sendall(request(target))
            sock.setblocking(False)
            wire = Wire()
            self.poll.register(sock, selectors.EVENT_READ, wire)
            self.socks.append(sock)
            self.wires.append(wire)

    def until(self, enough, timeout=PATIENCE):
        """Read until enough is true for every wire."""
        missing = [w for w in self.wires if not enough(w)]
        end = time.monotonic() + timeout
        while missing:
            if time.monotonic() > end:
                raise TimeoutError("%d of %d streams wait" % (
                    len(missing), len(self.wires)))
            for key, _ in self.poll.select(1):
                try:
                    data = key.fileobj.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                if not data:
                    raise Cut("a stream of the crowd was closed")
                key.data.feed(data)
            missing = [w for w in missing if not enough(w)]

    def close(self):
        for sock in self.socks:
            sock.close()
        self.poll.close()
