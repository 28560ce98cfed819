"""test_handover.py - an application decides, and hands its clients over.

The applications are those of deploy/auth.md, word for word, behind the shipped
handover.conf of each web server.
"""

import http.server
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from urllib.parse import quote

from client import Cut, Ended, Stream
from hosts import Site
from probes import says_away
from tap import each
from test_auth import Php, cookies, recipe
from yard import ROOTED, end_process, free_port, until

PRIVATE = "for your eyes only"
MINE = "inbox/alice"

# What a site knows of its sessions: the names are in a file.
SESSIONS_PY = """import json
def user(cookie):
    with open("DIR/who.json") as f:
        return json.load(f).get(cookie.partition("session=")[2])
"""
SESSIONS_MJS = """import { readFileSync } from "node:fs";
export function userOf(cookie = "") {
	return JSON.parse(readFileSync("DIR/who.json"))[
	    cookie.split("session=")[1]];
}
"""
LOGIN = "<?php session_start(); $_SESSION['user'] = $_GET['user'];\n"

MODULE = "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n"

# How a site asks its application: the server's own matter, not ours.
SITES = {
    "php": """location ~ ^/app/(?<page>[a-z]+\\.php)$ {
		include /etc/nginx/fastcgi_params;
		fastcgi_param SCRIPT_FILENAME DIR/app/$page;
		fastcgi_pass unix:DIR/php.sock;
	}""",
    "proxied": """location /app/ {
		proxy_pass http://127.0.0.1:APP;
		client_max_body_size 8m;
	}""",
    "lighttpd": """$HTTP["url"] =~ "^/app/" {
	cgi.assign = ( ".cgi" => "", ".php" => "/usr/bin/php-cgi8.2" )
	alias.url += ( "/app/" => "DIR/app/" )
}""",
    "apache cgi": MODULE % ("cgid", "cgid") + 'ScriptAlias "/app" "DIR/app"\n'
    '<Directory "DIR/app">\nRequire all granted\n</Directory>',
    "apache fcgid": MODULE % ("fcgid", "fcgid") + """Alias "/app" "DIR/app"
<Directory "DIR/app">
	Require all granted
	Options +ExecCGI
	SetHandler fcgid-script
	FcgidWrapper /usr/bin/php-cgi8.2
</Directory>
FcgidMaxProcesses 1""",
    "apache wsgi": MODULE % ("wsgi", "wsgi") + """WSGISocketPrefix "DIR/wsgi"
WSGIDaemonProcess app user=www-data group=www-data processes=1 threads=1 \\
	python-path=DIR/app
WSGIProcessGroup app
WSGIScriptAlias "/app" "DIR/app/stream.wsgi"
<Directory "DIR/app">
	Require all granted
</Directory>""",
    "apache scgi": MODULE % ("proxy_scgi", "proxy_scgi") +
    'ProxyPass "/app" "scgi://127.0.0.1:APP"',
}


class App:
    """An application, in the directory of its site."""

    def __init__(self, y, name, file):
        self.y, self.name = y, name
        self.path = "/app/" + file

    def start(self):
        pass

    def stop(self):
        pass

    def write(self, name, text, mode=0o755):
        path = self.y.dir / "app" / name
        path.write_text(text.replace("DIR", str(self.y.dir)))
        path.chmod(mode)
        return str(path)

    # who is logged in

    def login(self, user):
        """Returns the headers that the browser of this user sends."""
        session = "s-" + user.encode().hex()
        self.set(session, user)
        return ["Cookie: session=" + session]

    def logout(self, user, headers):
        self.set("s-" + user.encode().hex(), None)
        self.y.sqlite3("INSERT INTO largesse_revoke(subject) VALUES('%s')" %
                       user)

    def set(self, session, user):
        path = self.y.dir / "who.json"
        who = json.loads(path.read_text()) if path.exists() else {}
        who[session] = user
        if user is None:
            del who[session]
        path.with_suffix(".new").write_text(json.dumps(who))
        path.with_suffix(".new").rename(path)


