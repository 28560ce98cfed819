"""test_events_php.py - events.php does what the program does.

The first half asks events.php and the program the same, each by plain CGI and
on the same log, and compares their answers to the byte.  Only times are left
out.  So what is right is said once, in the tests of the program.
The second half is a host that runs no programs: real Apache, and PHP as a CGI
program or in php-fpm.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from client import Ended, Follower, Stream
from fronts import listens
from tap import each
from test_auth import Php
from test_shared import Host
from yard import (LOAD, ROOT, ROOTED, end_process, free_port, put, until)

SECRET = "a secret of forty bytes and a few more.."      # that of forge.h
OTHER = "another secret of at least thirty-two bytes"
T = 1700000000000
# Without php.ini, which brings all extensions there are: it takes half the time.
PHP_CGI = ["php-cgi", "-n", "-d", "extension=pdo.so", "-d",
           "extension=pdo_sqlite.so", "-d", "error_log=php.log"]
OURS = {"stream-start", "stream-retry"}     # if nothing was lost
WAYS = ("events.php", "largesse.cgi", "largesse.fcgi")
RULE = "RewriteRule ^events(/.*)?$ %s$1 [L]"


# --- the same question to both -------------------------------------------------

class Pair:
    """The folder for a host, its log, and both that answer from it.  Without a
    key of the test's everybody may read all topics."""

    def __init__(self, key=None, init=True):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="largesse-pair-"))
        shutil.copytree(ROOT / "deploy/shared", self.dir, dirs_exist_ok=True)
        self.log = self.dir / "data" / "events.db"
        (self.dir / "data" / "key").write_text((key or SECRET) + "\n")
        self.settings = {"LARGESSE_KEY_FILE": "data/key"}
        if not key:
            self.settings["LARGESSE_PUBLIC"] = "*"
        if init:
            self.init(self.log)
        self.pool = ThreadPoolExecutor(12)
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown()
        if self.server:
            self.server.end()
        shutil.rmtree(self.dir)

    def init(self, log):
        subprocess.run([LOAD, "init", log, "--keep-rows", "10000", "--quiet"],
                       check=True, timeout=60)

    def sql(self, sql, *values):
        db = sqlite3.connect(self.log, timeout=20)
        with db:
            rows = db.execute(sql, values).fetchall()
        db.close()
        return rows

    def sqls(self, sql):
        """In one transaction."""
        db = sqlite3.connect(self.log, timeout=20)
        db.executescript("BEGIN; %s; COMMIT" % sql)
        db.close()

    def insert(self, topic="main", event=None, data="x", uid=None, at=T):
        """CAST, for Python binds what is no UTF-8 as a BLOB."""
        self.sql("INSERT INTO events(topic, event, data, uid, time) VALUES"
                 "(?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)",
                 topic, event, data, uid, at)

    def run(self, argv, query="", method="GET", uri="/events", body=None,
            **more):
        env = {"PATH": os.environ["PATH"], "GATEWAY_INTERFACE": "CGI/1.1",
               "REQUEST_METHOD": method, "QUERY_STRING": query,
               "REQUEST_URI": uri, "SERVER_PROTOCOL": "HTTP/1.1",
               "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"}
        if body is not None:
            env["CONTENT_LENGTH"] = str(len(body))
        env.update(more)
        env = {name.encode(): value if isinstance(value, bytes) else
               value.encode("latin-1") for name, value in env.items()}
        ran = subprocess.run(argv, env=env, input=body or b"", timeout=120,
                             capture_output=True, cwd=self.dir)
        return answer(ran.stdout)

    def program(self, *asked, **more):
        more = {"LARGESSE_DB": "data/events.db", "LARGESSE_MAX_AGE": "1",
                "LARGESSE_PUBLISH": "1", **self.settings, **more}
        return self.run([LOAD], *asked, **more)

    def php(self, *asked, **more):
        more = {"LARGESSE_PHP_HOLD_S": "0", "REDIRECT_STATUS": "1",
                "SCRIPT_FILENAME": str(self.dir / "events.php"),
                **self.settings, **more}
        return self.run(PHP_CGI, *asked, **more)

    def served(self, query, more):
        """By PHP's own server, if that can be asked so: a PHP that is started
        for each question takes most of the time."""
        names = {name for name in more if not name.startswith("HTTP_")}
        if " " in query or names - {"method", "body", "CONTENT_TYPE"}:
            return self.php(query, **more)
        return self.server.answer(query, **more)

    def again(self, question, answers):
        """If they differ: on a busy machine one second is too short."""
        query, more = question
        if answers[0] == answers[1]:
            return answers
        return (self.program(query, **{**more, "LARGESSE_MAX_AGE": "15"}),
                self.php(query, **more))

    def same(self, questions):
        """Each question is the words of run().  Returns the answers."""
        self.server = self.server or OneProcess(self)
        questions = [q if isinstance(q, tuple) else (q, {}) for q in questions]
        answers = list(self.pool.map(lambda q: (
            self.program(q[0], **q[1]), self.served(*q)), questions))
        answers = list(self.pool.map(self.again, questions, answers))
        for question, (theirs, ours) in zip(questions, answers):
            assert theirs == ours, "%s\nlargesse   %s\nevents.php %s" % (
                short(question), short(theirs), short(ours))
        return [theirs for theirs, _ in answers]


def short(what):
    return repr(what)[:1500]


def answer(text):
    """Status, headers and body of a CGI program's answer."""
    head, _, body = text.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip().replace(";charset", "; charset")
    status = int(headers.pop("status", "200").split()[0])
    return status, headers, hide_times(body)


def hide_times(body):
    """When to come back, what time it is, and how long a token is good."""
    body = re.sub(rb"(?m)^retry: [0-9]+$", b"retry: N", body)
    return re.sub(rb'(?m)^(data: .*"(?:retry|time|seconds)":)[0-9]+', rb"\1N",
                  body)


def ids(body):
    return [i.decode() for i in re.findall(rb"(?m)^id: (.*)$", body)]


def header(id):
    return "topic=*", {"HTTP_LAST_EVENT_ID": id}


ROWS = (
    ("main", None, "hello", None), ("main", "x", "a\nb\r\nc\rd\n", None),
    ("news", None, "", "u-1"), ("news", "stream-gap", "forged", None),
    ("a/b", "stream-", "x", "two words"), ("a/c", None, "\u00e9", "earliest"),
    ("main", b"bad\xff\xe0\xa0z", "\0nul\0", None),
    ("main", "ev\r\nid: 9\0", b"\xed\xa0\x80\xf0\x90\x80 \xc3\xa9 \xf4\x90",
     "41-abcd"), ("main", "", "\r\n\r\n", "?"), ("t\u00e4g*x", None, "*", None),
    ("main", None, "long uid", "A~" * 64), ("main", None, "u", "A" * 129),
    ("zz", "stream-end", "end", None), ("zz", "\x7f\x01", "\x1b[0m", None))


def fill(p):
    for i, row in enumerate(ROWS):
        p.insert(*row, at=T + 60000 * i)
    for odd in (-5, 2 ** 62, "text"):
        p.insert("odd", data="odd", at=odd)


