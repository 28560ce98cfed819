"""clients.py - many readers in one process, each of its own kind.

usage: clients.py DIR, with DIR/setup.json.  Each line on standard input is a
command: settle TAG... (from now on all of them read as fast as they can, and
who has got one of these events is done), finish, and stop.  The answers on
standard output are settled and finished, with the names of those who have no
stream yet, and of those who are not done.

Each client does what EventSource does: after an end or a cut it comes back
with its last id.  What it saw is in DIR/client-NAME.jsonl.  A client that
begins anew (last=, since=, no id) begins a new chain, which owes nothing to
the old one.

Three in ten streams are asked for as on a way that harms them: with beat=, age=,
poll or pad=, and some of these by POST.

A client of runs takes one that DIR/runs names, follows it until it is told that
it has ended, or leaves it, and takes another.  One with start=bare is told so
by the end of the answer, others by 204.
"""

import json
import os
import pathlib
import random
import selectors
import socket
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "web/kit")]

from client import Event, Wire, plain, request  # noqa: E402  (the path comes first)
from records import END, Writer, parts_of, tag_of  # noqa: E402

FORM = "Content-Type: application/x-www-form-urlencoded"
HEAD_S = 30     # without an answer for so long, a client asks again
PATIENT_S = 12  # so much longer some clients of runs wait to be told the end
BUSY_S = 1.0    # after so long without a rest, we were late ourselves

# lives: how long a stream is kept; sleeps: how long until it comes back;
# both (least, most) in seconds.  fast: it is held against the time limit.
KINDS = {
    "fast": dict(fast=True),
    "vanish": dict(fast=True, lives=(0.05, 4), sleeps=(0, 1)),
    "away": dict(fast=True, lives=(0.5, 6), sleeps=(2, 15)),
    "slow": dict(bytes=2048, every=0.03),
    "bytes": dict(bytes=3, every=0),
    "stall": dict(stalls=(2, 20), reads=(1, 6)),
    "last": dict(fast=True, lives=(0.5, 8), sleeps=(0, 2), anew="last=%d",
                 upto=300),
    "since": dict(lives=(0.5, 8), sleeps=(0, 2), anew="since=%ds", upto=30),
    "earliest": dict(lives=(1, 10), sleeps=(0, 4), anew="lastEventId=earliest",
                     upto=0),
    "now": dict(fast=True, lives=(0.2, 6), sleeps=(0, 1), anew="", upto=0),
    # runs: of how many at a time it is a client
    "run": dict(fast=True, lives=(0.1, 4), sleeps=(0, 2), runs=1),
    "two": dict(fast=True, lives=(0.1, 4), sleeps=(0, 2), runs=2),
    "bare": dict(fast=True, lives=(0.1, 4), sleeps=(0, 2), runs=1),
    "cgi": dict(lives=(0.5, 6), sleeps=(0, 2)),
}


class Blocks(Wire):
    """It tells of blocks that have nothing but an id, which say where a stream
    with start=bare is."""
    has_id = False

    def _field(self, line):
        if line:
            self.has_id = self.has_id or line.startswith(b"id:")
        elif self.has_id and not self._data:
            self.events.append(Event(plain(self._id), "", "", 0, self._id))
        super()._field(line)
        self.has_id = self.has_id and bool(line)