class Program(App):
    """Python's or Node's own web server, on a port of ours."""

    def __init__(self, y, name, file):
        super().__init__(y, name, "any")
        self.file = file
        self.set("nobody", "nobody")
        self.write("sessions.py", SESSIONS_PY)
        self.write("sessions.mjs", SESSIONS_MJS)

    def start(self):
        path = self.write(self.file, recipe(
            self.file, ("9000", str(self.y.app_port))))
        with open(self.y.dir / "app.log", "ab") as log:
            self.proc = subprocess.Popen(
                [{"py": sys.executable, "mjs": "node"}[
                    self.file.rpartition(".")[2]], path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the application listens", self.listens)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.y.app_port)) == 0

    def stop(self):
        end_process(self.proc)


class Cgi(App):
    def __init__(self, y, name, file):
        super().__init__(y, name, file)
        self.set("nobody", "nobody")
        self.write("sessions.py", SESSIONS_PY)
        self.write(file, recipe("stream.cgi"))


class Wsgi(App):
    def __init__(self, y, name, file):
        super().__init__(y, name, "any")
        self.set("nobody", "nobody")
        self.write("sessions.py", SESSIONS_PY)
        start = recipe("stream.py").rpartition('    start_response("200')[0]
        self.write(file, start + recipe("stream-wsgi.py"))


class PhpPages(App):
    """PHP with its own sessions; the log is one that PHP may write."""

    def __init__(self, y, name, file):
        super().__init__(y, name, file)
        if ROOTED:
            y.share_log()
            y.log.chmod(0o660)
        self.write("login.php", LOGIN)
        self.write("logout.php", recipe(
            "logout.php", ("/var/lib/largesse/events.db", str(y.log))))
        self.write(file, self.page())

    def page(self):
        return recipe("stream.php")

    def login(self, user):
        return cookies(self.y.get("/app/login.php?user=" + quote(user))[0])

    def logout(self, user, headers):
        s, body = self.y.get("/app/logout.php", headers=headers)
        assert (s.status, body) == (200, b""), (s.status, body)


class Fpm(PhpPages):
    def start(self):
        self.fpm = Php(self.y, workers=1)

    def stop(self):
        end_process(self.fpm.proc)


class PhpCgi(PhpPages):
    def page(self):
        to = recipe("stream.php").rpartition("header('X-Accel")[0]
        return to + recipe("stream-cgi.php")


# name: web server, how the site asks, what the application is
APPS = {
    "nginx, PHP-FPM": ("nginx", "php", Fpm, "stream.php"),
    "nginx, Python": ("nginx", "proxied", Program, "stream.py"),
    "nginx, Node": ("nginx", "proxied", Program, "stream.mjs"),
    "lighttpd, CGI": ("lighttpd", "lighttpd", Cgi, "stream.cgi"),
    "lighttpd, php-cgi": ("lighttpd", "lighttpd", PhpCgi, "stream.php"),
    "apache, CGI": ("apache", "apache cgi", Cgi, "stream.cgi"),
    "apache, php-cgi": ("apache", "apache fcgid", PhpCgi, "stream.php"),
    "apache, mod_wsgi": ("apache", "apache wsgi", Wsgi, "stream.wsgi"),
}

INCLUDES = {
    "nginx": ("include events.conf;",
              "include events.conf;\n\tinclude handover.conf;\n\tASKS"),
    "lighttpd": ('include "retry.conf"', 'include "retry.conf"\n'
                 'include "handover.conf"\nASKS'),
    "apache": ("Include retry.conf", MODULE % ("env", "env") +
               "Include retry.conf\nInclude handover.conf\nASKS"),
}


class Handing(Site):
    """A site with an application and with handover.conf.

    asks: how the web server asks the application, a key of SITES.
    """

    def __init__(self, web, asks, options=("--handover",), edits=(), **kw):
        self.app_port = kw.pop("app_port", None) or free_port()
        self.asks = SITES[asks]
        super().__init__(web, options=options, edits=edits, start=False, **kw)
        (self.dir / "app").mkdir()
        (self.dir / "sessions").mkdir()
        (self.dir / "sessions").chmod(0o777)
        (self.dir / "php.ini").write_text(
            "session.save_path = %s/sessions\n" % self.dir)

    def in_dir(self, text):
        return text.replace("DIR", str(self.dir)).replace(
            "APP", str(self.app_port))

    def start_web(self):
        os.environ["PHP_INI_SCAN_DIR"] = ":%s" % self.dir
        try:
            super().start_web()
        finally:
            del os.environ["PHP_INI_SCAN_DIR"]

    def ship(self, name, *changes, folder=None):
        super().ship(name, *changes, folder=folder)
        if name in ("nginx.conf", "lighttpd.conf", "apache2.conf"):
            old, new = INCLUDES[self.web]
            self.edit(name, old, self.in_dir(new.replace("ASKS", self.asks)))


class application:
    """with application("nginx, Node") as (site, app)"""

    def __init__(self, name, **kw):
        web, asks, kind, file = APPS[name]
        self.y = Handing(web, asks, **kw)
        self.app = kind(self.y, name, file)

    def __enter__(self):
        self.app.start()
        try:
            self.y.begin()
        except Exception:
            self.app.stop()
            raise
        return self.y.__enter__(), self.app

    def __exit__(self, *what):
        try:
            self.y.__exit__(*what)
        finally:
            self.app.stop()


METHODS = [dict(), dict(method="POST", body=b"a=b")]
# What a client may send that knows how all this works.
HOSTILE = ["LARGESSE_HANDED_OVER: on", "LARGESSE-HANDED-OVER: on",
           "REDIRECT_LARGESSE_HANDS_OVER: on", "LARGESSE_HANDS_OVER: on",
           "X-Accel-Redirect: /events?topic=inbox/bob",
           "X-Sendfile: /events?topic=inbox/bob",
           "Location: /events?topic=inbox/bob", "Status: 200",
           "X-Original-URL: /events?topic=inbox/bob",
           "X-Rewrite-URL: /events?topic=inbox/bob",
           "QUERY_STRING: topic=inbox/bob", "Content-Location: /events"]


def ask(y, app, query="", **kw):
    s = Stream(y.address, app.path + query, **kw)
    y.streams.append(s)
    return s


def refused(y, app, query="", by=(403,), **kw):
    s, body = y.get(app.path + query, **kw)
    assert s.status in by, (s.status, body)
    for word in (PRIVATE, "stream-start", "id:", "data:"):
        assert word.encode() not in body, body


def mine(y, app, query="", **kw):
    """It is the stream of alice's own topic."""
    s = ask(y, app, query, **kw)
    assert s.status == 200, (s.status, s.rest())
    assert s.headers["content-type"].split(";")[0] == "text/event-stream"
    return s


# Users of other names, whom nobody may take for bob.
NAMES = ["*", "b*", "bob&topic=inbox/bob", "bob;topic=inbox/bob", "bob#",
         "x?topic=inbox/bob", "../inbox/bob", "bob/../bob", "%62ob", "bob+",
         "bob%26topic=inbox/bob", "{user}", "bob ", "BOB", "b\u00f6b", "bob=1",
         "bob,inbox/bob", "bob&lastEventId=earliest", '"bob"', "bob\\"]
NO_NAMES = ["bob\r\nX-Accel-Redirect: /events?topic=inbox/bob", "bob\n",
            "bob\0", "bob\r\n\r\ndata: inbox/bob"]


def names(y, app):
    """Each reads his own topic and no other, whatever he is called."""
    streams = [(mine(y, app, headers=app.login(name)).started(), name)
               for name in NAMES]
    for name in NO_NAMES:
        # lighttpd itself refuses some.
        refused(y, app, by=(400, 403), headers=app.login(name))
    y.insert(PRIVATE, "inbox/bob")
    for s, name in streams:
        y.insert(name, "inbox/" + name)
        got = s.next_event().data
        assert got == name, (name, got)
        s.close()


@each("name", APPS)
def test_handed_over(name):
    with application(name) as (y, app):
        y.insert(PRIVATE, MINE)
        for how in METHODS:
            refused(y, app, **how)
            refused(y, app, query="?topic=%s&last=9&subject=alice" % MINE,
                    headers=HOSTILE, **how)
        alice, bob = app.login("alice"), app.login("bob")
        for how in METHODS:
            # The application's topics count, and not the client's.
            s = mine(y, app, "?topic=inbox/bob&topic=news&last=9&subject=bob"
                     "&LARGESSE_HANDED_OVER=on", headers=alice + HOSTILE,
                     **how)
            start = json.loads(s.next_note("stream-start").data)
            assert start["topics"] == [MINE], start
            other = mine(y, app, headers=bob, **how).started()
            y.insert("bob's", "inbox/bob")
            last = str(y.insert("alice's", MINE))
            assert s.next_event().data == "alice's"
            assert other.next_event().data == "bob's"
            # A client that comes back says where it was.
            y.insert("missed", MINE)
            again = mine(y, app, headers=alice, last_id=last, **how)
            assert again.next_event().data == "missed"
            s2 = mine(y, app, "?lastEventId=" + last, headers=alice, **how)
            assert s2.next_event().data == "missed"
        # Logging out ends her streams, and no others.
        app.logout("alice", alice)
        for ended in (s, again, s2):
            assert b'"reason":"revoked"' in ended.rest()
        y.insert(PRIVATE, MINE)
        for how in METHODS:
            refused(y, app, headers=alice, last_id=last, **how)
        y.insert("still here", "inbox/bob")
        assert other.next_event().data == "still here"
        # When she is back, the application is asked again.
        again = mine(y, app, headers=app.login("alice"), last_id=last)
        assert again.data(2) == ["missed", PRIVATE]
        names(y, app)


# How many streams at a time: a CGI program has no workers, and takes long to
# start.
STREAMS = {name: 5 if name in ("lighttpd, CGI", "lighttpd, php-cgi",
                               "apache, CGI") else 50 for name in APPS}


@each("name", APPS)
def test_application_is_free_while_streams_run(name):
    """One worker of the application serves 50 streams."""
    with application(name) as (y, app):
        alice = app.login("alice")
        streams = [mine(y, app, headers=alice).started()
                   for _ in range(STREAMS[name])]
        refused(y, app)
        y.insert("all of you", MINE)
        for s in streams:
            assert s.next_event().data == "all of you"


PATHS = ["/events", "/events?", "/events/", "/events//", "/%65vents",
         "//events", "/events/.", "/x/../events", "/app/../events",
         "/app/%2e%2e/events", "/app/..%2fevents", "/app//../events",
         "/events;x", "/events/stream", "/app/../events/", "/events/x/..",
         "http://localhost/events", "/EVENTS"]


@each("name", ["nginx, Node", "lighttpd, CGI", "apache, CGI"])
def test_nobody_gets_a_stream_in_another_way(name):
    with application(name) as (y, app):
        app.login("alice")
        y.insert(PRIVATE, MINE)
        for path in PATHS:
            for how in METHODS:
                s, body = y.get(path.partition("?")[0] + (
                    "?topic=%s&last=9&subject=alice&LARGESSE_HANDED_OVER=on"
                    % MINE), headers=HOSTILE, **how)
                assert s.status >= 400, (path, s.status)
                assert PRIVATE.encode() not in body, (path, body)
                assert b"stream-start" not in body, (path, body)


@each("name", ["lighttpd, CGI"])
def test_what_was_handed_over_counts_for_one_request(name):
    """The next request on the same connection is the client's own."""
    with application(name) as (y, app):
        alice, = app.login("alice")
        for first in (app.path, app.path + "/../sessions.py"):
            with socket.create_connection(y.address, 60) as sock:
                said = b""
                sock.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
                              % first).encode())
                while b"\r\n\r\n" not in said:
                    said += sock.recv(65536)
                sock.sendall((
                    "GET /events?topic=%s HTTP/1.1\r\nHost: localhost\r\n"
                    "Connection: close\r\n%s\r\n\r\n" % (MINE, alice)
                    ).encode())
                said = b""
                while part := sock.recv(65536):
                    said += part
                assert said.startswith(b"HTTP/1.1 403"), said


