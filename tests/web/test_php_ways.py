"""test_php_ways.py - how events.php ends an answer, and why."""

import re
import time

from test_events_php import SECRET, Holding, Pair, bearer, good
from yard import until


def ends(h, reason, low, high):
    """It ends for this reason, and its client is to come back in so many ms."""
    assert h.proc.wait(120) == 0
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


def expiring(seconds, **more):
    return bearer(good("a", exp=time.time() + seconds, **more))


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
