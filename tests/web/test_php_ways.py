"""test_php_ways.py - what events.php does on ways that harm streams.

As in test_events_php.py it and the program are asked the same where time has
no part in the answer.  The rest is said here again.
"""

import json
import re
import time

from tap import each
from test_events_php import (LATER, SECRET, WAYS, Holding, Pair, PhpHost,
                             bearer, form, good, hold, ids, signed)
from yard import put, until

NUMBERS = ["20", "3601", "0", "00", "020", "", "x", "-1", "+1", "1.5", "1s",
           "1 ", "1%00", "99999999999999999999"]
EARLIEST = "topic=*&lastEventId=earliest&"
ASKED = [
    EARLIEST + "%s=%s" % (name, n) for name in ("beat", "age", "pad")
    for n in NUMBERS] + [EARLIEST + q for q in (
        "beat", "age", "pad", "poll", "poll=", "poll=1", "poll=%31", "poll=0",
        "poll=11", "poll=yes", "poll&age=0", "poll&age=99",
        "poll&beat=9&pad=9", "pad=1", "pad=2", "pad=3", "pad=8192", "pad=8193",
        "beat=x&beat=20", "beat=20&beat=30", "age=5&age=9", "pad=5&pad=x")] + [
    "start=bare&beat=20", "start=bare&age=20", "start=bare&poll",
    "beat=20&start=bare&start=event", "start=event&poll&start=bare",
    "poll&lastEventId=nowhere", "poll&age=0", "poll&age=1&pad=50",
    "topic=ended&poll", "topic=ended&last=9&start=bare&pad=40&end=x",
    "topic=ended&last=9&poll&end=x&pad=20", "topic=ended&lastEventId=0&age=9",
    "Beat=1", "poll&topic=", "beat=0&topic="]
BARE = {"LARGESSE_START": "bare"}
WHERE = {"beat=20": BARE, "poll": BARE, "start=event&beat=20": BARE,
         "beat=x&poll=x&pad=x": {"uri": "/events/health"}}


def fill(p):
    p.insert(data="one", uid="u1")
    p.insert("other", data="two\nlines")
    p.insert("ended", data="three")
    p.insert("ended", "stream-end", "done")


def test_php_takes_what_a_way_needs_as_the_program_does():
    with Pair() as p:
        fill(p)
        told = p.same(ASKED + list(WHERE.items()))
        assert {200, 204, 400} == {a[0] for a in told}
        for about in (rb'"log":"\w+","time":N,"beat":20}\n\n', rb'"beat":3600}',
                      rb'"retry":N,"reason":"poll"}\n\n$',
                      rb"\n:\.{8190}\nretry: N\nevent: stream-retry\n"):
            assert any(re.search(about, a[2]) for a in told), about


def asks(body, query="", **more):
    return query, {"method": "POST", "uri": "/events/stream?" + query,
                   "PATH_INFO": "/stream", "body": body.encode(), **more}


FORM = {"CONTENT_TYPE": form("")[1]}
POSTED = [
    asks("topic=other&lastEventId=0&poll", **FORM), asks("", **FORM), asks(""),
    asks("topic=other&last=1", "topic=main&last=9", **FORM),
    asks("topic=other&last=1&start=bare&poll", **FORM),
    asks("topic=ended&last=2", "start=bare", **FORM),
    asks("topic=other&last=1"), asks("topic=*&last=9", PATH_INFO="", **FORM),
    asks("last=9", CONTENT_TYPE=FORM["CONTENT_TYPE"] + "; charset=utf-8"),
    asks("last=9", CONTENT_TYPE="application/x-www-form-urlencodedx"),
    asks("{}", CONTENT_TYPE="application/json"),
    asks("", CONTENT_TYPE="application/json"),
    asks("last=9", HTTP_CONTENT_ENCODING="gzip", **FORM),
    asks("", HTTP_CONTENT_ENCODING="gzip", **FORM),
    asks("last=x", **FORM), asks("topic=%00", **FORM), asks("topics=a", **FORM),
    asks("&".join("topic=t%d" % i for i in range(17)), **FORM),
    asks("event=x&data=y&uid=z&last=9", **FORM), asks("beat=0", **FORM),
    asks("lastEventId=1&last=9", HTTP_LAST_EVENT_ID="u1", **FORM),
    asks("sign=" + "0" * 64, **FORM), asks("expires=1&iat=x", **FORM),
    asks("x=" + "y" * 65534, **FORM), asks("x=" + "y" * 65535, **FORM),
    asks("x=" + "y" * 1048574, **FORM), asks("x=" + "y" * 1048575, **FORM),
    asks("last=9", CONTENT_LENGTH="x", **FORM),
    asks("topic=ended&last=9", **FORM), asks("topic=ended", **FORM),
    asks("last=9", "topic=%00", **FORM)]