# --- an application that says what a test has chosen -------------------------

TO = "/events?topic=run/7&lastEventId=earliest&subject=alice"
WEBS = {"nginx": "proxied", "lighttpd": "lighttpd", "apache": "apache cgi",
        "apache, SCGI": "apache scgi"}


class Says(http.server.BaseHTTPRequestHandler):
    """With nginx: the headers come from the test."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.command)
        self.send_response(200)
        for name, value in self.server.says:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Scgi(socketserver.StreamRequestHandler):
    """With mod_proxy_scgi: one answer for each request."""

    def handle(self):
        size = b""
        while not size.endswith(b":"):
            size += self.rfile.read(1)
        params = self.rfile.read(int(size[:-1]) + 1).split(b"\0")
        self.rfile.read(int(params[params.index(b"CONTENT_LENGTH") + 1]))
        for name, value in self.server.says:
            self.wfile.write(("%s: %s\r\n" % (name, value)).encode())
        self.wfile.write(b"\r\n")


# With the others: a CGI program.
SAYS = "#!/bin/sh\ncat >/dev/null\ncat 'DIR/says'\n"


class saying:
    """with saying((header, value), ...) as y: an application at y.app_path.

    y.say(to) changes where it hands its clients over to.
    """

    def __init__(self, *headers, to=TO, fronts=(), web="nginx", **kw):
        self.fronts, self.headers = fronts, headers
        self.server = None
        self.name = "X-Accel-Redirect" if web == "nginx" else "Location"
        if web in ("nginx", "apache, SCGI"):
            self.server = (http.server.ThreadingHTTPServer(
                ("127.0.0.1", 0), Says) if web == "nginx" else
                socketserver.ThreadingTCPServer(("127.0.0.1", 0), Scgi))
            self.server.asked = []
            threading.Thread(target=self.server.serve_forever,
                             daemon=True).start()
            kw["app_port"] = self.server.server_address[1]
        self.y = y = Handing(web.split(",")[0], WEBS[web], **kw)
        # The end of its path is no page of ours.
        y.app_path = "/app/status"
        if self.server is None:
            y.app_path = "/app/say.cgi/status"
            App(y, web, "say.cgi").write("say.cgi", SAYS)
        y.say = self.say
        y.say(to)

    def say(self, to):
        if self.server is not None:
            self.server.says = [(self.name, to), *self.headers]
        else:
            (self.y.dir / "says").write_text("Location: %s\n\n" % to)

    def __enter__(self):
        self.y.begin(self.fronts)
        if self.server is not None:
            self.y.asked = self.server.asked
        return self.y

    def __exit__(self, *what):
        try:
            self.y.__exit__(*what)
        finally:
            if self.server is not None:
                self.server.shutdown()
                self.server.server_close()


def at_app(y, query="", **kw):
    s = Stream(y.address, y.app_path + query, **kw)
    y.streams.append(s)
    return s


def topics_of(s):
    return json.loads(s.next_note("stream-start").data)["topics"]


def place_counts(y):
    """By header, and in the query as event-source-polyfill says it.  The rest
    of the client's query has gone."""
    for i in range(4):
        y.insert("n%d" % i, "run/7")
    y.insert(PRIVATE, MINE)
    for name in ("lastEventId", "last_event_id", "lastEventID"):
        for query in ("?%s=3", "?a=b&%s=3&topic=" + MINE, "?%s=1&lastEventId=3"):
            got = at_app(y, query % name).next_event().data
            assert got == "n3", (query % name, got)
    assert at_app(y, "?lastEventId=1", last_id="3").next_event().data == "n3"
    assert at_app(y, "?last=1&notLastEventId=3").next_event().data == "n0"
    # It is an id and nothing more, however it is written.
    for more in (";", "&", "%3B", "%26", "%00", "+", "#"):
        s = at_app(y, "?lastEventId=3%stopic=%s" % (more, MINE))
        # lighttpd and Apache themselves refuse some.
        if s.status == 200 or "nginx" in y.web:
            assert topics_of(s) == ["run/7"], more
        else:
            assert s.status == 400 and MINE.encode() not in s.rest(), more


