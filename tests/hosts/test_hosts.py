"""test_hosts.py - one log and two web servers.  A browser or a publisher may
come to either of them: each event reaches each browser once.

The events are those that the stream of Redis has in the end.  Each event that
a publisher was told is published must be among them.
"""

import os
import random
import sys
import threading
import time

from client import Stream
from twin import Twin
from yard import LOAD, until

SEED = int(os.environ.get("HOSTS_SEED", random.randrange(1 << 32)))
print("# HOSTS_SEED=%d" % SEED, file=sys.stderr)
dice = random.Random(SEED)


def gaps(f):
    return [n for n in f.notes if n.event == "stream-gap"]


def settle(followers, events):
    """Each follower has every event, once and in order, and saw no gap."""
    for f in followers:
        until("a follower has the last event", lambda: f.error or (
            f.got and f.got[-1].id == events[-1][0]))
        f.leave()
        if f.error:
            raise f.error
    wanted = [i for i, _ in events]
    lost = sum(len(set(wanted) - {e.id for e in f.got}) for f in followers)
    repeated = sum(len(f.got) - len({e.id for e in f.got}) for f in followers)
    print("# %d events to %d followers, %d connects, %d refused: "
          "lost %d, repeated %d, gaps %d" % (
              len(events), len(followers),
              sum(f.connects for f in followers),
              sum(f.refused for f in followers), lost, repeated,
              sum(len(gaps(f)) for f in followers)), file=sys.stderr)
    assert lost == 0 and repeated == 0
    for f in followers:
        assert [(e.id, e.data) for e in f.got] == events, "another order"
        assert not gaps(f), gaps(f)


def test_published_through_either_it_reaches_clients_of_both():
    with Twin() as t:
        followers = [w.follow().wait_start() for w in t.webs for _ in "ab"]
        t.redis_cli("XADD", "events", "*", "data", "by redis-cli")
        assert t.webs[0].post("data=by POST to one") == 201
        assert t.webs[1].post("data=by POST to two") == 201
        t.largesse("publish", t.url, "by largesse publish")
        said = t.webs[1].run([t.program, "publish", t.url, "from host two"],
                             env=t.env)
        assert said.returncode == 0, said.stderr
        # A uid stands for one event, on whichever host it is posted.
        assert t.webs[0].post("data=once", "uid=u1") == 201
        assert t.webs[1].post("data=once", "uid=u1") == 200
        events = t.master.events()
        assert [d for _, d in events] == [
            "by redis-cli", "by POST to one", "by POST to two",
            "by largesse publish", "from host two", "once"]
        settle(followers, events)


def test_topics_are_the_same_on_both():
    with Twin() as t:
        a, b = (w.follow("?topic=news").wait_start() for w in t.webs)
        t.redis_cli("XADD", "events", "*", "topic", "else", "data", "no")
        assert t.webs[0].post("topic=news", "data=yes") == 201
        for f in (a, b):
            f.wait_count(1).leave()
            assert [e.data for e in f.got] == ["yes"]


def test_a_client_moved_from_host_to_host_sees_each_id_once():
    with Twin(program=LOAD) as t:
        followers = [w.follow(pause=0.01).wait_start() for w in t.webs
                     for _ in "abc"]
        for i in range(600):
            t.master.ask("XADD", "events", "*", "data", "e%d" % i)
            if i % 5 == 0:
                f = dice.choice(followers)
                f.address = dice.choice(t.webs).address
                f.cut()
            if i % 100 == 0:
                all_back(followers)
        settle(followers, t.master.events())
        assert all(f.connects > 5 for f in followers)


def test_the_last_event_of_one_host_is_a_place_on_the_other():
    """The stream goes on the same, with the header that a browser sends."""
    with Twin() as t:
        for i in range(30):
            t.redis_cli("XADD", "events", "*", "data", "e%d" % i)
        one, two = t.webs
        f = one.follow(last_id="earliest").wait_count(30)
        f.leave()
        for i in (0, 11, 28):
            g = two.follow(last_id=f.got[i].id).wait_count(29 - i)
            g.leave()
            assert [(e.id, e.data) for e in g.got] == [
                (e.id, e.data) for e in f.got[i + 1:]]
            assert not gaps(g)


def all_back(followers):
    """Cut all, and wait until all are back: a busy machine needs the time."""
    was = [f.connects for f in followers]
    for f in followers:
        f.cut()
    for f, n in zip(followers, was):
        f.wait(lambda me, n=n: me.connects > n)


class Publisher(threading.Thread):
    """Publishes in one way until it is stopped.  told has the events that
    were answered as published."""

    def __init__(self, name, one):
        super().__init__(daemon=True)
        self.name, self.one = name, one
        self.told, self.failed = [], 0
        self.stopped = threading.Event()
        self.error = None
        self.start()

    def run(self):
        n = 0
        while not self.stopped.wait(0.02):
            n += 1
            data = "%s-%d" % (self.name, n)
            try:
                while not self.one(data):
                    self.failed += 1
                    if self.stopped.wait(0.02):
                        return
                self.told.append(data)
            except Exception as e:
                self.error = e
                return

    def stop(self):
        self.stopped.set()
        self.join(60)
        if self.error:
            raise self.error
        return self.told


def publishers(t):
    """An XADD that failed is not repeated, because it may have been done.
    With a uid the same event is sent until it is known to be there."""
    def cli(data):
        said = t.redis_cli("XADD", "events", "*", "data", data)
        return said.replace("-", "").isdigit()

    ways = [Publisher("cli", Once(cli))]
    for web in t.webs:
        ways.append(Publisher("post" + web.name, lambda data, web=web:
                              web.post("data=" + data, "uid=" + data)
                              in (200, 201)))
    ways.append(Publisher("pub", lambda data: t.largesse(
        "publish", t.url, "--uid", data, data, check=False) == 0))
    return ways


