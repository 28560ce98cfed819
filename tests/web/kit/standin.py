#!/usr/bin/python3
"""standin.py - a FastCGI responder that a test controls.

It takes the place of largesse if a test wants to see what a web server sends,
or to decide exactly what goes out and when: which parameters arrive, at which
write it is noticed that a client left, what happens to a header.

Each connection is one request.  The opening (status, headers and a first
block, as largesse sends them) goes out as soon as the request is whole.  The
test says the rest.
"""

import collections
import json
import os
import queue
import selectors
import signal
import socket
import struct
import sys
import threading

HEADERS = (b"Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
           b"Cache-Control: no-store, no-transform\r\n"
           b"X-Accel-Buffering: no\r\n\r\n")
OPENING = HEADERS + (b"retry: 2000\nevent: stream-start\nid: 0\n"
                     b"data: {}\n\n")
BEAT = b":\n\n"

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6


def record(kind, content):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def records(kind, content, most=65535):
    return b"".join(record(kind, content[at:at + most])
                    for at in range(0, len(content), most))


def pairs(data):
    """Names and values of a PARAMS stream, in order."""
    at = 0

    def length():
        nonlocal at
        n = data[at]
        if n < 128:
            at += 1
            return n
        n, = struct.unpack_from(">I", data, at)
        at += 4
        return n & 0x7fffffff

    while at < len(data):
        n, v = length(), length()
        yield (data[at:at + n].decode("latin-1"),
               data[at + n:at + n + v].decode("latin-1"))
        at += n + v


class Request:
    def __init__(self, conn):
        self.conn = conn
        self.params, self.body = {}, b""
        got = collections.defaultdict(bytes)
        while True:
            head = self.read(8)
            _, kind, self.id, size, pad = struct.unpack(">BBHHBx", head)
            got[kind] += self.read(size)
            self.read(pad)
            if kind == STDIN and size == 0:
                break
        self.params = dict(pairs(got[PARAMS]))
        self.body = got[STDIN]

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.conn.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def say(self, text):
        """True if it could be written."""
        try:
            self.conn.sendall(records(STDOUT, text))
            return True
        except OSError:
            return False

    def end(self):
        try:
            self.conn.sendall(record(STDOUT, b"") + record(END, bytes(8)))
        except OSError:
            pass
        self.conn.close()

    def gone(self, timeout):
        """Has the web server closed, within so many seconds?"""
        with selectors.DefaultSelector() as poll:
            poll.register(self.conn, selectors.EVENT_READ)
            if not poll.select(timeout):
                return False
        try:
            return self.conn.recv(1) == b""
        except OSError:
            return True

    def beats_until_gone(self, most, timeout=60):
        """How many heartbeats it takes until the web server notices that its
        client has left.  It gets a second after each."""
        for n in range(most):
            if self.gone(1 if n else 0.5):
                return n
            self.say(BEAT)
        return most if self.gone(timeout) else None


class Standin:
    def __init__(self, path=None, listener=None, opening=OPENING,
                 closes=False):
        self.opening, self.closes = opening, closes
        self.queue = queue.Queue()
        self.requests = []
        self.sock = listener
        if listener is None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(path)
            os.chmod(path, 0o666)
            self.sock.listen(64)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            try:
                r = Request(conn)
            except (EOFError, OSError):
                conn.close()        # somebody checked that we listen
                continue
            if self.closes:
                conn.close()
                continue
            if self.opening:
                r.say(self.opening)
            self.requests.append(r)
            self.queue.put(r)

    def take(self, timeout=60):
        """The next request that has come."""
        return self.queue.get(timeout=timeout)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.thread.join(10)
        for r in self.requests:
            r.conn.close()


# --- as a program: sends what has arrived as one event, and ends

def echo(params, body):
    said = dict(params, BODY=body.decode("latin-1"))
    return b"event: echo\ndata: " + json.dumps(said).encode() + b"\n\n"


def main():
    """FastCGI if descriptor 0 is a socket, else plain CGI."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if "serve" not in sys.argv and "GATEWAY_INTERFACE" in os.environ:
        body = sys.stdin.buffer.read(int(os.environ.get("CONTENT_LENGTH")
                                         or 0))
        sys.stdout.buffer.write(OPENING + echo(dict(os.environ), body))
        return
    if "--listen" in sys.argv:
        host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
        listener = socket.create_server((host, int(port)), backlog=64)
    else:
        listener = socket.socket(fileno=0)
    standin = Standin(listener=listener)
    while True:
        r = standin.take(None)
        r.say(echo(r.params, r.body))
        r.end()


if __name__ == "__main__":
    main()