# What an application names, and the topics that the client gets.  None: it is
# refused, or it is the stream of run/7.
NAMED = [
    ("/events", ["main"]), ("/events?", ["main"]),
    ("/events?topic=run/7&topic=run/8", ["run/7", "run/8"]),
    ("/events?topic=run/7%26topic=inbox/bob", ["run/7&topic=inbox/bob"]),
    ("/events?topic=run/7%0d%0atopic=inbox/bob", []),
    ("/events?topic=run/7\r\nX-Topic: /events?topic=inbox/bob", None),
    ("/x/../events?topic=run/7", None), ("/../events?topic=run/7", None),
    ("/events/..?topic=run/7", None), ("/events/../events?topic=run/7", None),
    ("/events/health?topic=run/7", []), ("/events/status?topic=run/7", []),
    ("/events%3ftopic=run/7", []), ("/eventsx?topic=run/7", []),
    ("@events?topic=run/7", []),
]


@each("web", WEBS)
def test_where_it_is_handed_over_to(web):
    """The client's query changes nothing but the place."""
    with saying(web=web) as y:
        place_counts(y)
        y.insert(PRIVATE, "inbox/bob")
        for to, topics in NAMED:
            y.say(to)
            for how in METHODS:
                s = at_app(y, "?topic=inbox/bob&subject=bob&last=9",
                           headers=HOSTILE, **how)
                if topics and s.status != 200:
                    raise AssertionError((to, s.status))
                if "event-stream" in s.headers.get("content-type", ""):
                    assert topics_of(s) == (
                        ["run/7"] if topics is None else topics), to
                else:
                    assert PRIVATE.encode() not in s.rest(), to
                s.close()


