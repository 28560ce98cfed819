"""test_recipes.py - runs the recipes of deploy/recipes as they are."""

import json
import pathlib
import sqlite3
import subprocess
import threading
import time

from tap import each
from yard import ROOT, Yard, until

RECIPES = ROOT / "deploy/recipes"
WITH = {"sh": ["sh"], "py": ["/usr/bin/python3"], "php": ["php"],
        "rb": ["ruby"], "pl": ["perl"], "mjs": ["node"]}
HARD = "it's \"good\"; DROP TABLE orders; -- \u00e4\u20ac $HOME %s \\"


def recipe(name, *args, check=True):
    path = RECIPES / name
    return subprocess.run([*WITH[path.suffix[1:]], str(path), *map(str, args)],
                          check=check, stdout=subprocess.PIPE, text=True,
                          stderr=None if check else subprocess.DEVNULL,
                          timeout=60)


def with_orders(y):
    y.sqlite3("CREATE TABLE orders(id INTEGER PRIMARY KEY,"
              " item TEXT CHECK (item <> 'refused'))")


def ask(y, sql):
    with sqlite3.connect(str(y.log)) as db:
        return db.execute(sql).fetchall()


@each("language", list(WITH))
def test_recipe_publishes(language):
    """The event reaches a stream, whatever text it has.  The recipe waits
    for a busy log.  If the change is refused, there is no event."""
    with Yard("nginx") as y:
        with_orders(y)
        s = y.stream("?topic=a").started()
        recipe("publish." + language, y.log, "a", HARD)
        assert s.data(1) == [HARD]

        bad = recipe("publish." + language, y.log, "a", "refused", check=False)
        assert bad.returncode != 0
        assert ask(y, "SELECT count(*) FROM events") == [(1,)]

        db = sqlite3.connect(str(y.log), isolation_level=None,
                             check_same_thread=False)
        db.execute("BEGIN IMMEDIATE")
        free = threading.Timer(1, db.execute, ["COMMIT"])
        free.start()
        recipe("publish." + language, y.log, "a", "late")
        free.join()
        db.close()
        assert s.data(1) == ["late"]
        assert ask(y, "SELECT item FROM orders ORDER BY id") == \
            ask(y, "SELECT data FROM events ORDER BY id") == \
            [(HARD,), ("late",)]


@each("language", ["sh", "py", "php", "rb", "pl", "mjs"])
def test_recipe_rolls_back_event_with_change(language):
    """The event is refused after the change: the change is undone, too."""
    with Yard("nginx") as y:
        with_orders(y)
        y.sqlite3("CREATE TRIGGER no BEFORE INSERT ON events WHEN"
                  " NEW.topic = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END")
        bad = recipe("publish." + language, y.log, "no", "x", check=False)
        assert bad.returncode != 0
        assert ask(y, "SELECT (SELECT count(*) FROM orders)"
                      " + (SELECT count(*) FROM events)") == [(0,)]


def test_recipe_posts():
    with Yard("nginx") as y:
        key = pathlib.Path(y.dir) / "key"
        key.touch(0o600)
        key.write_text("0123456789abcdef0123456789abcdef\n")
        y.options += ["--publish", "--key-file", str(key), "--public", "*"]
        y.restart_responder()
        token = y.run("token", "--key-file", str(key), "--publish", "a",
                       "--subscribe", "a").stdout.strip()
        header = pathlib.Path(y.dir) / "header"
        header.write_text("Authorization: Bearer %s\n" % token)
        s = y.stream("?topic=a").started()
        url = "http://127.0.0.1:%d/events" % y.port
        out = recipe("post.sh", url, header, "a", HARD).stdout
        assert json.loads(out)["ids"] == ["1"]
        assert s.data(1) == [HARD]
        header.write_text("X: y\n")
        assert recipe("post.sh", url, header, "a", "x",
                      check=False).returncode != 0


def test_recipe_snapshot_and_stream():
    """While rows are written, no event is missed or repeated, 20 times."""
    with Yard("nginx") as y:
        with_orders(y)
        ended = threading.Event()

        def write():
            db = sqlite3.connect(str(y.log), timeout=10, isolation_level=None)
            n = 0
            while not ended.is_set():
                n += 1
                db.execute("BEGIN IMMEDIATE")
                db.execute("INSERT INTO orders(item) VALUES(?)", (str(n),))
                db.execute("INSERT INTO events(topic, data)"
                           " VALUES('orders', ?)", (str(n),))
                db.execute("COMMIT")
                time.sleep(0.001)
            db.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            until("some orders", lambda: ask(
                y, "SELECT count(*) >= 5 FROM orders") == [(1,)])
            for _ in range(20):
                page = json.loads(recipe("snapshot.php", y.log).stdout)
                s = y.stream("?topic=orders&lastEventId=" + page["id"])
                s.started()
                got = page["orders"] + s.data(20)
                assert got == [str(n + 1) for n in range(len(got))]
                s.close()
        finally:
            ended.set()
            writer.join()