ASKED = {
    "topics": [
        "", "topic=*&lastEventId=earliest", "topic=a/*&last=9",
        "topic=news&topic=main&last=3", "topic=main&topic=main&topic=n*",
        "topic=", "topic=a*b", "topic=%ff", "topic=a%01", "topic=%C2%85",
        "topic=" + "a" * 255, "topic=" + "a" * 256, "topic=%22q%22%5C+",
        "&".join("topic=t%d" % i for i in range(16)),
        "&".join("topic=t%d" % i for i in range(17)),
        "topic=b&topic=10&topic=9&topic=1*&topic=*&topic=+&topic",
        "topic=%7Buser%7D", "topic=x/{user}*", "%74opic=news&last=9"],
    "starts": [
        "last=x", "last=", "last=0", "last=99999999999999999999",
        "last=2&since=1s", "last=0&since=9w", "since=9w&last=2", "last=1%00",
        "lastEventId=3&last_event_id=5", "lastEventId=&last=2",
        "lastEventID=u-1&topic=news", "lastEventId=%e9", "lastEventId=%00",
        "lastEventId=" + "9" * 40, "lastEventId=" + "z" * 129,
        "lastEventId=?", "lastEventId=+3", "lastEventId=03", "lastEventId=0",
        "lastEventId=99", "lastEventId=18446744073709551616",
        "lastEventId=9223372036854775807", "lastEventId=3-abcd",
        "lastEventId=9223372036854775808-abcd", "lastEventId=41-abcd",
        "lastEventId=41-abcd&topic=news", "lastEventId=3-", "lastEventId=-3",
        "lastEventId=a%22b%5Cc", "lastEventId=two+words&topic=a/*",
        "lastEventId=" + "A~" * 64, "lastEventId=u-1"],
    "names": [
        "topic[]=a", "Topic=a", "topics=a", "tpoic=a", "topi=a", "top=a",
        "_=1", "amp;topic=a", "lastid=3", "lastsEventId=4", "Last=1",
        "lasteventID=4", "lasts=2", "laste=1", "last_id=2", "sinec=1",
        "topicc[x]=1", "=5", "&&", "last-event-id=1", "amp;=1", "xtopic=1",
        "ottpic=1", "access_token=%00", "access_tokn=1", "lastEventId",
        "topicx%00=1", "acces=token", "totpic=1", "tocip=1"],
    "times": ["topic=*&since=" + s.replace("+", "%2B") for s in (
        "", "1x", "10m", "9999w", "99999999999999999999w", "1700000000",
        "1700000060000", "999999999", "9223372036854775807", "1.5s", " 1s",
        "9223372036854775808", "2023-11-14T22:15:00Z", "20231114T221500Z",
        "2023-11-14T22:15:00.123+01:00", "2023-11-14 22:15:00 01:00",
        "20231114", "2023-11-14", "2023-11-14T22", "2023-11-14T22:15:",
        "2023-02-30", "2024-02-29", "2023-00-10", "2023-11-14T24:00",
        "2023-11-14T22:15:00+0100", "2023-11-14T22:15:00+01:",
        "2023-11-14T23:15:00+01:00[Europe/Berlin][u-ca=x]",
        "2023-11-14T22:15:00[]", "+002023-11-14", "-000000-01-01",
        "-000001-01-01", "+999999-12-31T00:00Z", "0000-01-01", "0099-01-01",
        "2023-1114", "2023-11-14T221500", "20231114T22:15",
        "2023-11-14T22:15:00,5", "2023-11-14T22:15:00.",
        "2023-11-14T22:15:00 Z", "2023-11-14T22:15:00  01",
        "2023-11-14T22:15:00 -01:00", "2023-11-14T22:15:00+01:00:30.5",
        "2023-11-14T22:15:60Z", "1969-12-31")],
    "headers": [header(str(i)) for i in range(0, 20, 3)] + [
        ("lastEventId=3&topic=*", {"HTTP_LAST_EVENT_ID": "5"}),
        ("lastEventId=3&topic=*", {"HTTP_LAST_EVENT_ID": ""}),
        ("last=2", {"HTTP_LAST_EVENT_ID": "earliest"}),
        ("last=2", {"HTTP_LAST_EVENT_ID": b"\xc3\xa9"})],
    "pages": [("", {"uri": uri, "method": method}) for uri in (
        "/events/health", "/events/status", "/events/x", "/live/events.php",
        "/events/health?x=/a", "/events/health/", "/a?b=/health")
        for method in ("HEAD", "POST", "OPTIONS", "PUT", "GET")] + [
        ("", {"uri": "/events" + path, "PATH_INFO": path})
        for path in ("/health", "/", "/x", "/health/", "/metrics")] + [
        ("topic=", {"method": "HEAD"})],
}


@each("about", ASKED)
def test_php_answers_the_same(about):
    with Pair() as p:
        fill(p)
        p.same(ASKED[about])


def test_php_has_the_same_ids():
    """And takes each of them back, also where the topic is not asked for."""
    with Pair() as p:
        fill(p)
        p.insert("big", data="x" * 1048577)
        p.insert("big", data="z" * 2162689)     # which the program never reads
        p.insert(b"bytes", data="the topic is a BLOB")
        p.insert("big", event="t", data="y" * 1048570)
        all = p.same(["topic=*&lastEventId=earliest", "topic=big&topic=bytes"
                      "&lastEventId=earliest", "topic=bytes&last=1"])
        told = ids(all[0][2]) + ids(all[1][2])
        assert "1-qu7a" in told and len(set(told)) >= len(ROWS) + 7, told
        assert all[1][2].count(b'"too-large"') == 2
        assert b"a BLOB" in all[1][2] and b"a BLOB" in all[2][2]
        large = "%d" % p.sql("SELECT max(id) - 2 FROM events")[0]
        assert large in told, told
        few = "topic=main&topic=news&topic=a/*&topic=odd&topic=t*&topic=zz"
        p.same([header(told[-1]), *((few, {"HTTP_LAST_EVENT_ID": i}) for i in (
            *told, "3-a222", "99-a222", "1" + told[1], told[1] + "x",
            large + "-a222"))])


def copied(log, to):
    """As .backup and .restore do it."""
    dbs = sqlite3.connect(log), sqlite3.connect(to)
    dbs[0].backup(dbs[1])
    for db in dbs:
        db.close()


def test_php_tells_the_same_gaps():
    """Of a pruned place, another life of the log (an older copy is restored,
    times are set back, ids begin again), a uid that is lost, another log."""
    with Pair() as p:
        for i in range(40):
            p.insert(uid="u%d" % i if i % 3 == 0 else None, at=T + i)
        copy = p.dir / "copy.db"
        copied(p.log, copy)
        for i in range(40, 50):     # rows that the copy does not have
            p.insert(uid="u%d" % i if i % 3 == 0 else None, at=T + i)
        told = ids(p.program("lastEventId=earliest")[2])[1:]
        assert len(told) == 50, told
        copied(copy, p.log)
        for i in range(12):         # other rows of the same numbers
            p.insert(at=T + 1000 + i)
        gaps = [b'"reason":"unknown"' in a[2] for a in p.same(
            [header(i) for i in told[30:]])]
        assert gaps == [False] * 10 + [True] * 10, gaps
        told = told[::3] + ids(p.program("lastEventId=earliest")[2])[-3:]
        back = [("", {"HTTP_LAST_EVENT_ID": i}) for i in told] + [
            ("topic=b", {"HTTP_LAST_EVENT_ID": i}) for i in told[:6]] + [
            ("lastEventId=%d" % i, {}) for i in range(0, 60, 13)] + [
            "last=3", "topic=*&last=9", "topic=b&last=1", "since=1700000000",
            "lastEventId=earliest"]

        def gaps(reason):
            n = b"".join(a[2] for a in p.same(back)).count(
                b'"reason":"' + reason)
            assert n > 0, "no place is " + reason.decode()

        p.sql("DELETE FROM events WHERE id <= 20")
        gaps(b"pruned")
        p.sql("UPDATE events SET time = time - 5 WHERE id > 30")
        gaps(b"unknown")
        p.sql("UPDATE events SET uid = 'moved' WHERE uid = 'u21'")
        p.insert("b", uid="u3")
        p.insert("b", uid="u21")
        gaps(b"unknown")
        p.sql("DELETE FROM events")
        gaps(b"pruned")
        p.sql("UPDATE sqlite_sequence SET seq = 5 WHERE name = 'events'")
        for i in range(20):     # the same numbers again, written now
            p.insert(at=int(time.time() * 1000) + 5000)
        gaps(b"unknown")
        os.unlink(p.log)
        for tail in ("-wal", "-shm"):
            pathlib.Path(str(p.log) + tail).unlink(missing_ok=True)
        p.init(p.log)
        p.insert()
        gaps(b"unknown")


# --- topics that end -----------------------------------------------------------

RUNS = (    # numbers 1 to 13
    ("run/1", None, "one", None), ("run/2", None, "open", None),
    ("run/1", "x", "a\nb", "r-1"), ("run/3", "stream-end", "", None),
    ("run/1", "stream-end", "done", None), ("run/4", "stream-end", "a\nb",
                                            "end-of-4"),
    ("run/3", None, "again", None), ("run/5", None, "x" * 1048577, "big-5"),
    ("run/5", "stream-end", "y" * 1048577, None), ("run/6", "stream-end\n",
                                                   "", None),
    ("run/7", "stream-end2", "", None), ("run/8", "Stream-end", "", None),
    ("main", None, "m", None))

MANNERS = [
    "start=bare", "start=event", "start=", "start", "start=Bare", "start=x",
    "start=bare%00", "start=bare&start=event", "start=event&start=bare",
    "end=[DONE]", "end=", "end", "end=a%0Ab%0D%0Ac&endEvent=update",
    "end=%ff%00&endEvent=a%0Ab%ff", "end=1&endEvent=stream-gap",
    "end=1&endEvent=stream-end", "endEvent=x", "end=a&end=b&endEvent=",
    "start=bare&end=</stream>&endEvent=update", "end=" + "x" * 255,
    "end=" + "x" * 256, "end=1&endEvent=" + "x" * 255, "endEvent=" + "x" * 256,
    "end=" + "%C3%A9" * 127, "end=" + "%C3%A9" * 128, "active", "active=1",
    "active=", "active=0", "active=11", "active=%31", "active=yes",
    "active&start=bare", "endevent=1", "EndEvent=1", "end-event=1", "edn=1",
    "endEvnt=1", "ends=1", "activ=1", "strat=bare", "endEvent[]=1"]

ENDED = [
    "topic=run/1&lastEventId=%s" % i for i in (
        "earliest", 0, 1, 3, "r-1", 4, 5, 6, 13, 14, "5-aaaa", "nowhere")] + [
    "topic=run/1&topic=run/4&" + q for q in (
        "lastEventId=5", "lastEventId=6", "lastEventId=end-of-4", "last=1",
        "", "last=0", "last=9", "since=1d", "since=1700000000", "active")] + [
    "topic=run/%d%s" % (n, q) for n in (1, 4, 5) for q in (
        "", "&last=1", "&lastEventId=earliest", "&active")]

