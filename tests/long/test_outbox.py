"""test_outbox.py - rows of another database become events: the relays of
deploy/recipes, with Debian's MariaDB and PostgreSQL on a unix socket of their own.
"""

import collections
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import psycopg2
import pymysql

from tap import each
from yard import ROOT, ROOTED, Yard, end_process, until

RECIPES = ROOT / "deploy/recipes"
TABLES = "CREATE TABLE orders(id serial PRIMARY KEY, item varchar(99))"
HARD = "it's \"good\"; DROP TABLE orders; -- \u00e4\u20ac\U0001f600 \\ \n %s"


class Base:
    """A server in the directory of a yard."""

    def __init__(self, y):
        self.y = y
        self.dir = y.dir / "base"
        self.dir.mkdir()
        if ROOTED:      # neither server runs as root
            shutil.chown(self.dir, self.user, self.user)
        self.as_user = ["setpriv", "--reuid=" + self.user, "--regid=" +
                        self.user, "--clear-groups"] if ROOTED else []
        self.call(*self.make())
        self.start()

    def call(self, *argv):
        done = subprocess.run([*self.as_user, *map(str, argv)], text=True,
                              capture_output=True, timeout=120, cwd=self.dir)
        assert done.returncode == 0, done.stderr + done.stdout

    def start(self):
        with open(self.y.dir / "base.log", "ab") as log:
            self.proc = subprocess.Popen(
                [*self.as_user, *map(str, self.serve())], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, cwd=self.dir)
        self.db = until("the database answers", self.answers)

    def answers(self):
        if self.proc.poll() is not None:
            raise RuntimeError("the database does not start")
        try:
            return self.connect()
        except (psycopg2.Error, pymysql.Error):
            return None

    def run(self, *lines):
        """In one transaction, unless one of them is refused."""
        sql = self.db.cursor()
        try:
            for line in lines:
                sql.execute(*line if isinstance(line, tuple) else (line,))
        except BaseException:
            self.db.rollback()
            raise
        self.db.commit()

    def ask(self, sql):
        cursor = self.db.cursor()
        cursor.execute(sql)
        found = cursor.fetchall()
        self.db.commit()
        return found

    def stop(self):
        if self.proc.poll() is None:
            self.db.close()
            end_process(self.proc, self.stops)


class Postgres(Base):
    user, stops = "postgres", signal.SIGINT

    def bin(self, name):
        return sorted(pathlib.Path("/usr/lib/postgresql").glob(
            "*/bin/" + name))[-1]

    def make(self):
        return [self.bin("initdb"), "--no-sync", "-A", "trust", "-U", "shop",
                "-E", "UTF8", "--locale=C.UTF-8", "-D", self.dir / "data"]

    def serve(self):
        return [self.bin("postgres"), "-D", self.dir / "data", "-k", self.dir,
                "-c", "listen_addresses=", "-c", "fsync=off"]

    def words(self):
        return "host=%s user=shop dbname=postgres" % self.dir

    def connect(self):
        return psycopg2.connect(self.words())

    def relay(self, language):
        return [self.words() if language == "py" else
                "pgsql:" + self.words().replace(" ", ";")]


class Mariadb(Base):
    user, stops = "mysql", signal.SIGTERM

    def make(self):
        return ["mariadb-install-db", "--no-defaults", "--datadir=%s" % (
            self.dir / "data"), "--auth-root-authentication-method=normal",
            "--skip-test-db"]

    def serve(self):
        return ["mariadbd", "--no-defaults", "--datadir=%s" % (
            self.dir / "data"), "--socket=%s" % self.socket,
            "--skip-networking", "--innodb-flush-log-at-trx-commit=0",
            "--pid-file=%s" % (self.dir / "pid")]

    socket = property(lambda self: str(self.dir / "sock"))

    def connect(self):
        db = pymysql.connect(unix_socket=self.socket, user="root",
                             charset="utf8mb4")
        db.cursor().execute("CREATE DATABASE IF NOT EXISTS shop")
        db.select_db("shop")
        return db

    def relay(self, language):
        if language == "php":
            return ["mysql:unix_socket=%s;dbname=shop;charset=utf8mb4" %
                    self.socket, "root"]
        options = self.y.dir / "shop.cnf"
        options.write_text("[client]\nsocket=%s\nuser=root\ndatabase=shop\n" %
                           self.socket)
        return [options]