# --- nginx: what it keeps of the application's answer -------------------------

def test_headers_of_the_application():
    """A cookie stays; the stream's own headers count."""
    with saying(("Set-Cookie", "session=new"), ("Content-Type", "text/html"),
                ("Content-Encoding", "gzip"), ("X-Accel-Buffering", "yes"),
                ("Cache-Control", "public, max-age=60"),
                ("Expires", "Thu, 01 Dec 2050 16:00:00 GMT")) as y:
        y.insert("one", "run/7")
        s = at_app(y)
        assert s.next_event().data == "one"
        assert s.headers["content-type"] == "text/event-stream"
        assert s.headers["set-cookie"] == "session=new"
        assert "content-encoding" not in s.headers
        assert "no-store, no-transform" in s.wire.head
        y.insert("two", "run/7")
        assert s.next_event().data == "two"


def test_post_becomes_get_without_its_body():
    """One megabyte and more is too much for the responder, not for the
    application."""
    with saying() as y:
        y.insert("one", "run/7")
        for n in (1, 2000000):
            s = at_app(y, method="POST", body=bytes(n))
            assert s.status == 200, (n, s.status)
            assert s.next_event().data == "one"
        s = at_app(y, method="HEAD")
        assert s.headers["content-type"] == "text/event-stream"
        assert y.asked == ["POST", "POST", "HEAD"]