OPEN = [
    "topic=run/%s%s" % (n, q) for n in ("2", "3", "6", "7", "8", "9", "*")
    for q in ("", "&lastEventId=earliest", "&active")] + [
    "topic=run/1&topic=run/2&lastEventId=earliest",
    "topic=run/1&topic=run/9&active", "topic=run/1&topic=none*&active",
    "topic=run/9&topic=none&active", "active&since=1d", "topic=run/*&last=2"]


def fill_runs(p):
    for i, row in enumerate(RUNS):
        p.insert(*row, at=T + 60000 * i)


def bare(query):
    return query + "&start=bare" + "&end=%5BDONE%5D"


def test_php_ends_topics_the_same():
    with Pair() as p:
        fill_runs(p)
        told = p.same(ENDED + OPEN + [bare(q) for q in ENDED] + [
            "topic=run/1&last=9&" + q for q in MANNERS] + [
            ("topic=run/1" + q, more) for q in ("", "&last=9&start=event",
                                                "&last=2", "&last=0")
            for more in ({"LARGESSE_START": "bare"}, {"method": "HEAD"}, {
                "LARGESSE_START": "bare", "HTTP_LAST_EVENT_ID": "99"})] + [
            signed("topic=run/1&lastEventId=0&start=bare&" + LATER, more=q)
            for q in ("", "&end=x", "&lastEventId=5", "&active")] + [
            ("start=x&end=" + "x" * 256, {"uri": "/events/health"})])
        assert {204, 200, 400, 410} == {a[0] for a in told}
        for about in (rb"\nevent: stream-end\ndata: done\n\n$", rb"over the",
                      rb"\n\nid: 5-\w{4}\n\ndata: \[DONE\]\n\n$"):
            assert any(re.search(about, a[2]) for a in told), about
        p.sql("DELETE FROM events WHERE id < 4")
        told = p.same([bare("topic=run/1&lastEventId=%d" % i)
                       for i in range(6)] + [bare("topic=run/1&since=9999w")])
        assert [a[0] for a in told] == [410] * 3 + [200] * 2 + [204, 200]
        p.insert(b"bytes", data="the topic is a BLOB")  # then none ends
        p.same(ENDED)


def test_php_keeps_a_bare_stream_open_until_it_has_ended():
    """It says what the program says, and then waits for the end, longer than
    any other answer."""
    with Pair() as p:
        fill_runs(p)
        queries = ["topic=run/2&start=bare&lastEventId=earliest",
                   "topic=run/1&topic=run/2&start=bare&last=5",
                   "topic=run/2&start=bare", "topic=run/*&start=bare&last=9"]
        held = [Holding(p, q, hold="0.01") for q in queries]
        told = [p.program(q)[2] for q in queries]
        for h, said in zip(held, told):
            assert said.startswith(b"id: ") and b"stream-" not in said
            until("all is told", lambda: h.body() == said)
        # Where no request is kept open, the client is not deceived.
        for q in queries:
            status, headers, body = p.php(q)
            assert status == 503 and b"not all of it" in body, body
            assert headers["retry-after"].isdigit(), headers
        p.insert("run/2", data="two")
        for h in held:
            until("the news", lambda: h.body().endswith(b"\ndata: two\n\n"))
        p.insert("run/2", "stream-end", "done")
        for h in held[:3]:
            assert h.proc.wait(60) == 0
            assert re.search(rb"\ndata: two\n\n(:\n+)*id: 15-\w+\n\n$",
                             h.body()), h.body()
        until("the prefix", lambda: re.search(rb"id: 15-\w+\n\n$",
                                              held[3].body()))
        assert held[3].proc.poll() is None
        for h in held:
            end_process(h.proc)


def test_php_ends_a_stream_with_its_topics():
    with Pair() as p:
        fill_runs(p)
        with Holding(p, "topic=run/2&topic=run/3&end=over") as h:
            until("it waits", lambda: b"stream-start" in h.said)
            for n in 2, 3:
                assert h.proc.poll() is None
                p.insert("run/%d" % n, "stream-end", "end of %d" % n)
            assert h.proc.wait(60) == 0
            assert h.body().endswith(b"data: end of 3\n\ndata: over\n\n")
            assert h.body().count(b"retry:") == 1


def test_php_sends_a_bare_stream_no_gap():
    """It ends without a word, and not with its last block."""
    with Pair() as p:
        fill_runs(p)
        for sql in ("UPDATE largesse SET value = 'f' WHERE key = 'log'",
                    "UPDATE largesse SET value = 99 WHERE key = 'pruned';"
                    " DELETE FROM events WHERE id < 99;"
                    " INSERT INTO events(id, topic) VALUES(100, 'run/2')"):
            with Holding(p, bare("topic=run/2&lastEventId=2")) as h:
                until("it waits", lambda: h.body() != b"")
                p.sqls(sql)
                assert h.proc.wait(60) == 0
                assert re.fullmatch(rb"id: 2-\w+\n\n", h.body()), h.said


def test_php_tells_a_bare_client_of_a_busy_log():
    with Pair() as p:
        misfits(p, p.php(LARGESSE_START="all"), "neither event nor bare")
        p.log.write_bytes(p.log.read_bytes()[:2000])
        for said in p.php("start=bare"), p.php(LARGESSE_START="bare"):
            assert said[0] == 503 and said[2] == b"busy: come back\n", said
            assert said[1]["retry-after"].isdigit(), said


# --- rows that were removed from the middle -------------------------------------

FOLD = ("DELETE FROM events WHERE id IN (5, 6)", "UPDATE largesse_cuts SET"
        " id = 7, folded = 1 WHERE topic = 'run/2'")


def test_php_tells_the_same_cuts():
    with Pair() as p:
        for topic in ("main", "run/1", "run/1", "run/1", "run/2", "run/2",
                      "run/2", "main"):
            p.insert(topic, uid="u" if topic == "main" else None)
            p.sql("UPDATE events SET uid = NULL")
        p.insert("run/1", uid="uid-9")
        p.insert("run/2", "stream-end")
        told = ids(p.program("topic=*&lastEventId=earliest")[2])[1:]
        asks = ["topic=%s&lastEventId=%s" % (t, i) for i in told + [0, "0-aaaa"]
                for t in ("run/1", "run/2", "main", "run/1&topic=run/2", "*",
                          "run/*", "run/1*", "run/2&topic=x*")]
        asks += [bare("topic=run/2&lastEventId=%d" % i) for i in range(8)]
        asks += ["topic=run/2&lastEventId=" + i for i in ("uid-9", "earliest")]
        asks += ["topic=run/1&last=9", "topic=run/1&since=9999w"]

        def gaps():
            said = b"".join(a[2] for a in p.same(asks))
            return (said.count(b'"reason":"pruned"') > 0,
                    said.count(b'"reason":"folded"') > 0)

        assert gaps() == (False, False)
        for sql in FOLD:
            p.sql(sql)
        assert gaps() == (False, True)
        p.sql("DELETE FROM events WHERE id = 3")
        assert gaps() == (True, True)
        p.sql("DELETE FROM events WHERE id = 1")    # now what is gone is old
        assert gaps() == (True, True)
        p.sql("UPDATE largesse_cuts SET folded = 1")
        p.sql("DROP TABLE largesse_cuts")
        assert gaps() == (True, False)


def test_php_tells_of_a_cut_while_it_waits():
    with Pair() as p:
        p.insert()
        for n, folded in ((2, 0), (5, 1)):
            with Holding(p, "topic=run/1&topic=run/2") as h, \
                    Holding(p, "topic=main") as other:
                for held in h, other:
                    until("it waits", lambda: b"stream-start" in held.said)
                p.sqls("INSERT INTO events(topic) VALUES('run/1');"
                       "INSERT INTO events(topic, data) VALUES('run/1', 'new');"
                       "DELETE FROM events WHERE id = %d;"
                       "UPDATE largesse_cuts SET folded = %d" % (n, folded))
                p.insert(data="other")
                until("the news", lambda: b"data: new" in h.said)
                until("the other", lambda: b"data: other" in other.said)
                assert re.search(rb'{"reason":"%s","asked":"%d",' % (
                    b"folded" if folded else b"pruned", n - 1), h.said)
                assert b"gap" not in other.said, other.said


# --- who may -------------------------------------------------------------------

def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret=SECRET, **claims):
    text = part(b'{"alg":"HS256"}') + "." + part(json.dumps(claims).encode())
    return text + "." + part(hmac.new(secret.encode(), text.encode(),
                                      hashlib.sha256).digest())


def good(*topics, publish=(), **more):
    return token(largesse={"subscribe": topics, "publish": publish}, **more)


def bearer(token):
    return {"HTTP_AUTHORIZATION": "Bearer " + token}


HOSTILE = r"""
#include <stdbool.h>
#include "tests/unit/hostile.h"
int main(void)
{
	struct hostile_list l;
	size_t i;
	hostile_make(&l, hostile_keys());
	for (i = 0; i < l.n; i++)
		printf("%d\t%s\t%s\n", l.v[i].status, l.v[i].what, l.v[i].token);
}
"""