BASES = {"postgres": Postgres, "mariadb": Mariadb}
ADD = "INSERT INTO outbox(topic, data) VALUES(%s, %s)"


def start_relay(y, base, name, language):
    with open(y.dir / "relay.log", "ab") as log:
        return subprocess.Popen(
            [{"py": "/usr/bin/python3", "php": "php"}[language],
             RECIPES / ("outbox-%s.%s" % (name, language)),
             *base.relay(language), y.log], stdout=log, stderr=log)


def rows(y, topic):
    with sqlite3.connect(y.log, timeout=20) as db:
        return [data for data, in db.execute(
            "SELECT data FROM events WHERE topic = ? ORDER BY id", (topic,))]


def is_empty(base):
    return base.ask("SELECT count(*) FROM outbox")[0][0] == 0


def killed_in_the_middle(y, base, name, language):
    """Transactions of one to nine rows, while the relay is killed by -9."""
    dice, wrote = random.Random(), []
    enough = threading.Event()

    def write():
        db = base.connect()
        while not enough.is_set():
            sql = db.cursor()
            some = [str(len(wrote) + i) for i in range(dice.randrange(1, 10))]
            for data in some:
                sql.execute(ADD, (language + "/many", data))
            if dice.random() < 0.2:
                db.rollback()
                continue
            db.commit()
            wrote.extend(some)
        db.close()

    writer = threading.Thread(target=write)
    writer.start()
    kills = 0
    try:
        while kills < 6:
            relay = start_relay(y, base, name, language)
            before = len(rows(y, language + "/many"))
            until("it relays", lambda: relay.poll() is not None or
                  len(rows(y, language + "/many")) > before)
            time.sleep(dice.random() / 50)      # any place of its loop
            assert relay.poll() is None, "the relay has ended"
            end_process(relay, signal.SIGKILL)
            kills += 1
    finally:
        enough.set()
        writer.join()
    relay = start_relay(y, base, name, language)
    until("nothing is left", lambda: is_empty(base))
    end_process(relay, signal.SIGKILL)
    counts = collections.Counter(rows(y, language + "/many"))
    assert counts == collections.Counter(wrote), counts - collections.Counter(
        wrote)
    print("# %s: %d rows, 6 kills" % (language, len(wrote)))


# uid, topic, event: what a stream carries, and what it could not carry.
FIT = [("u" * 128, "\u00e9" * 127 + "x", "stream-end"), ("12a", "a b", "stream"),
       ("Earliest", "t", ""), ("!~", "t", "\u00e9" * 127), ("a", "t", None)]
UNFIT = [("123", "t", None), ("", "t", None), ("?", "t", None),
         ("earliest", "t", None), ("a b", "t", None), ("a\n", "t", None),
         ("\u00e9", "t", None), ("u" * 129, "t", None), ("a", "", None),
         ("a", "x" * 256, None), ("a", "\u00e9" * 128, None),
         ("a", "run/*", None), ("a", "t\n", None), ("a", "t\x7f", None),
         ("a", "t", "stream-start"), ("a", "t", "stream-"),
         ("a", "t", "stream-end "), ("a", "t", "a\r"), ("a", "t", "x" * 256)]


def the_table_refuses(base):
    """The application is told, in its transaction."""
    add = "INSERT INTO outbox(uid, topic, event, data) VALUES(%s, %s, %s, '')"
    for row in FIT:
        base.run((add, row))
    for row in UNFIT:
        try:
            base.run((add, row))
        except (psycopg2.Error, pymysql.Error):
            continue
        raise AssertionError("not refused: %r" % (row,))
    base.run("DELETE FROM outbox")


