"""probes.py - checks of a running site: each answers one question.

A probe takes the site and the time it may wait.  That is LONG if the site
should be well, and SHORT if it should not, because then the probe waits for
what never comes.
"""

import json
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

from client import Crowd, Cut, Ended, Stream, is_end, request
from fronts import listens
from yard import ROOTED, alive, children, end_process, free_port, until

LONG, SHORT = 60, 1     # seconds, see above


def probe(name, *about):
    """A probe and a name for it.  The site is not well if something does
    not come in time or is cut."""
    def mark(test):
        def asked(y, patience, *more, **kw):
            try:
                return test(y, patience, *more, **kw)
            except (TimeoutError, Ended, Cut, ConnectionError) as e:
                print("# %s: %s" % (name, str(e)[:100]), file=sys.stderr)
                return False
        asked.__qualname__ = " ".join([name, *map(repr, about)])[:500]
        return asked
    return mark


def starts(y, patience):
    """It starts: some servers listen, and then find that they cannot."""
    if patience == SHORT:
        try:
            return y.server.wait(20) == 0
        except subprocess.TimeoutExpired:
            pass
    return True


def opened(y, patience, query="", **kw):
    s = y.stream(query, timeout=patience, **kw)
    assert s.status == 200 or patience == SHORT, s.status
    s.next_note("stream-start", patience)
    return s


@probe("at once")
def at_once(y, patience):
    """A stream opens, and an event comes on it."""
    s = opened(y, patience)
    y.insert("x")
    return s.next_event(patience).data == "x"


@probe("prompt")
def prompt(y, patience):
    """An event comes without delay; the fastest of ten counts."""
    s, took = opened(y, patience), []
    for _ in range(10):
        start = time.monotonic()
        y.insert("x")
        s.next_event(patience)
        took.append(time.monotonic() - start)
    return min(took) < 0.1


@probe("quiet")
def quiet(y, patience):
    """A stream lives through the silence between two heartbeats."""
    opened(y, patience).beats(1, LONG)
    return True


@probe("held back")
def held_back(y, patience):
    """A client that does not read is not sent everything."""
    opened(y, patience)
    r, sent = y.standin.take(), 0
    r.conn.settimeout(1)
    while sent < 64 << 20 and r.say(bytes(60000)):
        sent += 60000
    return sent < 64 << 20


@probe("used again")
def used_again(y, patience):
    """Connections to the server behind are used again, by POSTs and by streams
    that have ended.  The log of that server has the number of each.  patience
    plays no part: a request that opens a connection is no slower."""
    for _ in range(20):
        y.get("/events/health", method="POST", body=b"x")
    for _ in range(3):
        with socket.create_connection(y.address, LONG) as sock:
            sock.sendall(request("/events"))
            said = b""
            while not said.endswith(b"0\r\n\r\n"):
                more = sock.recv(65536)
                assert more, "it was cut: %s" % said
                said += more
    y.get("/events/health?last")
    log = y.dir / "access.log"
    until("the log has it", lambda: "?last" in log.read_text(), LONG)
    numbers = [line.split()[0] for line in log.read_text().splitlines()]
    assert len(numbers) == 24, numbers
    return len(set(numbers)) <= 4


@probe("topics")
def topics(y, patience):
    """The query reaches the responder."""
    s = opened(y, patience, "?topic=a")
    y.insert("x", "a")
    return s.next_event(patience).data == "x"


@probe("told apart")
def told_apart(y, patience):
    """The client can tell a response that was cut on its way."""
    s = opened(y, patience)
    y.standin.take().conn.close()
    try:
        s.next_event(LONG)
    except Cut:
        return True


def noticed(beats):
    """It is noticed that a client left, after so many heartbeats."""
    @probe("noticed", beats)
    def noticed(y, patience):
        s = opened(y, patience)
        r = y.standin.take()
        s.close()
        return r.beats_until_gone(beats, patience) is not None
    return noticed


def echoed(name, value, target="", **kw):
    """A parameter arrives.  For a site with echo=True."""
    @probe("echoed", name, value, target, kw)
    def arrives(y, patience):
        s = y.stream(target, timeout=patience, **kw)
        return json.loads(s.next_event(patience).data).get(name) == value
    return arrives


