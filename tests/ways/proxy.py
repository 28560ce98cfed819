#!/usr/bin/python3
"""proxy.py - a reverse proxy that harms streams, each way as real ones do.

usage: proxy.py WAY --to HOST:PORT [--seconds S] [--bind ADDRESS] [--log]
       proxy.py --list

It prints its port.  Then it reads commands, and answers each with one line of
JSON; it ends at the end of its input.

	now [SECONDS]	drops, bad-gateway and portal: begin, for so long
	counts		requests, and bytes to and from clients, so far

A way is a function that gets the pieces of an answer as they come, and yields
what it passes on, when it passes it on; or a flag that the connection asks
for.  The server behind is asked over a new connection each time, so a
connection between it and us never harms anything.

What must stay true: but for its harm each way is a correct proxy.  A cut of the
server behind is a cut in front, and a client that leaves is left behind, too.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
import time
import zlib

# Headers of one connection, and those that we say ourselves.
OURS = {"connection", "keep-alive", "proxy-connection", "transfer-encoding",
        "content-length", "te", "upgrade"}
STRIPPED = {"last-event-id", "cookie", "authorization"}
PORTAL = b"<!doctype html><title>Welcome</title><p>Please accept our terms.\n"
GATEWAY = b"<html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>\n"


# --- what a way does to the pieces of an answer

async def at_once(pieces, _):
    async for piece in pieces:
        yield piece


async def hold_all(pieces, _):
    yield b"".join([piece async for piece in pieces])


def in_buffers(size):
    """Only full buffers go out, and the rest at the end."""
    async def way(pieces, _):
        held = b""
        async for piece in pieces:
            held += piece
            full = len(held) // size * size
            if full:
                yield held[:full]
                held = held[full:]
        yield held
    return way


async def hold_last(pieces, _):
    """The newest piece waits for the next one, or for the end."""
    held = b""
    async for piece in pieces:
        yield held
        held = piece
    yield held


async def gather(pieces, seconds):
    """What comes within so many seconds goes out together."""
    held, due = b"", None
    more = asyncio.ensure_future(anext(pieces, None))
    try:
        while True:
            left = due and max(0, due - time.monotonic())
            done, _ = await asyncio.wait({more}, timeout=left)
            if not done:
                yield held
                held, due = b"", None
                continue
            piece = more.result()
            if piece is None:
                break
            held += piece
            due = due or time.monotonic() + seconds
            more = asyncio.ensure_future(anext(pieces, None))
        yield held
    finally:
        more.cancel()


async def zip_and_hold(pieces, _):
    """zlib says when something goes out: at 32 KB or so, and at the end."""
    z = zlib.compressobj(6, wbits=31)
    held = z.compress(b"")          # gzip's own header
    async for piece in pieces:
        if more := z.compress(piece):
            yield held + more
            held = b""
    yield held + z.flush()


@dataclasses.dataclass
class Way:
    """seconds is what the way has a time for.  head_waits: the status and the
    headers wait for the first bytes of the body."""
    about: str
    pump: object = at_once
    seconds: float = 0
    head_waits: bool = False
    methods: tuple = ("GET", "POST")
    zipped: bool = False
    idle: bool = False          # cuts a connection that is silent so long
    life: bool = False          # cuts a connection that is so old
    old: bool = False           # answers as HTTP/1.0
    swallows: bool = False      # `now`: connections are dead, and nobody is told
    instead: tuple = ()         # `now`: this is the answer for so long
    strips: bool = False
    at_a_time: int = 0          # so many answers; the next request waits


WAYS = {
    "plain": Way("passes everything on at once"),
    "holds-all": Way("holds an answer until its end", hold_all,
                     head_waits=True),
    "holds-gets": Way("holds answers to GET until their end", hold_all,
                      head_waits=True, methods=("GET",)),
    **{"buffer-%dk" % k: Way("passes on full buffers of %d KB" % k,
                             in_buffers(k << 10)) for k in (1, 4, 16, 64)},
    "holds-last": Way("holds the newest piece until the next", hold_last),
    "gathers": Way("passes on every 5 s what came", gather, 5),
    "gzip-holds": Way("compresses, and flushes at the end", zip_and_hold,
                      head_waits=True, zipped=True),
    "cuts-idle": Way("cuts after 10 s without a byte", seconds=10, idle=True),
    "cuts-30": Way("cuts each connection after 30 s", seconds=30, life=True),
    "http10": Way("answers as HTTP/1.0: no chunks, then closes", old=True),
    "drops": Way("swallows all on open connections", swallows=True),
    "bad-gateway": Way("502 for 20 s", seconds=20, instead=(
        "502 Bad Gateway", GATEWAY)),
    "strips": Way("removes Last-Event-ID, Cookie, Authorization",
                  strips=True),
    "two-connections": Way("two answers at a time", at_a_time=2),
    "portal": Way("200 text/html for 20 s", seconds=20, instead=(
        "200 OK", PORTAL)),
}


# --- HTTP

class Gone(Exception):
    """One side left in the middle of a message."""


class Side:
    """A connection to a client, or to the server behind."""

    def __init__(self, reader, writer, counts=None):
        self.reader, self.writer, self.counts = reader, writer, counts
        self.early = b""            # of the next message
        self.touched = time.monotonic()

    def count(self, direction, data):
        self.touched = time.monotonic()
        if self.counts:
            self.counts[direction] += len(data)
        return data

    async def get(self, reading):
        try:
            data = await reading
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Gone from None
        return self.count("up", data)

    async def line(self):
        """A line without its end; begins with what came early."""
        early, self.early = self.early, b""
        return (early + await self.get(
            self.reader.readuntil(b"\r\n")))[:-2].decode("latin-1")

    async def head(self):
        """The first line, and the headers as (name, value)."""
        first, headers = await self.line(), []
        while line := await self.line():
            name, _, value = line.partition(":")
            headers.append((name.lower(), value.strip()))
        return first, headers

    async def body(self, headers):
        """The pieces of a body, as they come."""
        said = dict(headers)
        if said.get("transfer-encoding") == "chunked":
            while size := int((await self.line()).partition(";")[0], 16):
                yield await self.get(self.reader.readexactly(size))
                await self.line()
            await self.line()
        elif "content-length" in said:
            left = int(said["content-length"])
            while left:
                piece = await self.get(self.reader.read(min(left, 65536)))
                if not piece:
                    raise Gone
                left -= len(piece)
                yield piece
        elif "transfer-encoding" not in said:
            while piece := await self.get(self.reader.read(65536)):
                yield piece

    async def left(self):
        """Returns when the other side has closed."""
        while not self.early:
            try:
                self.early = await self.reader.read(1)
            except ConnectionError:
                return
            if not self.early:
                return
        await asyncio.Event().wait()    # a next request: we have time

    async def send(self, data):
        if not data:
            return
        self.writer.write(self.count("down", data))
        try:
            await self.writer.drain()
        except ConnectionError:
            raise Gone from None

    def cut(self):
        self.writer.transport.abort()


def message(first, headers):
    return "\r\n".join([first, *("%s: %s" % pair for pair in headers),
                        "", ""]).encode("latin-1")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


# --- the proxy

class Proxy:
    def __init__(self, way, to, seconds=None, log=None):
        self.name, self.way, self.to, self.log = way, WAYS[way], to, log
        self.seconds = self.way.seconds if seconds is None else seconds
        self.counts = {"requests": 0, "up": 0, "down": 0}
        self.tasks = {}             # connection: its client
        self.swallowed = []         # sides that nobody hears of again
        self.instead_until = 0
        self.room = asyncio.Semaphore(self.way.at_a_time or 1 << 20)

    async def listen(self, bind="127.0.0.1"):
        self.server = await asyncio.start_server(self.serve, bind, 0,
                                                 limit=1 << 20)
        return self.server.sockets[0].getsockname()[1]

    def now(self, seconds=None):
        """The harm of drops, bad-gateway and portal begins."""
        if self.way.instead:
            self.instead_until = time.monotonic() + (
                self.seconds if seconds is None else seconds)
        for task, side in list(self.tasks.items()):
            if self.way.swallows:
                self.swallowed.append(side)
            task.cancel()

    async def close(self):
        self.server.close()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for side in self.swallowed:
            side.cut()

    async def serve(self, reader, writer):
        """One connection of a client."""
        me = asyncio.current_task()
        client = self.tasks[me] = Side(reader, writer, self.counts)
        writer.transport.set_write_buffer_limits(0)     # sent: it is on its way
        clock = asyncio.create_task(self.clock(client))
        try:
            while await self.exchange(client):
                pass
        except (Gone, asyncio.CancelledError):
            pass
        finally:
            clock.cancel()
            del self.tasks[me]
            if client not in self.swallowed:
                client.cut()

    async def clock(self, client):
        """Cuts what is too old, or silent for too long."""
        born = time.monotonic()
        while self.way.idle or self.way.life:
            since = client.touched if self.way.idle else born
            left = since + self.seconds - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(left)
        else:
            return
        client.cut()

    async def exchange(self, client):
        """A request and its answer.  True: the connection stays."""
        first, headers = await client.head()
        body = b""
        if {"content-length", "transfer-encoding"} & dict(headers).keys():
            body = b"".join([p async for p in client.body(headers)])
        self.counts["requests"] += 1
        start = time.monotonic()
        answer = asyncio.create_task(self.answer(client, first, headers, body))
        left = asyncio.create_task(client.left())
        try:
            await asyncio.wait({answer, left},
                               return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Gone
            return answer.result()
        finally:
            for task in answer, left:
                task.cancel()
            await asyncio.gather(answer, left, return_exceptions=True)
            if self.log:
                print("%.2f %s: %s %.200r: %.2f s" % (
                    time.time(), self.name, first, body,
                    time.monotonic() - start), file=self.log, flush=True)

    async def answer(self, client, first, headers, body):
        async with self.room:
            if time.monotonic() < self.instead_until:
                return await self.answer_instead(client)
            behind = await self.ask(first, headers, body)
            try:
                return await self.pass_on(client, behind, first.split()[0],
                                          dict(headers))
            finally:
                if client in self.swallowed:
                    self.swallowed.append(behind)
                else:
                    behind.cut()

    async def answer_instead(self, client):
        status, page = self.way.instead
        await client.send(message("HTTP/1.1 " + status, [
            ("content-type", "text/html"),
            ("content-length", len(page))]) + page)
        return True

    async def ask(self, first, headers, body):
        try:
            behind = Side(*await asyncio.open_connection(
                *self.to, limit=1 << 20))
        except OSError:
            raise Gone from None
        drop = OURS | (STRIPPED if self.way.strips else set())
        kept = [pair for pair in headers if pair[0] not in drop]
        if body or first.startswith("POST"):
            kept.append(("content-length", len(body)))
        await behind.send(message(first, [*kept, ("connection", "close")]) +
                          body)
        return behind

    async def pass_on(self, client, behind, method, asked):
        first, headers = await behind.head()
        status, kept = first.split()[1], [
            pair for pair in headers if pair[0] not in OURS]
        way = self.way if method in self.way.methods else WAYS["plain"]
        if way.zipped and "gzip" not in asked.get("accept-encoding", ""):
            way = WAYS["plain"]
        if method == "HEAD" or status in ("204", "304"):
            await client.send(message(first, kept))
            return True
        if way.zipped:
            kept.append(("content-encoding", "gzip"))
        if way.old:
            first, wrap = first.replace("HTTP/1.1", "HTTP/1.0"), bytes
            kept.append(("connection", "close"))
        else:
            wrap = chunk
            kept.append(("transfer-encoding", "chunked"))
        waits = message(first, kept)
        if not way.head_waits:
            await client.send(waits)
            waits = b""
        async for piece in way.pump(behind.body(headers), self.seconds):
            if piece:
                await client.send(waits + wrap(piece))
                waits = b""
        await client.send(waits + (b"" if way.old else b"0\r\n\r\n"))
        return not way.old and asked.get("connection") != "close"


async def main(args):
    host, _, port = args.to.rpartition(":")
    proxy = Proxy(args.way, (host, int(port)), args.seconds,
                  sys.stderr if args.log else None)
    print(await proxy.listen(args.bind), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, *rest = line.split() or [""]
        if word == "now":
            proxy.now(*map(float, rest))
        print(json.dumps(proxy.counts), flush=True)
    await proxy.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        sys.exit(print("\n".join("%-16s %s" % (name, way.about)
                                 for name, way in WAYS.items())))
    ask = argparse.ArgumentParser(usage=__doc__.partition("usage: ")[2]
                                  .partition("\n\n")[0])
    ask.add_argument("way", choices=WAYS)
    ask.add_argument("--to", required=True)
    ask.add_argument("--seconds", type=float)
    ask.add_argument("--bind", default="127.0.0.1")
    ask.add_argument("--log", action="store_true")
    asyncio.run(main(ask.parse_args()))