POSTED += [("", {"uri": "/events/stream", "PATH_INFO": "/stream", "method": m})
           for m in ("GET", "HEAD", "OPTIONS", "PUT")]
POSTED += [("last=9", {"uri": uri, "PATH_INFO": path}) for uri, path in (
    ("/events/stream", "/stream"), ("/events/stream", ""),
    ("/live/events.php/stream?x", "/stream"), ("/events/stream/", "/stream/"))]
POSTED += [("", {"uri": "/events/stream", "PATH_INFO": "/stream", "method":
                 "OPTIONS", "LARGESSE_PUBLISH": "0"}),
           asks("last=9", LARGESSE_PUBLISH="0", **FORM)]


def test_php_is_asked_by_post_as_the_program_is():
    with Pair() as p:
        fill(p)
        told = p.same(POSTED)
        assert {200, 204, 400, 404, 405, 413, 415} == {a[0] for a in told}
        assert p.sql("SELECT count(*) FROM events") == [(4,)]


def test_php_needs_the_token_of_a_post_as_the_program_does():
    q = "topic=secret&last=9"
    with Pair(SECRET) as p:
        p.insert("secret", data="private")
        mine = good("secret", sub="al")
        address = signed("topic=secret&last=9&" + LATER)
        told = p.same([
            asks(q, **FORM), asks(q, **FORM, **bearer(mine)),
            asks(q, **FORM, **bearer("x")),
            asks(q + "&access_token=" + mine, **FORM),
            asks("access_token=" + mine, q, **FORM),
            asks(q, "access_token=" + mine, **FORM),
            asks(q, **FORM, **bearer(good("other"))),
            asks(q, HTTP_COOKIE="largesse=" + mine, **FORM),
            asks(q, HTTP_COOKIE="largesse=" + mine, **FORM,
                 HTTP_ORIGIN="http://evil.test"),
            asks(q, HTTP_COOKIE="largesse=" + mine, **FORM,
                 HTTP_SEC_FETCH_SITE="same-origin"),
            asks("lastEventId=0&poll", address, **FORM),
            asks("topic=secret", address, **FORM), asks(address, **FORM),
            asks(address, "topic=secret", **FORM),
            asks("access_token=" + mine, address, **FORM)])
        secret = [b"private" in a[2] for a in told]
        assert secret == [False, True, False, True, True, True, False, True,
                          False, True, True] + [False] * 4, secret


def test_php_tells_who_asks_by_post_of_a_busy_log():
    """As who asks by GET: nothing was to be written."""
    with Pair() as p:
        p.log.write_bytes(p.log.read_bytes()[:2000])
        query, more = asks("topic=main", **FORM)
        status, _, body = p.php(query, **more)
        assert status == 200 and body.endswith(b'"busy"}\n\n'), (status, body)


def test_php_lets_ways_stand_behind_a_signature_as_the_program_does():
    with Pair(SECRET) as p:
        p.insert("secret", data="private")
        told = p.same([signed("topic=secret&lastEventId=0&" + LATER, more=more)
                       for more in (
            "&beat=20", "&poll", "&age=3&pad=20&lastEventId=0", "&poll=1&age=0",
            "&beat=0", "&poll=x", "&poll&topic=secret", "&beat=20&sub=al",
            "&beat=20&start=bare", "&Beat=20")] + [
            signed("poll&topic=secret&lastEventId=0&" + LATER, more="&age=0"),
            signed("start=bare&topic=secret&" + LATER, more="&poll")])
        secret = [b"private" in a[2] for a in told]
        assert secret == [True] * 4 + [False] * 6 + [True, False], secret