class Client:
    def __init__(self, world, name, kind, topics, seed):
        self.w, self.name, self.kind, self.topics = world, name, kind, topics
        self.how = KINDS[kind]
        self.dice = random.Random("%s %s" % (seed, name))
        self.write = Writer(world.dir / ("client-%s.jsonl" % name))
        self.write("client", topics, self.how.get("fast", False))
        self.last_id, self.sock, self.proc = None, None, None
        self.bare = kind == "bare"
        self.begins = None      # where, if it takes a run
        self.started = self.done = False
        self.wake = time.monotonic() + self.dice.uniform(0, 1)
        self.leave = self.stalled = None    # when to
        self.outgoing = b""

    def some(self, name):
        least, most = self.how[name]
        return self.dice.uniform(least, most)

    # --- opening

    def target(self):
        words = [("topic=" + urllib.parse.quote(t, safe="*/"))
                 for t in self.topics]
        if self.bare:
            words.append("start=bare")
        if self.last_id is None and self.begins:
            words.append(self.begins)
        anew = self.how.get("anew")
        if self.last_id is None and anew:
            upto = self.how["upto"]
            words.append(anew % self.dice.randint(0, upto) if upto else anew)
        if self.last_id is not None and self.dice.random() < 0.2:
            words.append("lastEventId=" + urllib.parse.quote(self.last_id))
        self.posts = False
        if not self.bare and self.dice.random() < 0.3:
            words += self.some_way()
        return "?" + "&".join(words)

    def some_way(self):
        dice = self.dice
        self.posts = self.kind != "cgi" and dice.random() < 0.3
        ways = ["beat=%d" % dice.randint(1, 3), "age=%d" % dice.randint(1, 5),
                "pad=%d" % dice.choice([1, 2, 700, 2048, 9999]),
                "poll", "poll&age=%d" % dice.randint(0, 3)]
        return dice.sample(ways, dice.randint(1, 3))

    def open(self):
        now = time.monotonic()
        if "runs" in self.how and not self.topics and not self.take_runs(now):
            return
        query = self.target()
        self.write("open", now, self.last_id, self.begins, self.bare)
        self.wire = (Blocks if self.bare else Wire)(self.last_id or "")
        self.started = self.told_status = False
        self.opened = now
        if "lives" in self.how and not self.w.settled:
            self.leave = now + self.some("lives")
            if "runs" in self.how and self.dice.random() < 0.3:
                self.leave += PATIENT_S
        if "reads" in self.how:
            self.stalled = now + self.some("reads")
        try:
            if self.kind == "cgi":
                self.open_cgi(query)
            else:
                self.open_socket(query)
        except OSError:
            self.over("none")
            return
        self.w.add(self)

    def take_runs(self, now):
        """Mostly new ones.  False: there are none."""
        names = self.w.runs()
        n = self.dice.choice([4, 4, 12, 40])
        some = names[-n:]
        if len(some) < self.how["runs"]:
            self.done = self.w.settled
            self.wake = now + 0.3
            return False
        self.topics = self.dice.sample(some, self.how["runs"])
        self.begins = self.dice.choice(
            ["lastEventId=earliest", "lastEventId=earliest",
             "last=%d" % self.dice.randint(1, 4), ""])
        self.last_id = None
        self.write("topics", now, self.topics)
        return True

    def leave_runs(self, how):
        """Has it been told that they have ended?  Or will it take others?"""
        told = self.wire.status == 204 or (
            self.bare and how == "end" and self.wire.status == 200)
        if self.wire.status == 410:
            self.last_id, self.begins = None, "lastEventId=earliest"
        if told or (how == "left" and not self.w.settled and
                    self.dice.random() < 0.4):
            self.topics = []
        self.done = self.done or (told and self.w.settled)

    def open_socket(self, query):
        self.sock = socket.socket()
        if self.kind in ("stall", "slow"):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.sock.setblocking(False)
        self.sock.connect_ex(tuple(self.w.setup["address"]))
        by_query = "lastEventId=" in query
        last_id = None if by_query else self.last_id
        if self.posts:
            self.outgoing = request(
                "/events/stream", "POST", last_id, [FORM], query[1:].encode())
        else:
            self.outgoing = request("/events" + query, last_id=last_id)

    def open_cgi(self, query):
        env = dict(os.environ, GATEWAY_INTERFACE="CGI/1.1",
                   REQUEST_METHOD="GET", QUERY_STRING=query[1:],
                   REMOTE_ADDR="127.0.0.1", **self.w.setup["env"])
        if self.last_id and "lastEventId=" not in query:
            env["HTTP_LAST_EVENT_ID"] = self.last_id
        with open(self.w.dir / "cgi.log", "ab") as log:
            self.proc = subprocess.Popen(
                [self.w.setup["program"], "serve", "--db",
                 self.w.setup["log"]], env=env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log)
        self.sock = self.proc.stdout
        os.set_blocking(self.sock.fileno(), False)
        self.outgoing = b""

    # --- reading

    def take(self):
        """Some bytes are there, or the end.  False: the stream is over."""
        size = 65536 if self.w.settled else self.how.get("bytes", 65536)
        try:
            data = os.read(self.sock.fileno(), size)
        except BlockingIOError:
            return True
        except OSError:
            return self.over("cut")
        if not data:
            return self.over("cut" if not self.wire.ended else "end")
        try:
            self.wire.feed(data)
        except Exception as e:
            self.write("note", time.monotonic(), "no stream: %r" % e)
            return self.over("broken")
        self.tell()
        if self.wire.ended or self.wire.status not in (0, 200):
            return self.over("end")
        return True

    def tell(self):
        now, wire = time.monotonic(), self.wire
        if wire.status and not self.told_status:
            self.told_status = True
            self.write("status", now, wire.status)
        while wire.events:
            self.tell_event(now, wire.events.popleft())
        if wire.status == 200 and wire.last_id:
            self.last_id = wire.last_id

    def tell_event(self, now, event):
        if event.event == "stream-start":
            self.started = True
            self.write("start", now, event.id)
        elif event.event == "stream-gap":
            about = json.loads(event.data)
            self.write("gap", now, about["reason"], about["asked"], event.id)
            # It goes on at the head, which is behind the last event.
            self.done = self.done or (
                self.w.finishing and about["reason"] == "unknown")
        elif event.event == "":
            self.write("start" if not self.started else "id", now, event.id)
            self.started = True
        elif event.event.startswith("stream-") and event.event != END:
            self.write("note", now, event.event)
        else:
            parts, data = parts_of(event.data)
            tag, whole = tag_of(data)
            more = [parts] if parts else []
            self.write("event", now, event.id, tag, whole, *more)
            self.done = self.done or tag in self.w.finals

    def over(self, how):
        now = time.monotonic()
        self.write("end", now, how)
        if "runs" in self.how:
            self.leave_runs(how)
        if self.sock is not None:
            self.w.remove(self)
            self.sock.close()
        if self.proc:
            self.proc.kill()
            self.proc.wait()
        self.sock = self.proc = self.leave = self.stalled = None
        rest = "sleeps" if how == "left" and "sleeps" in self.how else None
        if rest and not self.w.settled:
            self.wake = now + self.some("sleeps")
            if "anew" in self.how and self.dice.random() < 0.5:
                self.last_id = None
        else:
            self.wake = now + self.dice.uniform(0.02, 0.4)
        return False

    # --- time

    def tick(self, now):
        """Something whose time has come.  Returns when to look again."""
        if self.sock is None:
            if now >= self.wake and not self.done:
                self.open()
            return self.wake
        if self.done:
            self.over("left")
        elif self.leave and now >= self.leave and not self.w.settled:
            self.over("left")
        elif not self.told_status and now - self.opened > HEAD_S:
            self.over("none")
        elif self.stalled and now >= self.stalled:
            self.turn_over(now)
        return now + 0.05

    def turn_over(self, now):
        """It stops reading, or reads on."""
        if self.w.reads(self) and not self.w.settled:
            self.w.remove(self)
            self.stalled = now + self.some("stalls")
        else:
            self.w.add(self)
            self.stalled = now + self.some("reads")