def test_responder_away_when_handed_over():
    """The browser is told to come back, whatever type the application said;
    and the application is asked again."""
    with saying(("Content-Type", "text/html"),
                ("Cache-Control", "public, max-age=60"), how="none") as y:
        for how in METHODS:
            s = at_app(y, **how)
            body = s.rest()
            assert says_away(s, body), (s.status, body)
            assert s.headers["content-type"] == "text/event-stream"
            assert s.headers["cache-control"] == "no-store"
            assert 1000 <= s.retry <= 9999, body
        assert y.asked == ["GET", "POST"]


@each("web", ["lighttpd", "apache"])
def test_responder_away_when_handed_over_locally(web):
    with application(web + ", CGI", how="none") as (y, app):
        alice = app.login("alice")
        for how in METHODS:
            s, body = y.get(app.path, headers=alice, **how)
            assert says_away(s, body), (s.status, body)
            assert s.headers["content-type"] == "text/event-stream"
        refused(y, app)


# What the READMEs say to change where there are public topics, too.
PUBLIC = [
    ("nginx, Node", [("location = /events {", "location = /streams {"),
                     ("location ^~ /events/ {\n\treturn 404;\n}\n", "")]),
    ("lighttpd, CGI", []),
    ("apache, CGI", [
        ("Require expr \"reqenv('REDIRECT_LARGESSE_HANDS_OVER') == 'on'\"",
         "")]),
]