# --- beats ---------------------------------------------------------------------

def events(h):
    """(type, id or None, data) of each block but the first."""
    for block in h.body().decode().split("\n\n")[1:-1]:
        fields = dict(re.findall(r"(?m)^(event|id|data): (.*)$", block))
        yield fields.get("event"), fields.get("id"), fields["data"]


def beats(h):
    return [json.loads(data) for type, id, data in events(h)
            if type == "stream-beat" and id is None]


def test_php_shows_a_page_its_beats():
    """A beat says that all up to its id was sent: also where that is the row of
    another topic."""
    with Pair() as p, Holding(p, "beat=1") as h:
        until("two beats", lambda: len(beats(h)) >= 2)
        p.insert(data="one")
        until("the event", lambda: b"data: one\n" in h.said)
        n = len(beats(h))
        until("a beat", lambda: len(beats(h)) > n)
        p.insert("other")
        until("a beat", lambda: beats(h)[-1]["id"].startswith("2-"))
        told = beats(h)
        assert told[0]["id"] == "0" and told[n]["id"] == ids(h.body())[1], told
        assert all(500 < b["time"] - a["time"] for a, b in zip(told, told[1:]))
        assert abs(told[-1]["time"] / 1000 - time.time()) < 60, told
        start = json.loads(re.search(rb"(?m)^data: (.*)$", h.said)[1])
        assert start["beat"] == 1 and 500 < told[0]["time"] - start["time"]


def test_php_sends_beats_between_events():
    with Pair() as p, Holding(p, "beat=1") as h:
        until("it begins", lambda: b"stream-start" in h.said)
        for _ in range(1000):
            if len(beats(h)) == 3:
                break
            n = sum(type is None for type, _, _ in events(h))
            p.insert(data="x")
            until("the event", lambda: n < sum(
                type is None for type, _, _ in events(h)))
        assert len(beats(h)) == 3 and n > 3, n


# --- ends ----------------------------------------------------------------------

def ends(h, reason, low, high):
    """It ends for this reason, and its client is to come back in so many ms."""
    assert h.proc.wait(60) == 0
    h.reader.join(60)
    last = re.sub("(?m)^:.*\n", "", h.body().decode()).split("\n\n")[-2]
    said = re.fullmatch(r'retry: (\d+)\nevent: stream-retry\n'
                        r'data: {"retry":(\d+),"reason":"(\w+)"}', last)
    assert said and said[1] == said[2], last
    assert said[3] == reason, last
    assert low <= int(said[1]) <= high, last
    return h


SLOW = {"LARGESSE_RETRY": "60000"}      # 30,000 to 90,000 ms


def test_php_says_that_it_comes_to_its_end():
    with Pair() as p:
        for hold in "0", "0.5":
            with Holding(p, "", hold=hold, **SLOW) as h:
                ends(h, "age", 30000, 90000)
        p.insert(data="x" * 600000)
        p.insert(data="y" * 600000)
        p.insert(data="z")
        with Holding(p, "lastEventId=0", **SLOW) as h:  # there is more
            ends(h, "age", 10, 100)


def test_php_ends_at_the_age_that_is_asked_for():
    with Pair() as p:
        began = time.time()
        with Holding(p, "age=1&pad=100", **SLOW) as h:
            until("it begins", lambda: b"stream-start" in h.said)
            p.insert(data="one")
            ends(h, "age", 100, 300)
        assert time.time() - began > 0.9
        assert list(events(h))[0][2] == "one", h.said
        with Holding(p, "age=99", hold="1", **SLOW) as h:
            ends(h, "age", 100, 300)