class World:
    """All clients and the one loop that they share."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.setup = json.loads((self.dir / "setup.json").read_text())
        self.history = Writer(self.dir / "history.jsonl")
        self.poll = selectors.DefaultSelector()
        self.settled, self.finishing, self.finals = False, False, set()
        self.said = None
        self.resting = {}       # clients that read again later: when
        self.clients = [Client(self, *about, self.setup["seed"])
                        for about in self.setup["clients"]]
        os.set_blocking(0, False)
        self.poll.register(0, selectors.EVENT_READ, None)
        self.words = b""
        self.idle = time.monotonic()

    def runs(self):
        try:
            return (self.dir / "runs").read_text().split()
        except FileNotFoundError:
            return []

    def add(self, c):
        if not self.reads(c):
            what = selectors.EVENT_READ
            if c.outgoing:
                what |= selectors.EVENT_WRITE
            self.poll.register(c.sock, what, c)

    def remove(self, c):
        self.resting.pop(c, None)
        if self.reads(c):
            self.poll.unregister(c.sock)

    def reads(self, c):
        try:
            return self.poll.get_key(c.sock) is not None
        except (KeyError, ValueError):
            return False

    def ready(self, c, mask):
        if mask & selectors.EVENT_WRITE and c.outgoing:
            try:
                n = c.sock.send(c.outgoing)
            except OSError:
                c.over("none")
                return
            c.outgoing = c.outgoing[n:]
            if not c.outgoing:
                self.poll.modify(c.sock, selectors.EVENT_READ, c)
        if mask & selectors.EVENT_READ and c.take():
            every = 0 if self.settled else c.how.get("every", 0)
            if every:
                self.poll.unregister(c.sock)
                self.resting[c] = time.monotonic() + every

    def turn(self):
        now = time.monotonic()
        for c, when in list(self.resting.items()):
            if now >= when:
                del self.resting[c]
                self.add(c)
        for c in self.clients:
            c.tick(now)
        ready = self.poll.select(0)
        if not ready:
            self.rest()
            ready = self.poll.select(0.02)
            self.rest()
        elif time.monotonic() - self.idle > 0.25:
            self.idle_soon(now)
        for key, mask in ready:
            if key.data is None:
                self.listen()
            else:
                self.ready(key.data, mask)
        self.answer()

    def rest(self):
        """Nothing is waiting: what we read now is read in time."""
        now = time.monotonic()
        if now - self.idle > BUSY_S:
            self.history("excuse", self.idle, now, "the clients were busy")
        self.idle = now

    def idle_soon(self, now):
        """Readers of three bytes are always ready.  They are no work to
        speak of; a turn that was short was in time."""
        if time.monotonic() - now < 0.1:
            self.rest()

    # --- words

    def listen(self):
        try:
            data = os.read(0, 65536)
        except BlockingIOError:
            return
        if not data:
            sys.exit(0)
        self.words += data
        *whole, self.words = self.words.split(b"\n")
        for line in whole:
            self.obey(line.decode().split())

    def obey(self, words):
        if words[0] == "settle":
            self.settled, self.finals = True, set(words[1:])
            for c in self.clients:
                c.leave = None
                c.wake = min(c.wake, time.monotonic() + 0.5)
                if c.sock is not None:
                    self.add(c)
        elif words[0] == "finish":
            self.finishing = True
        elif words[0] == "stop":
            for c in self.clients:
                if c.sock is not None:
                    c.over("left")
            sys.exit(0)

    def answer(self):
        if not self.settled:
            return
        waiting = [c.name for c in self.clients
                   if not (c.done or not self.finishing and
                           c.sock is not None and c.started)]
        said = "%s %s" % ("finished" if self.finishing else "settled",
                          " ".join(waiting))
        if said != self.said:
            print(said, flush=True)
            self.said = said


if __name__ == "__main__":
    world = World(sys.argv[1])
    while True:
        world.turn()
