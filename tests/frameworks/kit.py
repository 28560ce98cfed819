"""kit.py - an application of a framework beside the responder, behind the
shipped nginx, and a browser.

The application is under /app/, in the directory y.app, where the test puts it
together from its own files and from a file of deploy/frameworks as it stands.
Its environment says how to publish:

	LARGESSE_WAY	INSERT into the application's own database, which is the log;
			POST after the commit; or `other file': INSERT after the
			commit into a log of its own
	DATABASE	the path of the application's database
	LOG		the path of the log
	LARGESSE_URL	where events are posted
	LARGESSE_TOKEN	may publish `orders', `feed' and `private-*', and nothing else
	LARGESSE_KEY_FILE	with which addresses of streams are signed

`orders' may be read by everybody, and all other topics with a signed address.
Each application of the tests takes these forms, and its page shows the orders:

	POST /app/order item	a row in `orders' and its event, in a transaction
	POST /app/fail item	the same, and then the transaction is rolled back
	POST /app/refused	the same as order, but for the topic `secret', which is refused
	POST /app/twice item	an event whose uid is the same each time
	GET /app/address	a signed address of `feed'
"""

import json
import os
import pathlib
import queue
import shutil
import sqlite3
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

from client import Stream
from hosts import Site
from yard import ROOT, end_process, free_port, until

NODE_MODULES = ROOT / "build/frameworks/node_modules"
SHIPPED = ROOT / "deploy/frameworks"
HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = "include events.conf;"
# What is posted is seen in the log, and nobody has to wait ten seconds.
EDITS = [("access_log off;", "access_log access.log;"),
         ("set $largesse_retry $1$2$3$4;", "set $largesse_retry $1$2$3;")]
APP = """
		location /app/ {
			proxy_pass http://127.0.0.1:%d;
			proxy_set_header Host $http_host;
		}"""
REFUSES = ("CREATE TRIGGER refuses BEFORE INSERT ON events WHEN NEW.topic ="
           " 'secret' BEGIN SELECT RAISE(ABORT, 'CHECK: a secret'); END")
ORDERS = "CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT NOT NULL)"


class App(Site):
    """argv: a function of the application's directory and port."""

    def __init__(self, way="POST", argv=None, env=(), files=(), vendor=(),
                 options=()):
        self.argv, self.way, self.process = argv, way, None
        self.app_port = free_port()
        super().__init__("nginx", start=False, edits=EDITS)
        self.app = self.dir / "app"
        self.app.mkdir()
        key = self.dir / "key"
        key.write_text("0123456789abcdef" * 4 + "\n")
        key.chmod(0o600)
        self.options += ["--publish", "--key-file", str(key), "--public",
                         "orders", "--retry", "300", *options]
        for path in files:
            shutil.copy(path, self.app)
        for path, name in vendor:
            shutil.copy(NODE_MODULES / path, self.dir / "demo" / name)
        self.database = self.log if way == "INSERT" else self.dir / "app.db"
        self.make_orders()
        if way != "POST":           # there it is the token that refuses
            self.sqlite3(REFUSES)
        self.token = self.run("token", "--key-file", str(key), "--publish",
                              "orders", "--publish", "feed", "--publish",
                              "private-*").stdout.strip()
        self.env = dict(os.environ, LARGESSE_WAY=way, no_proxy="127.0.0.1",
                        DATABASE=str(self.database), LOG=str(self.log),
                        LARGESSE_TOKEN=self.token,
                        LARGESSE_KEY_FILE=str(key), **dict(env))
        self.begin()

    def make_orders(self):
        db = sqlite3.connect(self.database)
        db.execute(ORDERS)
        db.commit()
        db.close()

    def orders(self):
        db = sqlite3.connect(self.database)
        try:
            return [item for item, in db.execute(
                "SELECT item FROM orders ORDER BY id")]
        finally:
            db.close()

    def ship(self, name, *changes, folder=None):
        super().ship(name, *changes, folder=folder)
        if name == "nginx.conf":
            self.edit(name, INCLUDE, INCLUDE + APP % self.app_port)

    def begin(self, fronts=()):
        super().begin(fronts)
        if self.argv is not None:
            self.env["LARGESSE_URL"] = self.url + "/events"
            self.start_app()

    def start_app(self):
        with open(self.dir / "app.log", "ab") as log:
            self.process = subprocess.Popen(
                self.argv(self.app, self.app_port), cwd=self.app, env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the application answers", self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("the application ended: " + (
                self.dir / "app.log").read_text()[-3000:])
        try:
            urllib.request.urlopen(
                "http://127.0.0.1:%d/app/" % self.app_port, timeout=60).close()
            return True
        except urllib.error.HTTPError:
            raise RuntimeError("the application is wrong: " + (
                self.dir / "app.log").read_text()[-3000:])
        except OSError:
            return False

    def post(self, name, **form):
        """Its status and its text."""
        try:
            with urllib.request.urlopen(
                    self.url + "/app/" + name,
                    urllib.parse.urlencode(form).encode(), timeout=100) as a:
                return a.status, a.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode(errors="replace")

    def order(self, item):
        status, text = self.post("order", item=item)
        assert status == 200, (status, text[:500])

    def page(self, name, text):
        (self.dir / "demo" / name).write_text(text)

    def close(self):
        if self.process and self.process.poll() is None:
            end_process(self.process)
        super().close()