def test_php_comes_back_late_where_no_request_is_kept_open():
    """Or each page would ask several times in a second."""
    with Pair() as p:
        p.insert()
        for query in "", "age=9", "poll", "poll&age=0", "poll&lastEventId=0":
            with Holding(p, query, hold="0", **SLOW) as h:
                ends(h, "poll" if "poll" in query else "age", 30000, 90000)


def poll_for(p, seconds):
    path = p.dir / "events.php"
    path.write_text(put(path.read_text(), "POLL_S = 25;", "POLL_S = %d;" %
                        seconds))


def test_php_answers_a_poll():
    """What there is at once, or the first event that comes, or nothing after a
    while."""
    with Pair() as p:
        poll_for(p, 250)
        p.insert(data="one")
        with Holding(p, "poll&lastEventId=0", **SLOW) as h:
            ends(h, "poll", 100, 300)
            assert [e[2] for e in events(h)][:-1] == ["one"], h.said
        with Holding(p, "poll", **SLOW) as h:
            until("it begins", lambda: b"stream-start" in h.said)
            p.insert("other")
            p.insert(data="two")
            ends(h, "poll", 100, 300)
            assert [e[2] for e in events(h)][:-1] == ["two"], h.said
        with Holding(p, "poll&lastEventId=nowhere", **SLOW) as h:
            ends(h, "poll", 100, 300)
            assert b'"reason":"unknown"' in h.said, h.said
        for query in "poll&age=1", "poll&age=0&beat=1":
            with Holding(p, query, **SLOW) as h:
                ends(h, "poll", 100, 300)
                assert len(list(events(h))) == 1 + len(beats(h)), h.said


def test_php_waits_for_a_poll_no_longer_than_allowed():
    with Pair() as p:
        poll_for(p, 1)
        for query in "poll", "poll&age=250":
            with Holding(p, query, **SLOW) as h:
                ends(h, "poll", 100, 300)


def test_php_goes_on_with_a_poll_that_is_large():
    with Pair() as p:
        p.insert(data="x" * 600000)
        p.insert(data="y" * 600000)
        p.insert(data="z")
        with Holding(p, "poll&lastEventId=0", **SLOW) as h:
            ends(h, "poll", 10, 100)
            assert b"data: z" not in h.said
        with Holding(p, "poll", HTTP_LAST_EVENT_ID=ids(h.body())[-1]) as h:
            ends(h, "poll", 100, 300)
            assert b"data: z" in h.said


# --- pads ----------------------------------------------------------------------

def test_php_has_a_pad_behind_what_it_sends():
    pad = b":" + b"." * 98 + b"\n"
    with Pair() as p:
        fill(p)
        with Holding(p, "pad=100&lastEventId=0&topic=main", **{
                "LARGESSE_HEARTBEAT": "1"}) as h:
            until("a comment", lambda: b"\n:\n" in h.said)
            p.insert("other")       # of which nothing is sent
            n = h.said.count(b"\n:\n")
            until("two comments", lambda: h.said.count(b"\n:\n") > n + 1)
            p.insert(data="two")
            until("two", lambda: h.said.endswith(b"two\n\n" + pad))
            assert re.fullmatch(
                rb"retry.*\nevent: stream-start\n.*\n.*\n\nid: u1\ndata: one\n"
                rb"\n%s(:\n%s)+id: 6-\w+\ndata: two\n\n%s" % (pad, pad, pad),
                h.said.partition(b"\r\n\r\n")[2]), h.said


# --- tokens --------------------------------------------------------------------

def expiring(seconds, **more):
    return bearer(good("a", exp=time.time() + seconds, **more))


def expires(h):
    return [json.loads(data)["seconds"] for type, id, data in events(h)
            if type == "stream-expire" and id is None]