@each("name", [name for name, _ in PUBLIC])
def test_public_topics_beside(name):
    with application(name, edits=dict(PUBLIC)[name], options=[
            "--handover", "--public", "news"]) as (y, app):
        if "nginx" in name:         # and so says the application
            path = y.dir / "app/stream.mjs"
            path.write_text(path.read_text().replace("/events?", "/streams?"))
            app.stop()
            app.proc = subprocess.Popen(["node", str(path)])
            until("the application listens", app.listens)
            s, _ = y.get("/streams?topic=" + MINE)
            assert s.status == 404, s.status
        y.insert(PRIVATE, MINE)
        s = y.stream("?topic=news").started()
        s2 = mine(y, app, headers=app.login("alice")).started()
        for topics in ("topic=" + MINE, "topic=news&topic=" + MINE, "topic=*",
                       "topic={user}&subject=alice"):
            r, body = y.get("/events?last=9&" + topics)
            assert r.status in (401, 403), (topics, r.status)
            assert PRIVATE.encode() not in body, body
        y.insert("for all", "news")
        y.insert("for alice", MINE)
        assert s.next_event().data == "for all"
        assert s2.next_event().data == "for alice"
        assert y.get("/events/health")[0].status == 200


def test_handed_over_in_the_front():
    """The application and largesse are behind the nginx that clients see; and
    one more nginx in front of it does no harm."""
    with saying(fronts=["nginx"], edits=[
            ("location ~ ^/events(?<largesse_path>/.*)?$ {\n\t# The web "
             "server behind.", "location / {\n\tset $largesse_path x;\n"
             "\t# The web server behind.")]) as y:
        y.insert("one", "run/7")
        s = at_app(y)
        assert s.next_event().data == "one"
        y.insert("two", "run/7")
        assert s.next_event().data == "two"
        assert y.get("/events?topic=run/7&last=1")[0].status == 404
        y.sqlite3("INSERT INTO largesse_revoke(subject) VALUES('alice')")
        assert b"retry:" in s.rest()


# --- what each directive is for -----------------------------------------------

def closed(y):
    """Nobody gets a stream by himself."""
    streams = [Stream(y.address, path + "?topic=run/7&last=1")
               for path in ("/events", "/events/")]
    y.streams += streams
    return all(s.status == 404 for s in streams)


def closed_by_rewrite(y):
    """Nor by an address that the site leads to the stream."""
    streams = [Stream(y.address, path) for path in (
        "/led/7", "/led/7?last=1&topic=*", "/tried")]
    y.streams += streams
    return all(s.status == 404 for s in streams)


def hears(y, patience=20, query="", **kw):
    s = at_app(y, query, timeout=patience, **kw)
    return s.status == 200 and s.next_event(patience).data == "n0"


def again(y):
    return at_app(y, "?lastEventId=3").next_event().data == "n3"


def posts(y):
    return at_app(y, method="POST", body=bytes(2000000)).status == 200


def small_limit(y):
    """The responder has a limit of its own, which is not for this body."""
    return hears(y, method="POST", body=bytes(500000))


def logs_out(y):
    s = at_app(y)
    s.next_event()
    y.sqlite3("INSERT INTO largesse_revoke(subject) VALUES('alice')")
    y.insert("after", "run/7")
    while True:
        try:
            if s.next_event().data == "after":
                return False
        except Ended:
            return True


def told_to_come_back(y):
    s = at_app(y)
    return says_away(s, s.rest())


def bare_is_told(y):
    """It would take the other answer for one without text."""
    y.say(TO + "&start=bare")
    return all(at_app(y, **how).status == 503 for how in METHODS)


