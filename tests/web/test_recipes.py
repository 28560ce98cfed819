"""test_recipes.py - runs the recipes of deploy/recipes as they are."""

import contextlib
import http.server
import json
import os
import pathlib
import re
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


SCHEMA = ("SELECT type, name, tbl_name, sql FROM sqlite_schema"
          " WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name")
OWN = """
PRAGMA user_version = 7; PRAGMA application_id = 99;
CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT);
CREATE INDEX orders_item ON orders(item);
CREATE TRIGGER orders_no AFTER DELETE ON orders BEGIN SELECT 1; END;
INSERT INTO orders(item) VALUES('apple'), ('pear');
"""


def state(path):
    """What an application knows of its file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return (*(db.execute("PRAGMA " + name).fetchone() for name in (
            "user_version", "application_id", "page_size", "encoding",
            "auto_vacuum")), db.execute("SELECT * FROM orders").fetchall())


def schema(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(SCHEMA).fetchall()


def journal(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA journal_mode").fetchone()[0]


def test_init_changes_what_the_page_says():
    page = (RECIPES / "README.md").read_text()
    with Yard("nginx", start=False) as y:
        shared = y.dir / "shared"
        shared.mkdir(0o770)
        shared.chmod(0o770)
        for folder, mode in ((y.log.parent, 0o644), (shared, 0o664)):
            path = folder / "shop.db"
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.executescript(OWN)
            path.chmod(0o644)
            before, own = state(path), schema(path)
            y.run("init", str(path))
            assert state(path) == before
            added = [row for row in schema(path) if row not in own]
            assert [row for row in own if row not in schema(path)] == []
            tables = {name for kind, name, *_ in added if kind == "table"}
            [said] = re.findall(r"adds the tables (.*?), and indexes", page,
                                re.S)
            assert tables == set(re.findall(r"`(\w+)`", said))
            assert all(name.startswith("largesse") and table in tables
                       for kind, name, table, _ in added if kind != "table")
            assert journal(path) == "wal"
            assert path.stat().st_mode & 0o777 == mode

            bytes_of, after = path.read_bytes(), schema(path)
            y.run("init", str(path))
            assert schema(path) == after and path.read_bytes() == bytes_of

            [drop] = re.findall(r"shop.db '(DROP.*?)'", page, re.S)
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.executescript(drop)
            assert schema(path) == own and state(path) == before
            assert journal(path) == "delete"


def test_init_leaves_another_table_events_alone():
    with Yard("nginx", start=False) as y:
        path = y.log.parent / "shop.db"
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript(OWN + "CREATE TABLE events(what TEXT);")
        before = path.read_bytes()
        done = y.run("init", str(path), check=False)
        assert done.returncode == 1 and "use a file of its own" in done.stderr
        assert path.read_bytes() == before and journal(path) == "delete"


JOIN = ["py", "php", "mjs"]
WORDS = ["it's ", "\u00e4\u20ac", "", "\U0001f600", "\n", "\\ \"", "\n\n ", "x"]


class Model:
    """A server that answers as OpenAI's does.  The prompt says how: `burst N'
    sends N tokens at once, `cut N' the same without the end, `slow' a token
    each time that it is told to go on."""
    def __init__(self):
        self.go = threading.Semaphore(0)
        self.asked = []
        model = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(
                    int(self.headers["Content-Length"])))
                model.asked.append((self.path, self.headers, body))
                word, *n = body["messages"][-1]["content"].split()
                self.send_response(500 if word == "no" else 200)
                self.send_header("Content-Type", "text/event-stream")
                self.chunked = self.request_version == "HTTP/1.1"
                if self.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                self.send_header("Connection", "close")
                self.end_headers()
                if word != "no":
                    self.chunk('{"choices":[{"delta":{"role":"assistant"}}]}')
                for token in model.tokens(word, n):
                    self.chunk(json.dumps(
                        {"choices": [{"index": 0,
                                      "delta": {"content": token}}]}))
                if word in ("burst", "slow"):
                    self.chunk('{"choices":[]}')
                    self.chunk("[DONE]")
                    if self.chunked:
                        self.wfile.write(b"0\r\n\r\n")
                self.close_connection = True

            def chunk(self, data):
                data = f"data: {data}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data)
                                 if self.chunked else data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.handle_error = lambda *_: None  # the recipe has left
        threading.Thread(target=self.server.serve_forever).start()
        self.env = {**os.environ, "OPENAI_API_KEY": "secret", "MODEL": "m",
                    "OPENAI_BASE_URL": "http://127.0.0.1:%d/v1"
                                       % self.server.server_address[1]}

    def tokens(self, word, n):
        if word in ("burst", "cut"):
            yield from self.text(int(n[0]))
        while word == "slow" and self.go.acquire() and not self.ended():
            yield "word "

    def ended(self):
        return self.asked[-1] is None

    @staticmethod
    def text(n):
        return [WORDS[i % len(WORDS)] for i in range(n)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.asked.append(None)
        self.go.release()
        self.server.shutdown()
        self.server.server_close()


def joined(language, y, model, prompt):
    path = RECIPES / ("join." + language)
    return subprocess.Popen([*WITH[language], str(path), str(y.log), "run/7",
                             prompt], env=model.env, stderr=subprocess.PIPE)


def rows(y):
    return ask(y, "SELECT event, data FROM events WHERE topic = 'run/7'"
                  " ORDER BY id")


@each("language", JOIN)
def test_recipe_joins(language):
    """Every byte of the answer is in few rows, and the end behind them."""
    with Yard("nginx") as y, Model() as model:
        run = joined(language, y, model, "burst 2000")
        assert run.wait(60) == 0
        *text, end = rows(y)
        assert "".join(data for _, data in text) == "".join(model.text(2000))
        assert {event for event, _ in text} == {None}
        assert len(text) <= 200
        assert end == ("stream-end", "done")
        path, head, body = model.asked[0]
        assert path == "/v1/chat/completions" and body["model"] == "m" \
            and body["stream"] and head["Authorization"] == "Bearer secret"
        print(f"# {language}: 2000 tokens in {len(text)} rows")


@each("language", JOIN)
def test_recipe_holds_nothing_back(language):
    """A token is in the log while the model thinks about the next one; and
    SIGTERM ends the topic as stopped, whatever the model does."""
    with Yard("nginx") as y, Model() as model:
        run = joined(language, y, model, "slow")
        for n in range(1, 4):
            model.go.release()
            until("its row", lambda: len(rows(y)) == n)
        run.terminate()
        assert run.wait(60) == 1
        assert rows(y) == [(None, "word ")] * 3 + [("stream-end", "stopped")]


@each("language", JOIN)
def test_recipe_tells_of_a_failure(language):
    """The answer is cut, or there is none, or nobody listens there."""
    with Yard("nginx") as y, Model() as model:
        run = joined(language, y, model, "cut 100")
        assert run.wait(60) == 1
        *text, end = rows(y)
        assert "".join(data for _, data in text) == "".join(model.text(100))
        assert end == ("stream-end", "failed")
        for prompt in "no", "nobody":
            y.sqlite3("DELETE FROM events")
            if prompt == "nobody":
                model.env["OPENAI_BASE_URL"] = "http://127.0.0.1:1"
            assert joined(language, y, model, prompt).wait(60) != 0
            assert rows(y) == [("stream-end", "failed")]