@probe("software")
def software(y, patience):
    """The responder is told which web server this is."""
    s = y.stream(timeout=patience)
    said = json.loads(s.next_event(patience).data)
    return said.get("SERVER_SOFTWARE", "").startswith(y.web)


# The browser's address, as a server in front passes it on.
forwarded = echoed("HTTP_X_FORWARDED_FOR", "127.0.0.3", source="127.0.0.3")
address = echoed("REMOTE_ADDR", "127.0.0.3", source="127.0.0.3")


def answer(target, status=None, kind=None, says=b"", source="", **kw):
    """The answer to a request that ends."""
    @probe("answer", target, status, kind, says, source, kw)
    def answered(y, patience):
        s, body = y.get(target, timeout=patience, source=source, **kw)
        return (status in (None, s.status) and says in body and
                (not kind or s.headers.get(
                    "content-type", "").startswith(kind)))
    return answered


health = answer("/events/health", 200, "text/plain")

RETRY = re.compile(rb"retry: ([1-9][0-9]{2,4})\nevent: stream-retry\n"
                   rb'data: {"retry":\1,"reason":"away"}\n\n')


def says_away(s, body):
    """Is all that was said the one event that the responder is away, and when
    to come back?  EventSource goes by the first line.  Other clients need an
    event, and one that is no text of theirs."""
    return (s.status == 200 and RETRY.fullmatch(body) is not None and
            s.headers.get("content-type", "").startswith("text/event-stream"))


@probe("retry")
def retry(y, patience):
    """The responder is down: a client is told to come back."""
    return says_away(*y.get("/events", timeout=patience))


@probe("retry, form")
def retry_form(y, patience):
    """So is one that asks for its stream by a form."""
    return says_away(*y.get("/events/stream", timeout=patience, method="POST",
                            body=b"topic=a"))


# A client that would take that for an answer without text.
bare = answer("/events?topic=run/7&start=bare", 503)


@probe("status")
def status_here(y, patience):
    """The port of status.conf has the figures, and the site's has not."""
    for port, status in ((y.status_port, 200), (y.port, 404)):
        for page in ("status", "metrics"):
            s = Stream(("127.0.0.1", port), "/events/" + page,
                       headers=["Accept: */*"], timeout=patience)
            s.rest()
            if s.status != status:
                return False
    return True


@probe("status host")
def status_host(y, patience):
    """It answers by the names of this machine alone.  A page of a stranger may
    let its own name lead to 127.0.0.1, and then asks by that name."""
    port = ":%d" % y.status_port
    for name, well in (("localhost", True), ("localhost" + port, True),
                       ("127.0.0.1" + port, True), ("[::1]" + port, True),
                       ("localhost:8083", True), ("", False),
                       ("stranger.example" + port, False),
                       ("localhost.stranger.example", False),
                       ("127.0.0.1.stranger.example" + port, False)):
        for path in "/events/status", "/events/metrics", "/status.html":
            asks = request(path, headers=["Accept: */*", "Connection: close"])
            with socket.create_connection(("127.0.0.1", y.status_port),
                                          patience) as sock:
                sock.sendall(asks.replace(b"localhost", name.encode(), 1))
                said = sock.makefile("rb").readline()
            allowed = said.startswith(b"HTTP/1.1 200 ")
            if allowed != well:
                print("# %s, %s: %r" % (name, path, said), file=sys.stderr)
                return False
    return True


@probe("status page")
def status_page(y, patience):
    """The port of status.conf has the page that shows the figures."""
    s = Stream(("127.0.0.1", y.status_port), "/status.html", timeout=patience)
    return (s.status == 200 and b"<title>largesse status" in s.rest() and
            s.headers["content-type"].startswith("text/html"))


@probe("status live")
def status_live(y, patience):
    """What the page listens to comes when it is made: three of them in a row.
    Of two that come together the first is a second old."""
    s = Stream(("127.0.0.1", y.status_port), "/events/status",
               timeout=max(patience, 8))
    end, early = time.monotonic() + max(patience, 8), 0
    while early < 3 and time.monotonic() < end:
        made = json.loads(s.next_note("stream-status", 8).data)["now_ms"]
        early = early + 1 if time.time() * 1000 - made < 500 else 0
    return early == 3