# Each says no in another way: to the statement, and to the transaction.
TRIGGERS = """CREATE TRIGGER no BEFORE INSERT ON events WHEN new.data = 'no'
BEGIN SELECT RAISE(ABORT, 'not
today'); END; CREATE TRIGGER never BEFORE INSERT ON events
WHEN new.data = 'never' BEGIN SELECT RAISE(ROLLBACK, 'not here'); END"""


def the_log_refuses(y, base, name, language):
    """A row that the log does not take holds up nobody, and is not lost."""
    topic, said = language + "/refused", y.dir / "relay.log"
    log = y.publisher()
    log.executescript(TRIGGERS)
    said.write_text("")
    base.run(*((ADD, (topic, data)) for data in ("a", "no", "b", "c", "d")))
    for data in "ef":       # it is started again: nothing is told again
        relay = start_relay(y, base, name, language)
        base.run((ADD, (topic, data)))
        until("the others come", lambda: relay.poll() is not None or
              rows(y, topic)[-1:] == [data])
        if data == "e":     # and one that comes alone
            base.run((ADD, (topic, "never")))
        until("they are removed", lambda: relay.poll() is not None or
              not base.ask("SELECT 1 FROM outbox WHERE refused IS NULL"))
        assert relay.poll() is None, said.read_text()
        if data == "e":
            end_process(relay, signal.SIGKILL)
    assert rows(y, topic) == list("abcdef")
    kept = base.ask("SELECT id, data, refused FROM outbox ORDER BY id")
    assert [data for _, data, _ in kept] == ["no", "never"]
    told = said.read_text().splitlines()
    assert len(told) == 2, told
    for (number, _, why), line, word in zip(kept, told, (
            "not today", "not here")):
        assert word in why and word in line and " %d " % number in line, line
    log.executescript("DROP TRIGGER no; DROP TRIGGER never")
    base.run("UPDATE outbox SET refused = NULL")    # as the page says
    until("they come", lambda: is_empty(base))
    assert rows(y, topic) == [*"abcdef", "no", "never"]
    end_process(relay, signal.SIGKILL)


def one_relay(y, base, name, language):
    topic = language + "/one"
    f = y.follow("?topic=" + topic).wait_start()
    relay = start_relay(y, base, name, language)
    base.run(("INSERT INTO orders(item) VALUES(%s)", ("apple",)),
             (ADD, (topic, HARD)))
    f.wait_count(1)
    until("it is removed", lambda: is_empty(base))

    try:        # the order is refused, and so there is no event
        base.run((ADD, (topic, "no")),
                 ("INSERT INTO orders(item) VALUES(%s)", ("x" * 100,)))
        raise RuntimeError("not refused")
    except (psycopg2.Error, pymysql.Error):
        pass
    base.run((ADD, (topic, "two")))
    f.wait_count(2)

    # It died when the row was in the log and not yet removed.
    end_process(relay, signal.SIGKILL)
    base.run(("INSERT INTO outbox(uid, topic, data) VALUES(%s, %s, %s)",
              (topic, topic, "three")))
    y.publisher().execute("INSERT INTO events(uid, topic, data)"
                          " VALUES(?, ?, ?)", (topic, topic, "three"))
    relay = start_relay(y, base, name, language)
    until("it is removed", lambda: is_empty(base))
    assert rows(y, topic) == [HARD, "two", "three"]
    f.leave()
    assert [event.data for event in f.got][:2] == [HARD, "two"]
    return relay


@contextlib.contextmanager
def site(name):
    """A yard and a database beside it, which has the application's table."""
    with Yard("nginx") as y:
        if ROOTED:
            y.dir.chmod(0o755)
        base = BASES[name](y)
        try:
            base.run(TABLES)
            yield y, base
        finally:
            base.stop()