def at_once(y):
    return hears(y, 10)


OPEN = dict(options=[])
NOT_LED = 'if ($upstream_http_x_accel_redirect = "") { return 404; }'
LED = [("location = /events {", "location ^~ /led/ { rewrite ^ "
        "/events?topic=run/7&last=1; }\n\tlocation = /tried { try_files /none "
        "/events?topic=run/7; }\n\tlocation = /events {")]
NGINX = {
    "internal": (closed, ("internal;", NOT_LED), OPEN),
    "not by rewrite": (closed_by_rewrite, NOT_LED, dict(edits=LED)),
    "location": (closed, "location ^~ /events/ {\n\treturn 404;\n}\n", OPEN),
    "QUERY_STRING": (hears, "fastcgi_param QUERY_STRING $query_string;", {}),
    "REQUEST_URI": (again, "fastcgi_param REQUEST_URI $request_uri;", {}),
    "LARGESSE_HANDED_OVER": (
        logs_out, "fastcgi_param LARGESSE_HANDED_OVER on;", OPEN),
    "client_max_body_size": (posts, "client_max_body_size 0;", {}),
    "body": (small_limit, ("fastcgi_pass_request_body off;",
             'fastcgi_param HTTP_CONTENT_LENGTH "" if_not_empty;'), dict(
                 options=["--handover", "--max-request", "16384"])),
    "fastcgi_buffering off": (at_once, "fastcgi_buffering off;", dict(
        edits=[("location = /events {", "fastcgi_ignore_headers "
                "X-Accel-Buffering;\nlocation = /events {")])),
    "error_page": (told_to_come_back, "error_page 502 503 504 = "
                   "@largesse_handover_retry;", dict(how="none")),
    "not for bare": (
        bare_is_told, 'if ($args ~ "(^|&)start=bare(&|$)") '
        "{ return 503; }", dict(how="none")),
}


def well(probe, cut, how):
    with saying(cut=cut, **how) as y:
        for i in range(4):
            y.insert("n%d" % i, "run/7")
        try:
            return probe(y)
        except (Cut, Ended, TimeoutError) as e:
            print("# %s" % str(e)[:100], file=sys.stderr)
            return False


def without_nginx(name):
    probe, cut, how = NGINX[name]
    assert well(probe, (), how), "not even as it is shipped"
    cut = (cut,) if isinstance(cut, str) else cut
    assert not well(probe, cut, how), "it is well without it"


LOCAL = {
    "lighttpd: cgi.local-redir": (
        "lighttpd, CGI", 'cgi.local-redir = "enable"'),
    "lighttpd: LARGESSE_HANDED_OVER": ("lighttpd, CGI", (
        'setenv.add-environment = ( "LARGESSE_HANDED_OVER" => "on" )')),
    "apache: SetEnv": ("apache, CGI", "SetEnv LARGESSE_HANDS_OVER on"),
    "apache: LARGESSE_HANDED_OVER": ("apache, CGI", (
        "ProxyFCGISetEnvIf \"reqenv('REDIRECT_LARGESSE_HANDS_OVER') == 'on'\" "
        'LARGESSE_HANDED_OVER "on"')),
    "apache: Require": ("apache, CGI", (
        "Require expr \"reqenv('REDIRECT_LARGESSE_HANDS_OVER') == 'on'\"")),
}


def gives(name, cut, line):
    """With Require, nobody else gets a stream; with the others, alice does."""
    kw = dict(options=[]) if line.endswith("Require") else {}
    with application(name, cut=cut, **kw) as (y, app):
        if line.endswith("Require"):
            return y.get("/events/health")[0].status == 403
        s = ask(y, app, headers=app.login("alice"))
        return s.status == 200 and s.started() is s


@each("line", ["handover: " + name for name in NGINX] + list(LOCAL))
def test_handover_without(line):
    if line not in LOCAL:
        return without_nginx(line.removeprefix("handover: "))
    name, cut = LOCAL[line]
    assert gives(name, (), line), "not even as it is shipped"
    assert not gives(name, (cut,), line), "it is well without it"