class Once:
    """Gives each attempt a name of its own."""

    def __init__(self, one):
        self.one, self.n = one, 0

    def __call__(self, data):
        self.n += 1
        return self.one("%s.%d" % (data, self.n))


def hurt(t):
    """Do one of the things that break.  Returns what repairs it."""
    what = dice.choice(["redis", "responder", "responder", "link", "db link"])
    web = dice.choice(t.webs)
    if what == "redis":
        t.master.kill()
        return what, t.master.begin
    if what == "responder":
        web.kill()
        return what, web.begin
    host = web if what == "link" else t.master
    host.unplug()
    return what, host.plug


def test_random_kills_of_redis_of_links_and_of_responders():
    with Twin(program=LOAD) as t:
        followers = [w.follow().wait_start() for w in t.webs for _ in "abc"]
        ways = publishers(t)
        done = {}
        end = time.monotonic() + 45
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.1, 1))
            what, mend = hurt(t)
            done[what] = done.get(what, 0) + 1
            time.sleep(dice.uniform(0, 0.8))
            mend()
        time.sleep(1)
        told = [data for p in ways for data in p.stop()]
        t.master.ask("XADD", "events", "*", "data", "the last one")
        events = t.master.events()
        print("# %s; published %s, failed %s" % (
            done, {p.name: len(p.told) for p in ways},
            {p.name: p.failed for p in ways}), file=sys.stderr)
        there = [data.rpartition(".")[0] if data.startswith("cli") else data
                 for _, data in events]
        assert not set(told) - set(there), "told as published, and is not"
        with_uid = [d for d in there if not d.startswith(("cli", "the"))]
        assert len(with_uid) == len(set(with_uid)), "published twice"
        assert all(p.told for p in ways), "a way that never worked"
        settle(followers, events)


def test_streams_stay_open_while_redis_is_away():
    with Twin(program=LOAD) as t:
        followers = [w.follow().wait_start() for w in t.webs]
        t.redis_cli("XADD", "events", "*", "data", "before")
        for f in followers:
            f.wait_count(1)
        t.master.kill()
        for w in t.webs:
            until("%s says so" % w.name, lambda: status(w, "/health") == 503)
        t.master.begin()
        t.redis_cli("XADD", "events", "*", "data", "after")
        settle(followers, t.master.events())
        assert all(f.connects == 1 for f in followers), "a stream was cut"


def status(web, path):
    s = Stream(web.address, "/events" + path)
    s.close()
    return s.status


def test_gaps_are_told_on_both():
    """The log is trimmed while a client is away, then deleted under all."""
    with Twin() as t:
        for i in range(10):
            t.redis_cli("XADD", "events", "*", "data", "e%d" % i)
        first = t.master.events()[0][0]
        t.redis_cli("XTRIM", "events", "MAXLEN", "=", "3")
        for w in t.webs:
            f = w.follow(last_id=first).wait_count(3)
            assert len(gaps(f)) == 1 and "pruned" in gaps(f)[0].data, f.notes
            assert [e.data for e in f.got] == ["e7", "e8", "e9"]
            f.leave()
        followers = [w.follow().wait_start() for w in t.webs]
        t.redis_cli("DEL", "events")
        for f in followers:
            f.wait(gaps)
        t.redis_cli("XADD", "events", "*", "data", "anew")
        for f in followers:
            f.wait_count(1).leave()
            assert [e.data for e in f.got] == ["anew"]
            assert len(gaps(f)) == 1


def test_sentinels_let_the_replica_take_over():
    """They do it by themselves; the old master comes back as the replica."""
    with Twin(program=LOAD, sentinels=True) as t:
        followers = [w.follow().wait_start() for w in t.webs for _ in "ab"]
        old, heir = t.master, t.replica
        for i in range(20):
            t.redis_cli("XADD", "events", "*", "data", "before %d" % i)
        before = old.events()
        until("the replica has all", lambda: heir.events() == before)
        old.kill()
        t.await_master(heir)
        until("a POST finds the new one", lambda: t.webs[0].post(
            "data=by POST", "uid=u1") in (200, 201))
        old.begin()
        until("the old one follows", lambda: old.is_now(
            "master_link_status:up"), 120)
        for i in range(20):
            t.redis_cli("XADD", "events", "*", "data", "after %d" % i)
        events = heir.events()
        assert events[:20] == before and len(events) == 41, len(events)
        settle(followers, events)
        assert all(f.connects == 1 for f in followers), "a stream was cut"


def test_the_replica_takes_over():
    """The master is lost for good; its address moves to the replica."""
    with Twin(program=LOAD) as t:
        followers = [w.follow().wait_start() for w in t.webs for _ in "ab"]
        for i in range(50):
            t.redis_cli("XADD", "events", "*", "data", "before %d" % i)
        until("the replica has all", lambda: len(
            t.replica.events()) == 50)
        before = t.master.events()
        t.master.kill()
        t.master.unplug()
        t.replica.ask("REPLICAOF", "NO", "ONE")
        t.replica.take_address(t.master.ip)
        for i in range(50):
            t.redis_cli("XADD", "events", "*", "data", "after %d" % i)
        events = t.replica.events()
        assert events[:50] == before and len(events) == 100
        settle(followers, events)
