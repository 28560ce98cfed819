"""test_life.py - a client is away while the log becomes another one.

It comes back with an id of a life of the log that is over.  The log may have
grown past that id in the meantime.  Whatever happened, the client is told a
gap before it gets anything, and nobody had to remember a step.
"""

import shutil

from client import Ended
from field import ALL_WEBS, Field, copy, gaps, number
from redis_server import RedisServer
from tap import each
from yard import until

LIVES = ["restored, overtaken", "restored, not overtaken",
         "another log, longer", "another log, shorter",
         "removed and made anew", "emptied, sequence reset"]
WAYS = ["up", "down"]       # the responder meanwhile


def fill(y, what, n):
    for i in range(n):
        y.insert("%s %d" % (what, i))


def become(y, life):
    """The log becomes another.  The client has seen row 10."""
    y.unpublish()
    if life.startswith("restored"):
        copy(y.dir / "copy.db", y.log)
        fill(y, "second", 2 if life.endswith("not overtaken") else 12)
    elif life.startswith("another log"):
        other = y.new_log()
        y.put_log(other)
        fill(y, "second", 3 if life.endswith("shorter") else 15)
    elif life.startswith("removed"):
        for path in [*y.tails(), y.log]:
            path.unlink(missing_ok=True)
        y.run("init", str(y.log))
        fill(y, "second", 12)
    else:
        db = y.publisher()
        db.execute("DELETE FROM events")
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        fill(y, "second", 12)


@each("life", LIVES)
@each("way", WAYS)
def test_away_while_the_log_became_another(way, life):
    with Field(ALL_WEBS) as y:
        here = y.follow().wait_start()
        s = y.stream().started()
        fill(y, "first", 5)
        copy(y.log, y.dir / "copy.db")
        fill(y, "lost", 5)
        s.data(10)
        held = s.last_id
        assert number(held) == 10, held
        s.close()
        here.wait_count(10)
        if way == "down":
            y.kill_responder()
        become(y, life)
        if way == "down":
            y.start_responder()
        told_of_gap(y, held)
        # What is published before it is told is a part of the gap.
        until("the follower is told", lambda: gaps(here) > 0)
        y.reach([here])
        assert gaps(here) == 1, here.notes
        knows = come_back(y, here.last_id)
        y.insert("after")
        assert knows.next_event().data == "after"
        assert not any(n.event == "stream-gap" for n in knows.notes)
        knows.close()


def come_back(y, held):
    """While the files change, a client may be told to come back once more."""
    def once():
        s = y.stream(last_id=held)
        try:
            return s.started()
        except Ended:
            s.close()
            return None
    return until("the client is let in", once)


def told_of_gap(y, held, commit=None):
    """Comes back with an id, and is told before it gets an event."""
    s = come_back(y, held)
    (commit or y.insert)("the next")
    e = s.next_event()
    assert any(n.event == "stream-gap" for n in s.notes), (
        "came back with %s, got %s %r and no gap" % (held, e.id, e.data))
    s.close()


@each("way", WAYS)
def test_away_during_flushall_of_redis(way):
    """FLUSHALL and init: the stream has other entries, with greater ids."""
    with Field(ALL_WEBS, start=False) as y, RedisServer(y.dir) as redis:
        y.log = redis.url
        y.run("init", redis.url)
        y.begin()
        here = y.follow().wait_start()
        s = y.stream().started()
        for i in range(5):
            redis.publish("first %d" % i)
        s.data(5)
        held = s.last_id
        s.close()
        here.wait_count(5)
        if way == "down":
            y.kill_responder()
        redis.ask("FLUSHALL")
        y.run("init", redis.url)
        for i in range(5):
            redis.publish("second %d" % i)
        if way == "down":
            y.start_responder()
        told_of_gap(y, held, redis.publish)
        y.reach([here], redis.publish)
        assert gaps(here) == 1, here.notes


@each("life", ["the same log", "a copy of it, moved back"])
def test_away_and_nothing_was_lost(life):
    """No gap is told for nothing: a VACUUM, a restart, a copy that has all."""
    with Field(ALL_WEBS) as y:
        s = y.stream().started()
        fill(y, "first", 10)
        s.data(10)
        held = s.last_id
        s.close()
        y.publisher().execute("VACUUM")
        y.kill_responder()
        if life != "the same log":
            y.unpublish()
            copy(y.log, y.dir / "copy.db")
            for path in [*y.tails(), y.log]:
                path.unlink(missing_ok=True)
            shutil.move(y.dir / "copy.db", y.log)
        y.start_responder()
        fill(y, "second", 2)
        s = y.stream(last_id=held).started()
        assert s.data(2) == ["second 0", "second 1"]
        assert [n.event for n in s.notes] == ["stream-start"]
        s.close()