def hostile(dir):
    """The tokens of the talk tests: (status, what, token)."""
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-I", ROOT, "-x", "c", "-", "-o",
                    dir / "hostile", "-lcrypto"], input=HOSTILE, text=True,
                   check=True, timeout=120)
    said = subprocess.run([dir / "hostile"], check=True, timeout=120,
                          stdout=subprocess.PIPE).stdout.decode("latin-1")
    for line in said.splitlines():
        status, what, token = line.split("\t")
        yield int(status), what, token


class OneProcess:
    """PHP's own server: a process for each of so many questions takes long."""

    def __init__(self, p):
        self.port = free_port()
        self.proc = subprocess.Popen(
            ["php", *PHP_CGI[1:], "-d", "pcre.jit=0", "-S",
             "127.0.0.1:%d" % self.port,
             str(p.dir / "events.php")], cwd=p.dir, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LARGESSE_PHP_HOLD_S": "0",
                 **p.settings})
        until("PHP listens", lambda: listens(self.proc, self.port))

    def end(self):
        end_process(self.proc)

    def ask(self, query, headers, method="GET", body=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        conn.request(method, "/events?" + query, body, headers)
        response = conn.getresponse()
        body = response.read()
        conn.close()
        return response, body

    def answer(self, query, method="GET", body=None, **more):
        """As answer(), without the headers that a CGI program has not."""
        response, body = self.ask(query, {"Host": "localhost", **{
            name.replace("HTTP_", "").replace("_", "-"): value
            for name, value in more.items()}}, method, body)
        headers = {name.lower(): value.replace(";charset", "; charset")
                   for name, value in response.getheaders()
                   if name.lower() not in ("host", "date", "connection")}
        return response.status, headers, hide_times(body)


def test_php_refuses_hostile_tokens():
    with Pair(SECRET) as p:
        p.server = php = OneProcess(p)
        p.insert("secret", data="private")
        query, n = "topic=secret&lastEventId=earliest", 0
        for status, what, t in hostile(p.dir):
            escaped = "".join("%%%02X" % ord(c) for c in t)
            plain = not set(t) & set('"; ')
            for more, headers, wanted in (
                    ("", {"Authorization": "Bearer " + t}, status),
                    ("&access_token=" + escaped, {}, status),
                    ("", {"Cookie": "largesse=" + t},
                     status if plain else 401)):
                said, body = php.ask(query + more, headers)
                assert said.status == wanted, (what, headers, body)
                assert b"private" not in body, what
                n += 1
        assert n > 180, n
        said, body = php.ask(query, {"Authorization": "Bearer " + good(
            "secret")})
        assert said.status == 200 and b"private" in body
        log = p.dir / "php.log"
        assert not log.exists() or "eyJ" not in log.read_text()


def test_php_takes_tokens_as_the_program_does():
    now = int(time.time())
    with Pair(SECRET) as p:
        for topic in ("in/al", "in/bo", "secret", "open"):
            p.insert(topic, data="data of " + topic)
        p.sql("INSERT INTO largesse_revoke(subject) VALUES('gone')")
        p.sql("INSERT INTO largesse_revoke(subject, topic) VALUES"
              "('half', 'in/*')")
        q, al = "topic=in/{user}&last=9", good("in/{sub}", sub="al")
        cookie = {"HTTP_COOKIE": "a=b; largesse=%s; c" % al}
        asks = [
            (q, bearer(al)), (q, cookie), (q + "&access_token=" + al, {}),
            (q, {}), ("topic=in/al&last=9", bearer(al)), ("", bearer(al)),
            ("topic=in/bo&last=9", bearer(al)), ("topic=in/*", bearer(al)),
            ("topic=open&last=9", {"LARGESSE_PUBLIC": "news open"}),
            ("topic=o*&last=9", {"LARGESSE_PUBLIC": "news open"}),
            (q, {**bearer("x"), **cookie}),     # the header goes before
            (q, {"HTTP_AUTHORIZATION": "Basic eA==", **cookie}),
            (q, {"HTTP_AUTHORIZATION": "bEaReR \t " + al + " "}),
            (q, {"HTTP_COOKIE": 'largesse="%s"' % al}),
            (q, {"HTTP_COOKIE": "largesse=x; largesse=" + al}),
            (q + "&access_token=x&access_token=" + al, {}),
            (q, {"HTTP_COOKIE": "other=" + al, "LARGESSE_COOKIE_NAME":
                 "other"}), (q, {"REMOTE_USER": "al"}),
            (q, {"method": "HEAD"}), (q, {"method": "HEAD", **bearer(al)}),
            ("topic=in/%s&last=9" % ("x" * 252), bearer(good("*"))),
            ("topic=%s{user}" % ("x" * 249), bearer(good("*", sub="a" * 8)))]
        asks += [(q, {**cookie, name: value}) for name, value in (
            ("HTTP_SEC_FETCH_SITE", "cross-site"),
            ("HTTP_SEC_FETCH_SITE", "same-origin"),
            ("HTTP_ORIGIN", "http://evil.test"), ("HTTP_ORIGIN", "null"),
            ("HTTP_ORIGIN", "http://localhost"), ("HTTP_ORIGIN",
             "http://LOCALHOST:80"), ("HTTP_ORIGIN", "http://localhost:81"),
            ("HTTP_ORIGIN", "https://localhost"))]
        asks += [(q, {**cookie, "HTTP_ORIGIN": "http://localhost",
                      "HTTPS": "on"})]
        asks += [("topic=secret&last=9", bearer(t)) for t in (
            good("secret", exp=now - 1), good("secret", exp=now - 60),
            good("secret", exp=now + 60), good("secret", nbf=now + 1),
            good("secret", nbf=now + 60), good("secret", exp=1e300),
            good("secret", sub="gone"), good("secret", sub="half", iat=now),
            good("secret", sub="gone", iat=now + 1000),
            good("secret", sub="al", iat=now), good("in/*", sub="half"))]
        asks += [("topic=in/al&last=9", bearer(good("*", sub=sub, iat=iat)))
                 for sub in ("gone", "half") for iat in (now - 99, now + 1)]
        answers = p.same(asks)
        assert {200, 401, 403} == {a[0] for a in answers}
        assert sum(b"data of " in a[2] for a in answers) > 15
        for ask, (status, _, body) in zip(asks, answers):
            assert status == 200 or b"data of " not in body, ask
        for name in ("TRUST_USER", "JWKS_FILE", "ISSUER", "USER_TOPIC"):
            misfits(p, p.php(q, **bearer(al), **{"LARGESSE_" + name: "1"}),
                    name)
        (p.dir / "data" / "key").write_text("short")
        misfits(p, p.php("topic=in/al&last=9"), "data/key: not a secret")


def signed(query, secret=SECRET, more=""):
    mac = hmac.new(secret.encode(), query.encode(), hashlib.sha256)
    return "%s&sign=%s%s" % (query, mac.hexdigest(), more)


LATER = "expires=4102444800"
SIGNED = [
    "topic=secret&last=9&" + LATER, "topic=in/{user}&last=9&sub=al&" + LATER,
    "topic=in/%7Buser%7D&last=9&sub=b+o&" + LATER, "topic=*&last=9&" + LATER,
    "topic=in/{user}&" + LATER, LATER, "_=1&topic=a%2fb/~&&x&" + LATER,
    "topic=a", "topic=a&exp=1", "", "topic=a&expires=0", "expires=1000000000",
    "expires=", "expires", "expires=-1", "expires=%2B4102444800",
    "expires=+4102444800", "expires=4102444800.5", "expires=0x7fffffff",
    "expires=4102444800%00", "expires=4102444800000", "expires=00000000000"
    "00004102444800", "expires=99999999999", "expires=100000000000",
    "expires=18446744073709551617", "expires=1&" + LATER, "sub=a&sub=a&" +
    LATER, "iss=a&aud=b&iss=a&" + LATER, "iss=a&aud=b&topic=secret&" + LATER,
    "iat=x&" + LATER, "iat=&" + LATER, "iat=5&sub=al&" + LATER, "sub=&" +
    LATER, "sub=%0a&" + LATER, "sub=%00&" + LATER, "sub=%ff&" + LATER,
    "sub=" + "x" * 255 + "&" + LATER, "sub=" + "x" * 256 + "&" + LATER,
    "access_token=x&" + LATER, "access_token=&" + LATER, "topic=&" + LATER,
    "sub=gone&" + LATER, "sub=half&topic=in/al&" + LATER,
    "sub=half&topic=secret&last=9&" + LATER,
    "x=" + "y" * (8192 - 20) + "&" + LATER[:-1]]
BEHIND = ["&", "&lastEventId=1", "&last_event_id=1&lastEventID=2&", "0",
          "&topic=secret", "&to%70ic=secret", "&" + LATER, "&last=9", "&_=1",
          "&access_token=x", "&sub=al", "&since=1d", "&sign=", "%30", "#",
          ";topic=secret", "&lastEventId=1&topic=secret"]


def test_php_takes_signed_addresses_as_the_program_does():
    now = int(time.time())
    good, mac = "topic=secret&last=9&" + LATER, signed(LATER)[-64:]
    with Pair(SECRET) as p:
        for topic in ("in/al", "in/b o", "secret", "a/b/~"):
            p.insert(topic, data="data of " + topic)
        p.sql("INSERT INTO largesse_revoke(subject) VALUES('gone')")
        p.sql("INSERT INTO largesse_revoke(subject, topic) VALUES"
              "('half', 'in/*')")
        asks = [signed(query) for query in SIGNED]
        asks += [signed("%s&expires=%d" % (good[:19], now + n))
                 for n in (-60, 60)]
        asks += [signed("sub=%s&iat=%d&%s" % (sub, now + n, good))
                 for sub in ("gone", "al") for n in (-60, 60, 1000)]
        asks += [signed(good, more=more) for more in BEHIND]
        asks += [signed(good, OTHER), good + "&sign=", good + "&sign",
                 good + "&sign=" + mac, good + "&sign=" + mac[:-1],
                 signed(good).replace("sign=", "si%67n="),
                 signed(good)[:-64] + signed(good)[-64:].upper(),
                 "sign=%s&%s" % (mac, good), "sign=" + mac, "topic=in/al&" +
                 signed(good), "&" + signed(good), good + "&amp;sign=" + mac,
                 signed(good).replace("&sign", "&&sign"), good + "&Sign=" +
                 mac, good + "&sign%3D" + mac, good + "&sgin=" + mac,
                 signed(good).replace("secret", "secre%74"),
                 signed(good).replace("secret", "in/al")]
        # Of a query that a web server has written anew, the one that was sent.
        sent = [("topic=a%2fb%2F%7e&last=9&" + LATER, "topic=a/b/~&last=9&" +
                 LATER), ("topic=secret&last=9&" + LATER, "topic=in/al&last=9&"
                          + LATER)]
        asks += [(signed(a)[:0] + b + signed(a)[-70:], {
            "uri": "/events?" + signed(a) + tail})
            for a, b in sent for tail in ("", "#x", "&lastEventId=1")]
        asks += [(signed(good), {"method": "HEAD"}), (signed(good), {
            "LARGESSE_PUBLIC": "*"}), (signed(good, OTHER), {
                "LARGESSE_PUBLIC": "*"}), (signed(good), {
                    "HTTP_AUTHORIZATION": "Bearer x", "HTTP_COOKIE":
                    "largesse=x"}), (signed(good), {
                        "HTTP_ORIGIN": "http://evil.test"}),
                 (signed(good), {"method": "POST", "body": b"data=x",
                                 "CONTENT_TYPE":
                                 "application/x-www-form-urlencoded"}),
                 (signed(good), {"uri": "/events/health"})]
        answers = p.same(asks)
        assert {200, 400, 401} == {a[0] for a in answers}
        told = sum(b"data of " in a[2] for a in answers)
        assert told >= 15, told
        assert b"data of a/b" in answers[-13][2], answers[-13]
        for ask, (status, _, body) in zip(asks, answers):
            assert status == 200 or b"data of " not in body, ask


# --- POST ------------------------------------------------------------------------

def form(body, **more):
    return body, "application/x-www-form-urlencoded", more


def js(body, **more):
    return body, "application/json", more


def lines(body, **more):
    return body, "application/x-ndjson; charset=utf-8", more


BIG = "123456789012345678901234567890"
BODIES = [
    form("data=hello"), form("topic=a&event=e&data=x%0Ay+z&uid=f1"),
    form("topic=a&event=e&data=other&uid=f1"), form("uid=f1&topic=b"),
    form(""), form("data=1&data=2"), form("topics=a"), form("a%00b=1"),
    form("topic=&event=&uid=&data="), form("topic=a*"), form("topic=%ff"),
    form("event=stream-x"), form("event=stream-end&data=over&topic=a"),
    form("event=stream-end2"), form("event=stream-"), form("event=stream-end+"),
    js('{"event":"stream-end","topic":"b"}'), js('{"event":"stream-end\\u0000"}'),
    lines('{"event":"stream-end"}\n{"event":"stream-gap"}'),
    form("data=1", query="start=bare&end=1"), form("data=1", query="start=x"),
    form("event=a%0Ab"), form("uid=12"),
    form("uid=earliest"), form("uid=%3F"), form("uid=a+b"), form("data=%ff"),
    form("topic=" + "x" * 256), form("event=" + "x" * 256), form("data=%00"),
    form("uid=" + "x" * 129), form("data=" + "x" * 1048570),
    form("topic=" + "x" * 255 + "&data=" + "x" * 1048200), form("topic=no"),
    js('{"data":"hello"}'), js('{"topic":"a","data":{"n": [1, 2.50e3]}  }'),
    js('{"data": 12345678901234567890.10 ,"uid":null}'), js('{"data":true}'),
    js('{"t\\u006fpic":"a","data":"\\ud83d\\ude00\\u0000\\n"}'), js("{}"),
    js('{"data":"a","data":"b"}'), js('{"data":{"a":1,"\\u0061":2}}'),
    js('{"data":"%s","topic":"a"}' % ("\\n" * 500000)), js('{"topic":%s}' % BIG),
    js('{"uid":%s}' % BIG), js("[%s]" % ",".join(["{}"] * 300000)),
    js('{"topic":1}'), js('{"uid":[]}'), js('{"event":""}'), js("[]"),
    js('{"topics":"a"}'), js('{"' + "x" * 41 + '":1}'), js('"text"'),
    js('[{"data":"1"},{"data":2,"uid":"j1"},{"topic":"a"}]'), js("null"),
    js('[{"data":"1","uid":"j1"}]'), js('[{"uid":"j1"},{"uid":"j2"}]'),
    js('[{"uid":"j3","topic":"a"},{"uid":"j3","topic":"b"}]'), js("[1]"),
    js('[{"data":"1"},{"topic":"no"}]'), js('[{"data":"1"},{"x":1}]'),
    js("\ufeff" + '{"data":"mark"}'), js('{"uid":""}'), js('{"topic":""}'),
    js('{"data":"\\ud800"}', loose=True), js('{"data":"a', loose=True),
    js('{"data":01}', loose=True), js('{"data":1}x', loose=True),
    js('{"data":"a\nb"}', loose=True), js("", loose=True),
    js('{"\\u0000":1}', loose=True), js('{"data":nul}', loose=True),
    js("[" * 3000 + "]" * 3000), js('{"data":' + "[" * 2046 + "]" * 2046 +
                                    "}"), js('{"":1}'),
    js('[%s]' % ",".join(['{"data":"n"}'] * 1000)),
    js('[%s]' % ",".join(['{"data":"n"}'] * 1001)),
    lines('{"data":"1"}\n\n \r\n{"data":[ 2 ]}\n'), lines("\n \n"), lines(""),
    lines('{"data":"1"}\n{"topic":""}\n'), lines('{"data":"1"}\n3'),
    lines('\ufeff{"data":"1"}\n\ufeff{"data":"2"}'), lines('{"a":1}\n{'),
    lines('{"data":"1"}\nx', loose=True), ("x", "text/plain", {}),
    ("x", "", {}), ("data=1", "application/x-www-form-urlencodedx", {}),
    form("data=1", query="topic=a"), form("data=1", query="dat=1&topix=2"),
    form("data=1", HTTP_CONTENT_ENCODING="gzip"),
    form("data=1", HTTP_CONTENT_ENCODING="Identity"),
    form("data=1", CONTENT_LENGTH="7"), form("data=1", CONTENT_LENGTH="x"),
    form("data=1", CONTENT_LENGTH="1048577"),
    form("data=1", HTTP_AUTHORIZATION=""), form("topic=other"),
    form("data=1", HTTP_AUTHORIZATION="Bearer x"),
    form("data=1", uri="/events/health"),
]


def test_php_publishes_the_same():
    """Both logs are the same afterwards, too.  A body that is no JSON at all is
    refused by both; only the program says at which byte."""
    topics = ("main", "a", "b", "no", "x" * 255)
    with Pair(SECRET) as p, Pair(SECRET) as q:
        for log in (p, q):
            log.sql("CREATE TRIGGER no BEFORE INSERT ON events WHEN NEW.topic"
                    " = 'no' BEGIN SELECT RAISE(FAIL, 'not this one'); END")
        q.server = OneProcess(q)

        def all(ask):
            for body, kind, more in BODIES:
                more = {"method": "POST", "CONTENT_TYPE": kind,
                        **bearer(good(publish=topics)), **more}
                loose, query = more.pop("loose", False), more.pop("query", "")
                more["body"] = body.encode()
                said = ask(query, more)
                yield said[0] if loose else said

        told = p.pool.submit(lambda: list(all(
            lambda query, more: p.program(query, **more))))
        for case, ours, theirs in zip(BODIES, list(all(q.served)),
                                      told.result()):
            assert theirs == ours, "%s\nlargesse   %s\nevents.php %s" % (
                short(case), short(theirs), short(ours))
            assert "loose" not in case[2] or theirs == 400, case
        sql = ("SELECT id, topic, event, data, uid, typeof(data), typeof(time)"
               " FROM events ORDER BY id")
        assert p.sql(sql) == q.sql(sql) and len(p.sql(sql)) > 1000
        more = dict(method="POST", CONTENT_TYPE="application/json", body=b"{}")
        status, _, body = q.php(LARGESSE_PUBLISH="0", **more)
        assert status == 405 and b"(LARGESSE_PUBLISH=1)" in body, body


def test_php_publishes_nothing_to_a_busy_log():
    with Pair(SECRET) as p:
        db = sqlite3.connect(p.log, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        status, headers, body = p.php(
            method="POST", body=b"data=x", **bearer(good(publish=["*"])),
            CONTENT_TYPE="application/x-www-form-urlencoded")
        db.execute("ROLLBACK")
        db.close()
        assert status == 503 and headers["retry-after"] == "1", body
        assert p.sql("SELECT count(*) FROM events") == [(0,)]


# --- the log ------------------------------------------------------------------

def look(log):
    db = sqlite3.connect(log)
    said = [db.execute(sql).fetchall() for sql in (
        "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master",
        "SELECT key, typeof(value), CASE WHEN key <> 'log' THEN value END"
        " FROM largesse", "PRAGMA application_id", "PRAGMA user_version",
        "PRAGMA journal_mode", "PRAGMA page_size", "PRAGMA auto_vacuum",
        "PRAGMA encoding", "SELECT length(value) FROM largesse WHERE key ="
        " 'log'", "SELECT * FROM sqlite_sequence")]
    db.close()
    return said


@each("mode", [0o755, 0o2770])
def test_php_makes_the_log_that_init_makes(mode):
    with Pair(init=False) as p:
        os.chmod(p.dir / "data", mode)
        status, _, body = p.php()
        assert status == 200 and b"stream-start" in body, body
        made = p.dir / "data" / "made.db"
        p.init(made)
        assert look(p.log) == look(made)
        ours, theirs = p.log.stat(), made.stat()
        assert (ours.st_mode, ours.st_gid) == (theirs.st_mode, theirs.st_gid)
        assert oct(ours.st_mode & 0o777) == ("0o640" if mode == 0o755 else
                                             "0o660")


def test_php_makes_one_log_for_many_first_requests():
    for _ in range(5):
        with Pair(init=False) as p:
            logs = {re.search(rb'"log":"(\w+)"', body)[1] for _, _, body in
                    p.pool.map(lambda _: p.php(), range(8))}
            assert len(logs) == 1, logs


def test_php_makes_nothing_of_what_is_no_log():
    with Pair(init=False) as p:
        p.sql("CREATE TABLE mine(x)")
        misfits(p, p.php(), "file of its own")
        assert p.sql("SELECT name FROM sqlite_master") == [("mine",)]


def misfits(p, answer, word):
    """The owner is told in the log of errors.  Whoever asks learns nothing: the
    answer is that of all these cases, and in it is no name of a file."""
    log = p.dir / "php.log"
    told = log.read_text() if log.exists() else ""
    assert answer[0] == 503 and answer[2] == (
        b"this cannot work yet: PHP's error log says why, and check.php\n"
    ), answer
    assert re.search(r"events\.php: .*" + re.escape(word), told), told
    log.unlink()


def test_php_says_what_the_host_lacks():
    with Pair(init=False) as p:
        env = dict(REDIRECT_STATUS="1", SCRIPT_FILENAME=str(
            p.dir / "events.php"))
        log = ["-d", "error_log=%s/php.log" % p.dir]
        misfits(p, p.run(["php-cgi", "-n", *log], **env), "pdo_sqlite")
        text = (p.dir / "events.php").read_text()
        (p.dir / "events.php").write_text(put(text, "'3.24.0'", "'9.0.0'"))
        misfits(p, p.php(), "SQLite 3.24 or later")
        argv = ["php-cgi", *log]
        os.chmod(p.dir, 0o777)
        os.chmod(p.dir / "data", 0o555)
        if ROOTED:
            argv = ["setpriv", "--reuid=www-data", "--regid=www-data",
                    "--clear-groups", *argv]
        misfits(p, p.run(argv, **env), "cannot be written")


def test_php_is_read_by_each_php_that_is_here():
    found = {path.resolve() for path in pathlib.Path("/usr/bin").glob("php*")
             if re.fullmatch(r"php([0-9.]*)", path.name)}
    assert found
    for php in found:
        subprocess.run([php, "-l", ROOT / "deploy/shared/events.php"],
                       check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_php_tells_a_client_of_a_busy_log_to_come_back():
    """Anything but 200 would end an EventSource."""
    with Pair() as p:
        p.log.write_bytes(p.log.read_bytes()[:2000])
        status, headers, body = p.php()
        assert status == 200 and body == (
            b"retry: N\nevent: stream-retry\ndata: "
            b'{"retry":N,"reason":"busy"}\n\n'), (status, body)
        assert headers["content-type"] == "text/event-stream"
        assert p.php(uri="/events/health")[0] == 503


def test_a_log_of_a_newer_largesse_is_left_alone():
    """As by the program: pages are told to come back, health says why, and nothing
    is read or written."""
    form = dict(method="POST", body=b"data=x", **bearer(good(publish=["*"])),
                CONTENT_TYPE="application/x-www-form-urlencoded")
    asked = [dict(**bearer(good("*")), QUERY_STRING="lastEventId=earliest" + more)
             for more in ("", "&poll", "&start=bare")]
    asked += [form, dict(uri="/events/health", PATH_INFO="/health")]
    with Pair(SECRET) as p:
        p.insert(data="secret")
        schema = "UPDATE largesse SET value = %d WHERE key = 'schema'"
        with Holding(p, "lastEventId=0", **bearer(good("*"))) as h:
            until("it has the event", lambda: b"secret" in h.said)
            p.sqls(schema % 2 + "; INSERT INTO events(data) VALUES('new')")
            assert h.proc.wait(60) == 0     # long before its 250 seconds
            assert h.said.endswith(b'"reason":"busy"}\n\n'), h.said
            assert b"data: new" not in h.said, h.said
        for more in asked:
            theirs, ours = p.program(**more), p.php(**more)
            assert ours[0] == theirs[0], (more, ours, theirs)
            assert ("retry-after" in ours[1]) == ("retry-after" in theirs[1])
            if more is not form:        # both say busy, in other words
                assert ours[2] == theirs[2], (more, ours, theirs)
            assert b"secret" not in ours[2], ours
        assert p.sql("SELECT count(*) FROM events") == [(2,)]
        assert "newer largesse" in (p.dir / "php.log").read_text()
        p.sql(schema % 1)
        assert b"secret" in p.php(**asked[0])[2]
    known = {re.search(r"SCHEMA(?:_VERSION)? = (\d+)", (ROOT / path).read_text())[1]
             for path in ("deploy/shared/events.php", "deploy/shared/check.php",
                          "store/sqlite/keep/schema.h")}
    assert len(known) == 1, known


class Holding:
    """A PHP that keeps its request open, of a host whose php.ini keeps back
    and compresses what pages say."""

    def __init__(self, p, query, hold="250", **more):
        env = {"PATH": os.environ["PATH"], "REDIRECT_STATUS": "1",
               "REQUEST_METHOD": "GET", "QUERY_STRING": query,
               "REQUEST_URI": "/events", "GATEWAY_INTERFACE": "CGI/1.1",
               "LARGESSE_PHP_HOLD_S": hold, "SCRIPT_FILENAME":
               str(p.dir / "events.php"), "HTTP_ACCEPT_ENCODING": "gzip",
               **p.settings, **more}
        self.proc = subprocess.Popen(
            [*PHP_CGI, "-d", "output_buffering=4096", "-d",
             "zlib.output_compression=1"], env=env, cwd=p.dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.said = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.proc.stdout:
            self.said += line

    def body(self):
        """Without the comments that say that it is there."""
        body = self.said.partition(b"\r\n\r\n")[2]
        return re.sub(rb"(?m)^:\n", b"", body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.proc)


def test_php_keeps_no_read_of_the_log_open():
    """While it waits for events the log can be checkpointed to its end, and be
    replaced.  It tells the next event at once, and ends for an older copy."""
    with Pair() as p, Holding(p, "lastEventId=0") as h:
        p.insert(data="one")
        copied(p.log, p.dir / "copy.db")
        for n in (b"one", b"two", b"three"):
            until("%s is told" % n, lambda: b"data: " + n in h.said)
            if n != b"three":
                p.insert(data=b"two" if n == b"one" else b"three")
            until("all of it is in the file", lambda: p.sql(
                "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0)
            assert h.proc.poll() is None, h.said
        copied(p.dir / "copy.db", p.log)
        assert h.proc.wait(60) == 0     # long before its 250 seconds
        told = ids(h.said)
        gap = [b'"reason":"unknown"' in a[2] for a in p.same(
            [header(i) for i in told])]
        assert gap == [False, False, True, True], (told, gap)


# Functions and words that PHP 7.4 has not.  php-parser, which knows its grammar,
# reads the file as PHP 7.4; Debian 12 has no such PHP.
NEWER = (
    r"\b(str_(contains|starts_with|ends_with|increment|decrement)|fdiv|f?data"
    r"sync|fsync|get_debug_type|get_resource_id|preg_last_error_msg|json_"
    r"validate|array_(is_list|find|find_key|any|all|first|last)|enum_exists|"
    r"ini_parse_quantity|mb_(str_pad|trim|ltrim|rtrim|ucfirst|lcfirst)|"
    r"memory_reset_peak_usage|get_mangled_object_vars|stream_context_set_"
    r"options|password_algos|openssl_cms_\w+|sodium_crypto_core_\w+)\s*\(",
    r"\?->", r"\bmatch\s*\(", r"\benum\s+\w+", r"\breadonly\b", r"#\[",
    r"\bcatch\s*\(\s*[\w|\s\\]+\)", r"[\w\]]\s*\|\s*\w+\s+[&.]*\$\w+\s*[,)=]",
    r"\):\s*\??(\w+\s*\||static\b|mixed\b|never\b)", r"(\?\?|\?|:|=>|=)\s*throw\b",
    r"\(\s*(public|private|protected)\s", r"[(,]\s*(?!default)[a-z_]\w*:\s*[^:]",
    r"\w\(\.\.\.\)", r",\s*\)\s*(use|:|\{|=>)", r"\bmixed\s+\$")


@each("file", [str(p.relative_to(ROOT / "deploy")) for p in sorted(
    (ROOT / "deploy").glob("shared/*.php"))])
def test_php_uses_nothing_newer_than_7_4(file):
    text = (ROOT / "deploy" / file).read_text()
    text = re.sub(r"<<<'(\w+)'.*?\n\1|'(\\.|[^'\\])*'|\"(\\.|[^\"\\])*\"|"
                  r"(?<![:#])//[^\n]*|/\*.*?\*/", "''", text, flags=re.S)
    found = [m[0] for newer in NEWER for m in re.finditer(newer, text)]
    assert not found, found


# --- behind Apache ---------------------------------------------------------------

FPM_HOST = """
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
<FilesMatch "\\.php$">
	SetHandler "proxy:unix:%s/php.sock|fcgi://localhost"
</FilesMatch>
"""


MADE = "made"    # the key of a PhpHost is the one that the first request makes


class PhpHost(Host):
    """A Host whose PHP is a CGI program, or in php-fpm.  way is the file that
    answers."""

    def __init__(self, sapi="cgi", way="events.php", settings="", key=None,
                 how="cgid"):
        self.sapi, self.way, self.settings = sapi, way, settings
        self.key, self.fpm = key, None
        if not key:
            self.settings += "SetEnv LARGESSE_PUBLIC *\n"
        super().__init__(how, private=bool(key))
        self.fpm = Php(self) if sapi == "fpm" else None

    def in_dir(self, text):
        return text.replace("DIR", str(self.dir))

    def configure_apache(self):
        argv = super().configure_apache()
        if self.sapi == "fpm":
            path = self.dir / "host.conf"
            path.write_text(path.read_text() + FPM_HOST % self.dir)
        return argv

    def upload(self, folder):
        super().upload(folder)
        self.folder = folder
        if self.key and self.key is not MADE:
            (folder / "data" / "key").write_text(self.key)
        for name in ("largesse.cgi", "largesse.fcgi"):  # short streams
            text = (folder / name).read_text()
            (folder / name).write_text(re.sub(
                "MAX_AGE=[0-9]+(.*RETRY)=[0-9]+", r"MAX_AGE=1\1=300", text))
        self.rules = (folder / ".htaccess").read_text()
        self.go(self.way)

    def go(self, way):
        """Changes the one word of .htaccess, in one step."""
        new = self.folder / ".htnew"
        new.write_text(put(self.rules, RULE % (
            "largesse.fcgi" if self.how == "fcgid" else "largesse.cgi"),
            RULE % way) + self.settings)
        new.replace(self.folder / ".htaccess")

    def insert(self, data, topic="main", uid=None, event=None):
        self.sql("INSERT INTO events(topic, data, uid, event)"
                 " VALUES(?, ?, ?, ?)", topic, data, uid, event)

    def sql(self, sql, *values):
        db = sqlite3.connect(self.log, timeout=20, isolation_level=None)
        db.execute(sql, values)
        db.close()

    def stop_web(self):
        super().stop_web()
        if self.fpm:
            end_process(self.fpm.proc)


def hold(seconds):
    return ("SetEnv LARGESSE_PHP_HOLD_S %s\nSetEnv LARGESSE_RETRY 300\n" %
            seconds)


@each("sapi", ["cgi", "fpm"])
@each("seconds", [0, 2])
def test_php_loses_nothing_between_answers(sapi, seconds):
    with PhpHost(sapi, settings=hold(seconds)) as y:
        f = y.follow("?topic=a*&topic=main").wait_start()
        for i in range(200):
            y.insert("e%d" % i, ("main", "a", "b", "ab")[i % 4],
                     "u%d" % i if i % 5 == 0 else None)
            if i % 25 == 0:
                n = f.connects
                f.cut()
                f.wait(lambda f: f.connects > n)
        want = ["e%d" % i for i in range(200) if i % 4 != 2]
        f.wait_count(len(want)).leave()
        assert [e.data for e in f.got] == want
        assert f.connects >= 8
        assert {n.event for n in f.notes} <= OURS, f.notes


@each("sapi", ["cgi", "fpm"])
def test_php_sends_an_event_while_it_waits(sapi):
    """Apache keeps back what comes by FastCGI until the answer ends.  So it
    ends with the event, long before its time."""
    with PhpHost(sapi, settings=hold(250)) as y:
        f = y.follow().wait_start()
        for i in range(3):
            y.insert("n%d" % i)
            f.wait_count(i + 1)     # has less than 250 seconds
        f.leave()
        assert [e.data for e in f.got] == ["n0", "n1", "n2"]
        assert sapi == "fpm" or f.connects == 1, f.connects


BY_FCGID = """<FilesMatch "\\.php$">
	SetHandler fcgid-script
</FilesMatch>
FcgidWrapper "/usr/bin/php-cgi -d cgi.force_redirect=0" .php
"""


@each("sapi", ["cgi", "fpm", "fcgid"])
def test_php_sends_a_bare_stream_as_it_comes(sapi):
    """Also where Apache keeps back what is short."""
    is_fcgid = sapi == "fcgid"
    with PhpHost("cgi" if is_fcgid else sapi,
                 how="fcgid" if is_fcgid else "cgid",
                 settings=hold(0.1) + (BY_FCGID if is_fcgid else "")) as y:
        y.get("/live/events")       # makes the log
        y.insert("0", "run/7")
        s = y.stream("?topic=run/7&start=bare&lastEventId=earliest&end=over")
        for i in range(5):
            assert s.next_event().data == "%d" % i
            y.insert("%d" % (i + 1), "run/7")
        assert s.next_event().data == "5"
        y.insert("", "run/7", event="stream-end")
        body = re.sub(rb"(?m)^:.*\n", b"", s.rest())
        assert body.endswith(b"\n\ndata: over\n\n"), body[-200:]
        assert b"stream-" not in body and b"retry" not in body


@each("way", WAYS[:2])
def test_run_has_an_address_of_its_own(way):
    """With the two lines of .htaccess."""
    with PhpHost(way=way, settings=hold(1)) as y:
        y.rules = y.rules.replace("#RewriteRule", "RewriteRule")
        y.go(way)
        run, chat = "/live/events/run/7", "/live/api/chat/7/stream"
        s, body = y.get(chat)
        assert (s.status, body) == (204, b"")
        y.insert("one", "run/7")
        s = Stream(y.address, chat)
        y.streams.append(s)
        assert s.next_event().data == "one"
        y.insert("", "run/7", event="stream-end")
        for path in run, chat:
            assert y.get(path)[0].status == 204
        s, body = y.get(run + "?lastEventId=earliest&end=over")
        assert re.fullmatch(rb"id: 0\n\nid: 1-\w+\ndata: one\n\n"
                            rb"id: 2-\w+\n\ndata: over\n\n", body), body
        assert y.get("/live/events/helth")[0].status == 404


def test_php_serves_who_is_far_behind_in_pieces():
    with PhpHost(settings=hold(0)) as y:
        y.stream().started()
        db = sqlite3.connect(y.log, isolation_level=None)
        db.execute("DROP TRIGGER largesse_keep_rows")
        db.execute("BEGIN")
        db.executemany("INSERT INTO events(data) VALUES(?)", (
            ("%06d " % i + "x" * 150,) for i in range(15000)))
        db.execute("COMMIT")
        db.close()
        f = y.follow(last_id="earliest").wait_count(15000)
        f.leave()
        assert [int(e.data[:6]) for e in f.got] == list(range(15000))
        assert 3 <= f.connects <= 12, f.connects


def test_php_ends_when_a_right_is_revoked():
    with PhpHost(settings=hold(200), key=SECRET) as y:
        mine = good("secret", sub="al", iat=int(time.time()))
        s = y.stream("?topic=secret", headers=[
            "Authorization: Bearer " + mine]).started()
        y.insert("one", "secret")
        assert s.next_event().data == "one"
        db = sqlite3.connect(y.log, isolation_level=None)
        db.executescript("BEGIN; INSERT INTO largesse_revoke(subject, time)"
                         " VALUES('al', 32503680000000); INSERT INTO"
                         " events(topic, data) VALUES('secret', 'two');"
                         " COMMIT")
        db.close()
        assert b"two" not in s.rest()
        s, body = y.get("/live/events?topic=secret", headers=[
            "Authorization: Bearer " + mine])
        assert s.status == 401 and body == b"token: revoked\n", body


@each("way", WAYS)
def test_private_topic_in_each_way(way):
    """It reaches its owner by header, cookie, query and signed address, and
    nobody else; a POST with a uid counts once.  The first request makes the key,
    and no other user of the machine gets at it.  mod_fcgid does not say where
    the document root is."""
    with PhpHost(way=way, key=MADE, settings=hold(0),
                 how="fcgid" if way == "largesse.fcgi" else "cgid") as y:
        y.go(way)
        q = "?topic=in/al&lastEventId=earliest"
        s, _ = y.get("/live/events" + q)
        assert s.status == 401, s.status
        secret = made_key(y.folder, None if way == "largesse.fcgi" else
                          y.dir / ".htlargesse-site-live")
        mine = good("in/{sub}", publish=["in/{sub}"], sub="al", secret=secret)
        mine_too = signed("topic=in/al&" + LATER, secret)
        by = {"header": (q, ["Authorization: Bearer " + mine]),
              "cookie": (q, ["Cookie: largesse=" + mine]),
              "query": (q + "&access_token=" + mine, []),
              "sign": ("?%s&lastEventId=0" % mine_too, [])}
        told = [y.get("/live/events", method="POST", body=b"topic=in/al&data="
                      b"private&uid=u1", headers=by["header"][1] + [
                          "Content-Type: application/x-www-form-urlencoded"])
                for _ in range(2)]
        assert [(s.status, body) for s, body in told] == [
            (201, b'{"ids":["1"]}\n'), (200, b'{"ids":["1"]}\n')]
        for query, headers in by.values():
            s = y.stream(query, headers=headers)
            assert s.next_event().data == "private"
        for query, headers in (
                (q, []), (q, ["Authorization: Bearer " + good(
                    "in/bo", secret=secret)]), (q, ["Cookie: largesse=" + token(
                        OTHER, largesse={"subscribe": ["*"]})]),
                (q, by["cookie"][1] + ["Origin: http://evil.test"]),
                ("?" + mine_too.replace("in/al", "in/bo"), []),
                ("?" + signed("topic=in/al&expires=1", secret), [])):
            s, body = y.get("/live/events" + query, headers=headers)
            assert s.status in (401, 403) and b"private" not in body, body


def made_key(folder, beside):
    """The secret that was made, or a failure if anybody else may have it."""
    key, log = folder / "data" / "key", folder / "data" / "events.db"
    assert (key.is_symlink() and key.resolve() == beside.resolve()
            if beside else not key.is_symlink()), os.listdir(key.parent)
    assert [oct(path.stat().st_mode & 0o777) for path in (
        key, log, key.parent)] == ["0o600", "0o640", "0o700"]
    assert sorted(os.listdir(key.parent)) == [".htaccess", "events.db", *(
        name for name in ("events.db-shm", "events.db-wal")
        if (key.parent / name).exists()), "key"]
    for path in (key, log) if ROOTED else ():
        ran = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup",
                              "--clear-groups", "cat", path],
                             stderr=subprocess.DEVNULL)
        assert ran.returncode != 0, path
    secret = key.read_text().strip()
    assert re.fullmatch("[0-9a-f]{64}", secret), secret
    return secret


def no_room():
    """Each write fails, and no signal says so."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


MAKES = {"token.php": [
    "php", "-n", "-r", "require 'token.php'; largesse_key();"],
         "key.sh": ["sh", "-c", ". ./key.sh"]}


@each("by", MAKES)
def test_key_is_not_made_without_room(by):
    """It would be empty, and refuse all for ever."""
    argv = MAKES[by]
    with Pair(init=False) as p:
        (p.dir / "data" / "key").unlink()
        subprocess.run(argv, cwd=p.dir, preexec_fn=no_room, timeout=60,
                       capture_output=True)
        assert os.listdir(p.dir / "data") == [".htaccess"]
        subprocess.run(argv, cwd=p.dir, timeout=60, capture_output=True)
        assert len((p.dir / "data" / "key").read_text().strip()) == 64


def test_key_goes_through_no_link_of_a_neighbour():
    with Pair(init=False) as p:
        (p.dir / "data" / "key").unlink()
        (p.dir / "other").write_text("as it was")
        subprocess.run(["sh", "-c", "ln -s ../other data/.key-$$; . ./key.sh"],
                       cwd=p.dir, timeout=60, capture_output=True)
        assert (p.dir / "other").read_text() == "as it was"
        assert (p.dir / "data" / "key").stat().st_size == 64


KEYS = {    # the document root, what is done before, and is the key beside it?
    "beside": ("www", None, True),
    "in the root": ("www/live", None, True),
    "others write there": ("www", lambda home: home.chmod(0o777), False),
    "the group writes there": ("www", lambda home: home.chmod(0o775), False),
    "another root": ("other", None, False),
    "no root": (None, None, False),
}


@each("case", KEYS)
def test_key_is_made_where_no_address_leads(case):
    """By events.php and by largesse.cgi in the same place, one key for both,
    also if many come at once."""
    root, before, beside = KEYS[case]
    with Pair(init=False) as p:
        for by in ("events.php", "largesse.cgi"):
            home = p.dir / by[-3:]
            folder = home / "www" / "live"
            shutil.copytree(ROOT / "deploy/shared", folder)
            (home / "other").mkdir()
            for path in (home, folder / "data"):
                path.chmod(0o755)
            if before:
                before(home)
            shutil.copy(LOAD, folder / "largesse")
            env = {"REDIRECT_STATUS": "1", "SCRIPT_FILENAME":
                   str(folder / "events.php"), "LARGESSE_PHP_HOLD_S": "0"}
            if root:
                env["DOCUMENT_ROOT"] = str(home / root)
            ways = {"events.php": PHP_CGI,
                    "largesse.cgi": ["sh", str(folder / "largesse.cgi")]}
            many = 4 if case == "beside" else 1
            told = list(p.pool.map(
                lambda _: p.run(ways[by], **env)[0], range(many)))
            assert told == [401] * many, told
            base = home / root if root else home
            name = "live" if root == "www/live" else "www-live"
            secret = made_key(folder, base.parent / (
                ".htlargesse-" + name) if beside else None)
            for argv in ways.values():
                said = p.run(argv, **bearer(good("main", secret=secret)),
                             **env, LARGESSE_MAX_AGE="1", method="HEAD")
                assert said[0] == 200, said
            if many > 1:        # a key that is lost: nobody, not everybody
                (folder / "data" / "key").unlink()
                (folder / "data" / "key").symlink_to("nowhere")
                for argv in ways.values():
                    assert p.run(argv, **env)[0] >= 500


class Publisher(threading.Thread):
    def __init__(self, y):
        super().__init__(daemon=True)
        self.y, self.n, self.over = y, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            self.y.insert("e%d" % self.n, uid=None if self.n % 7 else
                          "u%d" % self.n)
            self.n += 1


def test_listeners_move_from_php_to_cgi_to_fastcgi_and_back():
    """The site changes one word of .htaccess while somebody publishes."""
    with PhpHost(how="fcgid", settings=hold(2)) as y:
        followers = [y.follow("?topic=main").wait_start() for _ in range(3)]
        publisher = Publisher(y)
        for way in WAYS[1:] + WAYS:
            y.go(way)
            turns = [f.connects + 2 for f in followers]
            for f, n in zip(followers, turns):
                f.wait(lambda f: f.connects >= n)
        publisher.over.set()
        publisher.join(60)
        for f in followers:
            f.wait(lambda f: f.got and f.got[-1].data == "e%d" % (
                publisher.n - 1))
            assert f.refused == 0, f.refused
            f.leave()
            assert [e.data for e in f.got] == ["e%d" % i for i in
                                               range(publisher.n)]
            assert {n.event for n in f.notes} <= OURS, f.notes


def test_php_gets_no_token_in_a_header_without_the_rule():
    with PhpHost(key=SECRET, settings=hold(0)) as y:
        for status in (200, 401):
            s, _ = y.get("/live/events", headers=[
                "Authorization: Bearer " + good("main")])
            assert s.status == status, s.status
            y.rules = put(y.rules, "RewriteRule ^events - [E=", "#") \
                if status == 200 else y.rules
            y.go("events.php")


def test_php_answers_at_its_own_address_and_shows_no_more():
    with PhpHost(settings=hold(0), key=SECRET) as y:
        for path, status in (("events.php/health", 200),
                             ("events/health", 200), ("events/status", 404),
                             ("events.php", 401), ("data/key", 403),
                             ("data/events.db", 403)):
            s, body = y.get("/live/" + path)
            assert s.status == status, (path, s.status, body)

