#!/usr/bin/python3
"""site.py - a site with ways to it, for test.mjs: commands on stdin.

	way NAME [SECONDS]	a proxy of proxy.py before the site: its address
	front NAME		a real server (real.py) before it: its address, and
				what counts there: {url, key}
	now KEY [SECONDS]	the harm of this way begins
	publish [MS...]		events at random distances, or at these; no more
				after `publish 0`
	rows TOPIC N		so many rows at once
	published		what the publisher has inserted: [[n, time], ...]
	counts			of all ways: requests, bytes
	streams			how many the responder has
	token			for the topic `closed`

Each command is answered with one line of JSON when it is done; a way is named by
its address.  At the end of stdin everything is stopped.  WAYS_JS names another
largesse.js than that of this tree.  ADDRESS is where the ways listen.

The publisher writes each event to `open`, which is public, and to `closed`.  Its
data is a number that counts up, and the time of the insert by this machine's clock.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path[:0] = [str(HERE), str(TESTS / "browser"), str(TESTS / "web/kit"),
                str(TESTS / "web")]

import hosts  # noqa: E402  (the path comes first)
import tokens  # noqa: E402
from client import Stream  # noqa: E402
from proxy import WAYS, Proxy  # noqa: E402
from real import FRONTS, TLS, Front  # noqa: E402
from yard import LOAD, ROOT  # noqa: E402

LEAST_MS, MOST_MS = 200, 4000       # between two events


class Ways:
    """The proxies, in a thread of their own."""

    def __init__(self, bind, log):
        self.bind, self.log, self.all = bind, log, {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    def add(self, name, to, seconds=None):
        async def listen():
            proxy = Proxy(name, to, seconds, self.log)
            proxy.port = await proxy.listen(self.bind)
            return "http://%s:%d" % (self.bind, proxy.port), proxy
        url, proxy = self.run(listen())
        self.all[url] = proxy
        return url

    def now(self, url, *seconds):
        async def now():
            self.all[url].now(*map(float, seconds))
        self.run(now())

    def counts(self):
        return {url: dict(p.counts) for url, p in self.all.items()}

    def close(self):
        for proxy in self.all.values():
            self.run(proxy.close())


class Publisher:
    """Inserts events in a thread, until it is told to stop."""

    def __init__(self, y):
        self.y, self.thread = y, None
        self.sent = []              # (number, time in ms)

    def insert(self, db):
        n, now = len(self.sent), int(time.time() * 1000)
        data = json.dumps({"n": n, "at": now})
        self.sent.append((n, now))
        db.execute("INSERT INTO events(topic, data) VALUES ('open', ?), "
                   "('closed', ?)", (data, data))

    def distances(self, given):
        while not given:
            yield random.randint(LEAST_MS, MOST_MS)
        yield from given

    def run(self, given):
        db = self.y.connect()
        for ms in self.distances(given):
            if self.stop.wait(ms / 1000):
                break
            self.insert(db)
        db.close()

    def start(self, given):
        self.end()
        self.stop = threading.Event()
        if given == [0]:
            return
        self.thread = threading.Thread(target=self.run, args=(given,))
        self.thread.start()

    def end(self):
        if self.thread:
            self.stop.set()
            self.thread.join()
        self.thread = None


class Site(hosts.Site):
    """The page and the library stand beside the stream, as on any site."""

    def __init__(self):
        super().__init__("nginx", program=LOAD, status=True, start=False)
        self.options += [*tokens.options(self.dir, "http://localhost"),
                         "--public", "open", "--public", "many"]
        page = self.dir / "demo" / "ways"
        page.mkdir()
        shutil.copy(HERE / "page.html", page / "index.html")
        library = os.environ.get("WAYS_JS", ROOT / "deploy/js/largesse.js")
        if pathlib.Path(library).exists():
            shutil.copy(library, page / "largesse.js")
        self.front = []
        self.begin()

    def connect(self):
        return sqlite3.connect(self.log, timeout=20, isolation_level=None)

    def open_streams(self):
        with contextlib.closing(Stream(("127.0.0.1", self.status_port),
                                       "/events/status",
                                       headers=["Accept: */*"])) as s:
            return json.loads(s.rest())["streams"]

    def rows(self, topic, n):
        self.publisher().execute("BEGIN")
        self.publisher().executemany(
            "INSERT INTO events(topic, data) VALUES (?, ?)",
            ((topic, json.dumps({"n": i, "at": 0})) for i in range(n)))
        self.publisher().execute("COMMIT")


def before(y, ways, name):
    """A real server.  What counts is in front of it; behind it, if it has TLS."""
    key = ways.add("plain", y.address) if name in TLS else None
    front = Front(y, name, ways.all[key].port if key else y.address[1])
    y.front.append(front)
    if key:
        return {"url": front.url, "key": key}
    key = ways.add("plain", front.address)
    return {"url": key, "key": key}


def obey(y, ways, publisher, command, rest):
    if command == "way":
        return ways.add(rest[0], y.address, *map(float, rest[1:]))
    if command == "front":
        return before(y, ways, rest[0])
    if command == "now":
        ways.now(*rest)
    elif command == "publish":
        publisher.start([int(ms) for ms in rest])
    elif command == "rows":
        y.rows(rest[0], int(rest[1]))
    elif command == "published":
        return publisher.sent
    elif command == "counts":
        return ways.counts()
    elif command == "streams":
        return y.open_streams()
    elif command == "token":
        return tokens.sign({"exp": int(time.time()) + 3600, "largesse": {
            "subscribe": ["closed"]}})
    else:
        raise ValueError(command)
    return True


def main():
    y = Site()
    log = open(y.dir / "ways.log", "a")
    ways = Ways(os.environ.get("ADDRESS", "127.0.0.1"), log)
    publisher = Publisher(y)
    try:
        # And two that cut sooner than the library expects.
        print(json.dumps({"url": y.url, "dir": str(y.dir),
                          "ways": [*WAYS, "cuts-idle 4", "cuts-30 8"],
                          "fronts": list(FRONTS)}), flush=True)
        for line in sys.stdin:
            command, *rest = line.split()
            print(json.dumps(obey(y, ways, publisher, command, rest)),
                  flush=True)
    finally:
        publisher.end()
        ways.close()
        if os.environ.get("WAYS_KEEP"):
            shutil.copy(y.dir / "ways.log", os.environ["WAYS_KEEP"])
        for front in y.front:
            front.stop()
        y.close()


if __name__ == "__main__":
    os.umask(0o022)
    main()