@probe("spread")
def spread(y, patience):
    """The clients do not all come back at once."""
    said = set()
    for _ in range(12):
        s, body = y.get("/events", timeout=patience)
        if not says_away(s, body):
            return False
        said.add(s.retry)
    return len(said) > 1 and 1000 <= min(said) and max(said) <= 10000


@probe("too many")
def too_many(y, patience):
    opened(y, patience)
    return retry(y, patience)


@probe("back")
def back(y, patience):
    """No server remembers that the responder was down."""
    assert retry(y, LONG)
    y.how = "listen"
    y.start_responder()
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            opened(y, patience)
            return True
        except Ended:
            time.sleep(0.1)


@probe("soon")
def soon(y, patience):
    """It is back two seconds after a request found the responder gone.  The
    clock of lighttpd counts whole seconds, so a third second may begin.  A
    try that was too slow on a busy machine does not count."""
    tries = 5 if patience == LONG else 2
    for _ in range(50):
        end_process(y.responder)
        before = time.monotonic()
        assert retry(y, LONG)
        second = int(time.monotonic())
        y.start_responder()
        late = int(before) != second or time.monotonic() > second + 2
        while True:
            try:
                opened(y, LONG)
                break
            except Ended:
                time.sleep(0.02)
        if not late and time.monotonic() < second + 2.6:
            return True
        tries -= not late
        if tries == 0:
            break
    return False


@probe("ends")
def ends(y, patience, query="", **kw):
    """The responder dies, and its streams end."""
    s = opened(y, LONG, query, **kw)
    end_process(y.responder, signal.SIGKILL)
    try:
        s.rest(patience)
        return True
    except Cut:
        return True
    finally:
        y.start_responder()


@probe("ends, form")
def ends_form(y, patience):
    return ends(y, patience, "/stream", method="POST", body=b"topic=main")


@probe("behind")
def behind_is_down(y, patience):
    y.stop_web()
    return retry(y, LONG)


@probe("behind, form")
def behind_is_down_for_forms(y, patience):
    y.stop_web()
    return retry_form(y, LONG)


@probe("behind, spread")
def spread_behind(y, patience):
    """The server behind is down, until the front has noticed."""
    y.stop_web()
    end = time.monotonic() + (LONG if patience == LONG else 3)
    while time.monotonic() < end:
        if y.get("/events", timeout=LONG)[0].retry != 3000:
            return spread(y, patience)
        time.sleep(0.1)


@probe("behind, health")
def health_of_nobody(y, patience):
    y.stop_web()
    return answer("/events/health", 503)(y, LONG)


@probe("behind, bare")
def bare_of_nobody(y, patience):
    y.stop_web()
    return bare(y, LONG)


@probe("behind, post")
def post_to_nobody(y, patience):
    y.stop_web()
    return answer("/events", 503, method="POST", body=b"data=x")(y, LONG)


@probe("behind, dies")
def behind_dies(y, patience):
    """The server behind dies after the request, before its answer."""
    with socket.create_connection(y.address, LONG) as sock:
        sock.sendall(request("/events"))
        y.standin.take()
        y.kill_web()
        return b" 200 OK\r\n" in sock.recv(4096)


def stop_fcgiwrap(y):
    """It does not end its workers, which take requests as long as they live,
    and it starts new ones when all have ended: so it ends first."""
    until("all workers are there",
          lambda: len(children(y.responder.pid)) == 8)
    workers = children(y.responder.pid)
    end_process(y.responder)
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    for pid in workers:
        until("worker %d is gone" % pid, lambda: not alive(pid))


@probe("responder")
def responder_is_down(y, patience):
    stop_fcgiwrap(y)
    return retry(y, patience)


@probe("responder, bare")
def bare_when_down(y, patience):
    stop_fcgiwrap(y)
    return bare(y, patience)


@probe("lives")
def lives(y, patience):
    """A stream lives through six heartbeats."""
    opened(y, patience).beats(6, LONG)
    return True