@each("name", BASES)
def test_outbox_of(name):
    """An event in the transaction of its order; killed, it neither loses nor
    repeats a row; what the log refuses is told and kept, and holds up nobody;
    it ends with its database."""
    with site(name) as (y, base):
        base.run((RECIPES / ("outbox-%s.sql" % name)).read_text())
        the_table_refuses(base)
        for language in ("py", "php"):
            relay = one_relay(y, base, name, language)
            if name == "postgres":
                waits_for_notify(base)
            end_process(relay, signal.SIGKILL)
            the_log_refuses(y, base, name, language)
            killed_in_the_middle(y, base, name, language)
        relays = [start_relay(y, base, name, language)
                  for language in ("py", "php")]
        base.run((ADD, ("end", "x")))
        until("one relays", lambda: is_empty(base))
        base.stop()
        for relay in relays:
            until("it ends", lambda: relay.poll() is not None)
            assert relay.returncode != 0


def waits_for_notify(base):
    """It asks nothing while nothing is there."""
    ask = ("SELECT pid, query_start FROM pg_stat_activity"
           " WHERE state = 'idle' AND pid <> pg_backend_pid()"
           " AND query_start IS NOT NULL")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        before = base.ask(ask)
        time.sleep(1)
        if before and base.ask(ask) == before:
            return
    raise AssertionError("it goes on asking")


# --- after the commit

ITEM = "it's \"good\"; DROP TABLE orders; -- \u00e4 $HOME \\ %s & a=b"


class Shop:
    """An application: it commits an order, and then tells it by post.sh."""

    def __init__(self, y, base):
        self.y, self.base = y, base
        key, self.header = y.dir / "key", y.dir / "header"
        key.touch(0o600)
        key.write_text("0123456789abcdef0123456789abcdef\n")
        y.options += ["--publish", "--key-file", str(key), "--public", "*"]
        y.restart_responder()
        token = y.run("token", "--key-file", str(key), "--publish", "orders"
                      ).stdout.strip()
        self.header.write_text("Authorization: Bearer %s\n" % token)

    def order(self, item):
        """The POST that is on its way.  None if the order was refused."""
        try:
            self.base.run(("INSERT INTO orders(item) VALUES(%s)", (item,)))
        except (psycopg2.Error, pymysql.Error):
            return None
        with open(self.y.dir / "post.log", "ab") as log:
            return subprocess.Popen(
                ["sh", RECIPES / "post.sh", "http://127.0.0.1:%d/events" %
                 self.y.port, self.header, "orders", item], stdout=log,
                stderr=log, start_new_session=True)

    def items(self):
        return [item for item, in self.base.ask(
            "SELECT item FROM orders ORDER BY id")]

    def was_turned_away(self, n):
        """So often nginx had no responder for a POST."""
        return (self.y.dir / "error.log").read_text().count(
            'request: "POST /events') >= n


def orders_are_told(shop):
    y = shop.y
    f = y.follow("?topic=orders").wait_start()
    assert shop.order(ITEM).wait(60) == 0
    f.wait_count(1)
    assert shop.order("x" * 100) is None        # no order, and no event
    # The responder is away: the order is there, and the POST is repeated.
    y.leave()
    post = shop.order("away")
    until("it was turned away", lambda: shop.was_turned_away(1))
    assert shop.items() == [ITEM, "away"] and post.poll() is None
    y.come_back()
    assert post.wait(120) == 0
    f.wait_count(2)
    f.leave()
    assert [event.data for event in f.got] == [ITEM, "away"]


def an_event_is_lost(shop):
    """With the machine that would have repeated its POST, as the page says.
    The order stays."""
    y = shop.y
    y.leave()
    before = (y.dir / "error.log").read_text().count('request: "POST')
    post = shop.order("lost")
    until("it was turned away", lambda: shop.was_turned_away(before + 1))
    os.killpg(post.pid, signal.SIGKILL)
    post.wait()
    y.come_back()
    assert shop.order("next").wait(120) == 0
    assert shop.items() == [ITEM, "away", "lost", "next"]
    assert rows(y, "orders") == [ITEM, "away", "next"]


@each("name", BASES)
def test_post_after_the_commit_of(name):
    """A refused order is not told; while the responder is away a POST is
    repeated and comes once; only a POST that nobody repeats is lost."""
    with site(name) as (y, base):
        shop = Shop(y, base)
        orders_are_told(shop)
        an_event_is_lost(shop)