def test_php_says_that_a_token_expires():
    """30 seconds before its stream ends, or at the beginning.  The clock of
    whoever made it may be two seconds wrong."""
    with Pair(SECRET) as p:
        with Holding(p, "topic=a", **expiring(31)) as h:
            until("it begins", lambda: b"stream-start" in h.said)
            assert expires(h) == []
            p.insert("a", data="one")
            until("the warning", lambda: expires(h))
            assert [e[2] for e in events(h)][0] == "one", h.said
            assert expires(h)[0] in (28, 29, 30), h.said
        with Holding(p, "topic=a", **expiring(0)) as h:
            assert h.proc.wait(60) == 0
            assert expires(h)[0] <= 1 and len(expires(h)) == 1, h.said
        with Holding(p, "topic=a&poll&last=1", **expiring(9)) as h:
            ends(h, "poll", 100, 300)
            assert len(expires(h)) == 1 and expires(h)[0] > 1, h.said
        query = signed("topic=a&expires=%d" % (time.time() + 20))
        with Holding(p, query + "&poll&age=1") as h:
            ends(h, "poll", 100, 300)
            assert len(expires(h)) == 1, h.said


def test_php_says_nothing_of_its_own_on_a_bare_stream():
    query = "topic=a&start=bare"
    with Pair(SECRET) as p, Holding(p, query, **expiring(9)) as h:
        until("it begins", lambda: h.body() == b"id: 0\n\n")
        p.insert("a", data="one")
        until("the event", lambda: h.body().endswith(b"data: one\n\n"))
        assert b"stream-" not in h.said, h.said


def test_php_says_that_a_token_has_expired():
    with Pair(SECRET) as p, Holding(p, "topic=a", **expiring(0), **SLOW) as h:
        ends(h, "token", 30000, 90000)


def test_php_says_whose_right_was_revoked():
    """All look again, but only one is told to get another token."""
    with Pair(SECRET) as p:
        with Holding(p, "topic=a", **expiring(250, sub="al"), **SLOW) as al, \
                Holding(p, "topic=a", **expiring(250, sub="bo"), **SLOW) as bo:
            for h in al, bo:
                until("it begins", lambda: b"stream-start" in h.said)
            p.sql("INSERT INTO largesse_revoke(subject) VALUES('al')")
            ends(al, "revoked", 30000, 90000)
            ends(bo, "age", 10, 100)


# --- behind Apache --------------------------------------------------------------

@each("way", WAYS)
def test_stream_is_asked_for_by_post_in_each_way(way):
    """With a token in the header.  A POST to the address itself publishes."""
    with PhpHost(way=way, key=SECRET, settings=hold(2),
                 how="fcgid" if way == "largesse.fcgi" else "cgid") as y:
        publishes_and_asks(y, "events/stream")


@each("sapi", ["cgi", "fpm"])
def test_php_is_asked_by_post_where_no_path_is_known(sapi):
    with PhpHost(sapi, key=SECRET, settings=hold(2)) as y:
        for path in "events.php?stream", "events?x=1&stream":
            publishes_and_asks(y, path)
        publishes_and_asks(y, "events.php/stream")


def publishes_and_asks(y, path):
    headers = ["Authorization: Bearer " + good("a", publish=["a"]),
               "Content-Type: " + FORM["CONTENT_TYPE"]]
    s, body = y.get("/live/events", method="POST", headers=headers,
                    body=b"topic=a&data=one")
    assert s.status == 201, (s.status, body)
    s, body = y.get("/live/" + path, method="POST", headers=headers,
                    body=b"topic=a&last=1&poll")
    assert s.status == 200 and b"\ndata: one\n" in body, (path, body)
    assert body.endswith(b'"reason":"poll"}\n\n'), (path, body)
    s, body = y.get("/live/" + path, method="POST", body=b"topic=a",
                    headers=headers[1:])
    assert s.status == 401, (path, s.status, body)


def test_php_ends_with_a_beat_where_answers_are_kept_back():
    """Else a page would hear nothing for as long as a request is kept open."""
    with PhpHost("fpm", settings=hold(250)) as y:
        y.stream().started()    # makes the log
        s, body = y.get("/live/events?beat=1&lastEventId=0")
        assert re.search(rb"\nevent: stream-beat\ndata: .*\n\nretry: \d+\n"
                         rb'event: stream-retry\n.*"reason":"age"}\n\n$',
                         body), body