@probe("private")
def private_socket(y, patience):
    """The socket belongs to www-data, as with largesse.socket."""
    if ROOTED:
        shutil.chown(y.path, "www-data", "www-data")
    os.chmod(y.path, 0o660)
    return at_once(y, patience)


def descriptors_for(n):
    """Raises our own limit; the servers that run already keep theirs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, n + 200), hard))


def crowd(n):
    """So many streams can be open at once."""
    @probe("crowd", n)
    def holds(y, patience):
        descriptors_for(n)
        c = Crowd(y.address, n, "/events")
        try:
            c.until(lambda w: w.events and not is_end(w.events[0]),
                    40 if patience == LONG else 3)
            return True
        finally:
            c.close()
    return holds


@probe("ordinary")
def ordinary(y, patience):
    """An ordinary user can start it.  For a site with start=False."""
    y.port = free_port()
    argv = getattr(y, "configure_" + y.web)()
    y.changes.check()
    who = {}
    if ROOTED:
        who = dict(user="nobody", group="nogroup", extra_groups=[])
        for path in (y.dir, *y.dir.iterdir()):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1,
                     follow_symlinks=False)
    with open(y.dir / "start.log", "w") as log:
        proc = subprocess.Popen(argv, cwd=y.dir, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, **who)
    good = until("it listens or ends", lambda: listens(proc, y.port))
    end_process(proc)
    return good == "yes"


def silent_start(name, words):
    """It starts, and no log has a message like this."""
    @probe("silent", name, words)
    def silent(y, patience):
        return words not in "".join(text for log, text in y.logs()
                                    if log.endswith(name))
    return silent


def file_of(name):
    @probe("file", name)
    def there(y, patience):
        end = time.monotonic() + patience
        while not any(y.dir.glob(name)) and time.monotonic() < end:
            time.sleep(0.05)
        return any(y.dir.glob(name))
    return there


@probe("www-data's")
def user(y, patience):
    """The server listens first, and then becomes another user."""
    wanted = pwd.getpwnam("www-data").pw_uid
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if os.stat("/proc/%d" % y.server.pid).st_uid == wanted:
            return True
        time.sleep(0.05)
    return False


@probe("discreet")
def discreet(y, patience):
    """A token or a signature in a URL is not kept in the access log; other
    requests are."""
    y.stream("?access_token=secret1").close()
    y.get("/events?access_token=secret2", method="POST", body=b"data=x")
    y.get("/events/health?access_token=secret3")
    for name in ("access%5Ftoken", "%61ccess_token", "acc%65ss_tok%65n",
                 "Access_Token", "topic=a;access_token", "x=%20&access%5ftoken",
                 "&&access%5Ftoken"):
        y.get("/events?%s=secret4" % name, method="POST", body=b"data=x")
        y.get("/events/status?%s=secret5" % name)
    y.get("/events?topic=a&expires=1&sign=secret6")
    y.get("/events?sign=secret7", method="POST", body=b"data=x")
    y.get("/events?topic=a&si%67n=secret8")
    y.get("/demo.css?x=y")
    if y.fronts:
        y.fronts[-1].stop()     # then it writes its log
        said = (y.fronts[-1].dir / "access.log").read_text()
    else:
        y.stop_web()
        said = (y.dir / "access.log").read_text()
    return "/demo.css" in said and "secret" not in said


@probe("behind, discreet")
def discreet_behind(y, patience):
    y.stop_web()
    return discreet(y, patience)


@probe("workers")
def worker_a_core(y, patience):
    return until("a worker for each core", lambda: len(
        y.web_workers()) == len(os.sched_getaffinity(0)), patience)


def processes(n):
    @probe("processes", n)
    def so_many(y, patience):
        at_once(y, patience)
        return len(y.pids()) == n
    return so_many


def backlog(n):
    """What the kernel says of the listening socket."""
    @probe("backlog", n)
    def queue(y, patience):
        said = subprocess.run(["ss", "-ltnH", "sport = :%d" % y.port],
                              check=True, capture_output=True, text=True)
        return int(said.stdout.split()[2]) == n
    return queue