class Browser:
    """Chromium.  Its pages are closed with it."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", str(HERE / "browser.mjs")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.line = queue.SimpleQueue()
        threading.Thread(target=self.read, daemon=True).start()
        self.line.get(timeout=120)

    def read(self):
        for line in self.process.stdout:
            self.line.put(line)
        self.line.put('{"error": "the browser has ended"}')

    def say(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.line.get(timeout=120))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["is"]

    def open(self, url):
        return Page(self, self.say("open", url))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)


class Page:
    def __init__(self, browser, number):
        self.browser, self.number = browser, number

    def ask(self, js):
        return self.browser.say("ask", self.number, js)

    def texts(self, selector):
        """None while another page is loaded, and asking would be too early."""
        try:
            return self.ask("[...document.querySelectorAll(%s)].map((e) => "
                            "e.textContent.trim())" % json.dumps(selector))
        except RuntimeError as e:
            if "navigation" in str(e):
                return None
            raise

    def shows(self, *items, selector="#orders li", changing=False):
        """Waits until the list has these items, and no others.  Nothing else may
        be in it before that, unless it is one that is changing."""
        said = [None]

        def same():
            said[0] = self.texts(selector)
            if said[0] is None:
                return False
            if not changing and said[0] != list(items)[:len(said[0])]:
                raise AssertionError("the page shows %s" % said[0])
            return said[0] == list(items)
        try:
            until("the page shows " + ", ".join(items), same)
        except TimeoutError as e:
            raise AssertionError("%s: it shows %s; %s" % (
                e, said[0], self.browser.say("wrong", self.number))) from None


def publishes(y, page):
    """What is true of each framework.  The page has the list from its beginning."""
    y.order("one")
    page.shows("one")
    status, _ = y.post("fail", item="rolled back")
    assert status == 500, status
    assert y.orders() == ["one"], y.orders()
    y.order("two")                  # what was not to come would be before it
    page.shows("one", "two")
    assert y.publisher().execute("SELECT count(*) FROM events WHERE data"
                                 " LIKE '%rolled back%'").fetchall() == [(0,)]

    status, text = y.post("refused")
    assert status == 500, (status, text[:500])
    assert ("403" if y.way == "POST" else "CHECK") in text, text[:500]
    if y.way == "INSERT":           # and so the change was not made either
        assert y.orders() == ["one", "two"], y.orders()

    for _ in range(2):
        status, text = y.post("twice", item="three")
        assert status == 200, text[:500]
    y.order("four")
    page.shows("one", "two", "three", "four")


def comes_back(y, page):
    """The responder is killed, and what is published meanwhile is not lost.  It is
    there once: INSERT needs nobody, and POST is repeated until it is answered."""
    had = page.texts("#orders li")
    y.leave()
    done = []
    meanwhile = threading.Thread(
        target=lambda: done.append(y.post("order", item="meanwhile")))
    meanwhile.start()
    if y.way != "POST":
        meanwhile.join(100)
    else:
        until("the POST was refused", lambda: '"POST /events HTTP/1.1" 503' in (
            y.dir / "access.log").read_text())
    y.come_back()
    meanwhile.join(100)
    assert done and done[0][0] == 200, done
    y.order("after")
    page.shows(*had, "meanwhile", "after")


def signs(y):
    """The topic is closed, and open to those to whom the application gives its
    address."""
    assert Stream(y.address, "/events?topic=feed").status == 401
    s, body = y.get("/app/address")
    assert s.status == 200, body
    stream = Stream(y.address, body.decode().strip()).started()
    y.insert("fed", "feed")
    assert stream.data(1) == ["fed"]
    stream.close()
