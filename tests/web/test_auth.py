"""test_auth.py - who may listen, through stock web servers.

The recipes are those of deploy/auth.md, word for word.  Only paths and ports
are filled in, as a reader would do it.
"""

import base64
import hmac
import http.server
import re
import shlex
import shutil
import subprocess
import threading

from client import Stream
from hosts import Site
from tap import each
from yard import ROOT, ROOTED, Yard, end_process, is_open, put, until

WEB = ["nginx", "lighttpd"]
SECRET = "0123456789abcdef0123456789abcdef"
PRIVATE = "for your eyes only"
PHP_FPM = "php-fpm8.2"


def recipe(name, *changes):
    """A block of deploy/auth.md, with some words changed."""
    text = (ROOT / "deploy/auth.md").read_text()
    found = re.search(r"<!-- %s -->\n```\w*\n(.*?)\n```" % re.escape(name),
                      text, re.S)
    assert found, "deploy/auth.md has no " + name
    text = found[1] + "\n"
    for old, new in changes:
        text = put(text, old, new)
    return text


class Gated(Yard):
    """A Yard with a key and more lines in its configuration.

    location, server: for nginx, inside the location of events.conf and next
    to it.  before: for lighttpd, before the include.
    """

    def __init__(self, web="nginx", options=None, location="", server="",
                 before="", **kw):
        self.location, self.server_conf, self.before = location, server, before
        super().__init__(web, options=["--leeway", "0"], start=False, **kw)
        self.key = self.dir / "largesse.key"
        self.key.write_text(SECRET + "\n")
        self.key.chmod(0o640)
        if ROOTED:
            shutil.chown(self.key, group="www-data")
        self.options += (["--key-file", str(self.key)] if options is None
                         else options)
        self.start()

    def in_dir(self, text):
        return text.replace("DIR", str(self.dir))

    def configure_nginx(self):
        argv = super().configure_nginx()
        conf = self.dir / "events.conf"
        conf.write_text(put(
            conf.read_text(), "\tfastcgi_buffering off;",
            "\tfastcgi_buffering off;\n" + self.in_dir(self.location)
        ) + self.in_dir(self.server_conf))
        return argv

    def configure_lighttpd(self):
        argv = super().configure_lighttpd()
        conf = self.dir / "lighttpd.conf"
        conf.write_text(put(conf.read_text(), 'include "events.conf"',
                            self.in_dir(self.before) +
                            'include "events.conf"'))
        return argv

    def token(self, *topics, sub="alice"):
        made = self.run("token", "--key-file", str(self.key), "--sub", sub,
                        "--subscribe", *topics)
        return made.stdout.strip()

    def hears(self, stream, topic="inbox/alice"):
        """The stream brings this topic and no other."""
        stream.started()
        self.insert("somebody else's", "inbox/bob")
        self.insert(PRIVATE, topic)
        event = stream.next_event()
        assert event.data == PRIVATE, event
        stream.close()

    def refuses(self, status, query, headers=()):
        """The refusal has nothing private in it."""
        self.insert(PRIVATE, "inbox/alice")
        s, body = self.get("/events" + query, headers=headers)
        assert s.status == status, (s.status, body)
        assert PRIVATE.encode() not in body, body
        return s, body


def bearer(token):
    return ["Authorization: Bearer " + token]


def basic(name, password):
    pair = base64.b64encode(("%s:%s" % (name, password)).encode()).decode()
    return ["Authorization: Basic " + pair]


# --- tokens -----------------------------------------------------------------

@each("web", WEB)
def test_token_in_each_place(web):
    with Gated(web) as y:
        token = y.token("inbox/{sub}")
        mine = "?topic=inbox/%7Buser%7D"
        y.hears(y.stream(mine, headers=bearer(token)))
        y.hears(y.stream(mine, headers=["Cookie: a=b; largesse=" + token]))
        y.hears(y.stream(mine + "&access_token=" + token))


@each("web", WEB)
def test_refusals_come_through(web):
    """The client gets our status and our line, not a page of the server."""
    with Gated(web) as y:
        token = y.token("news")
        for status, query, headers in (
                (401, "?topic=inbox/alice&last=9", []),
                (401, "?topic=inbox/alice&last=9", bearer("x.y.z")),
                (401, "?topic=inbox/alice&last=9", basic("alice", "x")),
                (403, "?topic=inbox/alice&last=9", bearer(token)),
                (403, "?topic=inbox/*&access_token=" + token, []),
                (403, "?topic=news",
                 ["Cookie: largesse=" + token, "Origin: http://evil.example"])):
            s, body = y.refuses(status, query, headers)
            assert s.headers["content-type"].startswith("text/plain"), body
            assert body.count(b"\n") == 1 and token.encode() not in body, body
            challenge = s.headers.get("www-authenticate", "")
            assert challenge.startswith("Bearer") == (status == 401), challenge


@each("web", WEB)
def test_preflight_comes_through(web):
    site = "https://www.example.org"
    with Gated(web, options=["--allow-origin", site]) as y:
        s, _ = y.get("/events?topic=news", method="OPTIONS", headers=[
            "Origin: " + site, "Access-Control-Request-Method: GET",
            "Access-Control-Request-Headers: authorization,last-event-id"])
        assert s.status == 204, s.status
        assert s.headers["access-control-allow-origin"] == site
        assert "Authorization" in s.headers["access-control-allow-headers"]


@each("web", [*WEB, "apache"])
def test_token_in_a_url_is_not_in_the_logs(web):
    """On Apache with the format that auth.md names."""
    assert "`%m %U`" in (ROOT / "deploy/auth.md").read_text()
    more = {"lighttpd": dict(before=(
        'server.modules += ( "mod_accesslog" )\n'
        'accesslog.filename = "DIR/access.log"\n')),
            "apache": dict(edits=[("Include events.conf", (
                'CustomLog access.log "%h %t \\"%m %U %H\\" %>s"\n'
                'Include events.conf'))])}
    with SignedSite(web, **more.get(web, {})) as y:
        token = y.token("inbox/{sub}")
        signed = y.run("token", "--url", "--key-file", str(y.key), "--sub",
                       "alice", "--subscribe", "inbox/{sub}").stdout.strip()
        signature = signed.partition("&sign=")[2]
        assert len(signature) == 64, signed
        y.get("/no-such-page?a=b")
        y.hears(y.stream(signed.removeprefix("/events")))
        y.refuses(401, "?topic=inbox/bob&expires=9999999999&sign=" + signature)
        y.hears(y.stream("?topic=inbox/alice&access_token=" + token))
        y.refuses(401, "?topic=inbox/alice&access_token=x" + token)
        y.refuses(403, "?topic=inbox/bob&access_token=" + token)
        y.get("/no-such-page?c=d")
        y.stop_web()            # then its log is complete
        log = (y.dir / "access.log").read_text()
        for query in ("?a=b", "?c=d") if web != "apache" else ("", ""):
            assert "/no-such-page" + query in log, log
        for name, text in y.logs():
            assert token not in text and signature not in text, name
        y.start_web()


def tokens_of(y):
    """The three functions of auth.md."""
    scope = {}
    exec(recipe("token.py"), scope)
    yield "Python", scope["token"](SECRET.encode(), "alice", ["inbox/{sub}"])
    (y.dir / "token.php").write_text(recipe("token.php"))
    yield "PHP", subprocess.run(
        ["php", "-r", "require '%s'; echo token('%s', 'alice', "
         "['inbox/{sub}']);" % (y.dir / "token.php", SECRET)],
        check=True, capture_output=True, text=True, timeout=60).stdout
    (y.dir / "token.mjs").write_text(
        recipe("token.mjs") + "process.stdout.write("
        "token('%s', 'alice', ['inbox/{sub}']));" % SECRET)
    yield "Node", subprocess.run(
        ["node", str(y.dir / "token.mjs")], check=True, capture_output=True,
        text=True, timeout=60).stdout


def test_tokens_of_the_recipes_let_in():
    with Gated() as y:
        seen = []
        for language, token in tokens_of(y):
            y.hears(y.stream("?topic=inbox/alice", headers=bearer(token)))
            y.refuses(403, "?topic=inbox/bob&last=9", bearer(token))
            seen.append(language)
        assert seen == ["Python", "PHP", "Node"], seen


# --- a signed address -------------------------------------------------------

SIGN = {"php": (["php"], "echo $url;"),
        "py": (["/usr/bin/python3"], "print(url)"),
        "rb": (["ruby"], "puts url"),
        "mjs": (["node"], "console.log(url);")}
# Each language writes some of these in another way than the others.
ODD = "a b~(c)!-_./\u00fc"


def signed_by(y, language, topic="run/7"):
    """The query of the address that the recipe makes for this topic."""
    run, show = SIGN[language]
    path = y.dir / ("sign." + language)
    path.write_text(recipe("sign." + language,
                           ("/etc/largesse.key", str(y.key)),
                           ("run/7", topic)) + show + "\n")
    url = subprocess.run([*run, str(path)], check=True, capture_output=True,
                         text=True, timeout=60).stdout.strip()
    assert url.startswith("/events?"), url
    return url.removeprefix("/events")


class SignedSite(Gated, Site):
    """A Gated that may be behind Apache, too."""


@each("web", [*WEB, "apache"])
def test_signed_addresses_of_the_recipes(web):
    """The query arrives as it was signed, whatever language made it."""
    with SignedSite(web) as y:
        for language in SIGN:
            y.hears(y.stream(signed_by(y, language)), "run/7")
            query = signed_by(y, language, ODD)
            y.hears(y.stream(query + "&lastEventId=0"), ODD)
            s, body = y.refuses(401, query.replace("topic=", "topic=x"))
            assert body.startswith(b"sign: ") and body.count(b"\n") == 1, body
            y.refuses(400, query + "&topic=inbox/alice")


# /live is /events under another name, and /more adds a topic of its own.
REWRITES = {
    "nginx": dict(server="""
location = /live { rewrite ^ /events last; }
location = /more { rewrite ^ /events?topic=inbox/alice last; }
"""),
    "lighttpd": dict(before="""
server.modules += ( "mod_rewrite" )
url.rewrite-once = ( "^/live(\\?.*)?$" => "/events$1",
                     "^/more\\?(.*)$" => "/events?topic=inbox/alice&$1" )
"""),
    "apache": dict(edits=[("Include events.conf", """
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
RewriteEngine On
RewriteRule "^/live$" "/events" [PT]
RewriteRule "^/more$" "/events?topic=inbox/alice" [PT,QSA]
Include events.conf""")])}


@each("web", [*WEB, "apache"])
def test_a_signed_address_arrives_as_it_was_sent(web):
    """Also where a web server writes the query anew, and where a rewrite leads
    to the stream.  What a rewrite puts into the query was not signed."""
    with SignedSite(web, **REWRITES[web]) as y:
        for text, topic in (("topic=%72un%2f7%7e&x='()*!", "run/7~"),
                            ("x=;,:@$/?&topic=%6dy+own%21", "my own!")):
            text += "&expires=9999999999"
            query = "?%s&sign=%s" % (text, hmac.new(
                SECRET.encode(), text.encode(), "sha256").hexdigest())
            y.hears(y.stream(query), topic)
            y.hears(Stream(y.address, "/live" + query), topic)
            for target in ("/more" + query,
                           "/live" + query.replace("topic=", "topic=x")):
                s, body = y.get(target)
                assert s.status == 401, (target, s.status, body)
                assert body.startswith(b"sign: the signature"), body


@each("web", WEB)
def test_revoked_by_the_recipes_sql(web):
    with Gated(web) as y:
        token = y.token("*")
        s = y.stream("?topic=chat/7", headers=bearer(token)).started()
        rows = re.findall(r"^\t((?:INSERT INTO|DELETE FROM) largesse_revoke"
                          r".*;)$", (ROOT / "deploy/auth.md").read_text(),
                          re.M)
        assert len(rows) == 4, rows
        y.sqlite3("".join(rows))
        assert b"retry:" in s.rest(), "no word of coming back"
        y.refuses(401, "?topic=chat/7&last=9", bearer(token))


# --- users of the web server ------------------------------------------------

def users_options():
    """The options of the recipes; all three say the same."""
    said = re.findall(r"largesse serve --db events\.db (--trust-user [^\n`]+)",
                      (ROOT / "deploy/auth.md").read_text())
    assert len(said) == 3 and len(set(said)) == 1, said
    return shlex.split(said[0])


USERS = users_options()

PASSWORDS = "".join("%s:%s\n" % (name, subprocess.run(
    ["openssl", "passwd", "-apr1", "pw-" + name], capture_output=True,
    text=True, check=True).stdout.strip()) for name in ("alice", "bob"))


def with_passwords(web):
    """A Yard in which the web server asks for a password."""
    name = "/etc/%s/events.htpasswd" % web
    words = recipe("basic.conf" if web == "nginx" else "basic-lighttpd.conf",
                   (name, "DIR/htpasswd"))
    y = Gated(web, options=USERS, how="socket",
              **{"location" if web == "nginx" else "before": words})
    (y.dir / "htpasswd").write_text(PASSWORDS)
    return y


@each("web", WEB)
def test_basic_auth(web):
    with with_passwords(web) as y:
        mine = "?topic=inbox/%7Buser%7D"
        y.hears(y.stream(mine, headers=basic("alice", "pw-alice")))
        for headers in ([], basic("alice", "pw-bob"), basic("eve", "x"),
                        ["Remote-User: alice"], ["Remote_User: alice"]):
            y.refuses(401, mine + "&last=9", headers)
        s, body = y.refuses(403, "?topic=inbox/alice&last=9",
                            basic("bob", "pw-bob"))
        assert b"inbox/alice" in body, body
        y.refuses(403, "?topic=inbox/%7Buser%7Dx&last=9",
                  basic("bob", "pw-bob"))


class Backend(http.server.BaseHTTPRequestHandler):
    """An application that knows a session."""

    def do_GET(self):
        user = {"s1": "alice", "s2": "bob"}.get(
            self.headers.get("Cookie", "").removeprefix("session="))
        self.send_response(200 if user else 401)
        if user:
            self.send_header("X-User", user)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_auth_request():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Gated(options=USERS, location=recipe("ask.conf"),
                   server=recipe("ask-http.conf", ("127.0.0.1:9000",
                                                   "127.0.0.1:%d" %
                                                   server.server_port))) as y:
            mine = "?topic=inbox/%7Buser%7D"
            y.hears(y.stream(mine, headers=["Cookie: session=s1"]))
            for headers in ([], ["Cookie: session=s3"], ["X-User: alice"],
                            basic("alice", "")):
                y.refuses(401, mine + "&last=9", headers)
            y.refuses(403, "?topic=inbox/alice&last=9",
                      ["Cookie: session=s2", "X-User: alice"])
            s, _ = y.get("/events-user", headers=["Cookie: session=s1"])
            assert s.status == 404, "internal, and not for browsers"
    finally:
        server.shutdown()
        server.server_close()


# --- PHP --------------------------------------------------------------------

FPM = """[global]
error_log = DIR/php.log
[www]
listen = DIR/php.sock
listen.mode = 0666
pm = static
pm.max_children = %d
clear_env = no
php_admin_value[session.save_path] = DIR/sessions
%s
"""

# What the login of a site does, in two lines.
LOGIN = """<?php
session_start();
$_SESSION['user'] = $_GET['user'];
"""

PHP_PAGES = r"""
location ~ ^/(?<page>[\w-]+\.php)$ {
	include fastcgi_params;
	fastcgi_param SCRIPT_FILENAME DIR/$page;
	fastcgi_pass unix:DIR/php.sock;
}
"""


class Php:
    """php-fpm for a Yard."""

    def __init__(self, y, workers=2):
        (y.dir / "sessions").mkdir(exist_ok=True)
        who = ""
        if ROOTED:
            shutil.chown(y.dir / "sessions", "www-data", "www-data")
            who = "user = www-data\ngroup = www-data"
        conf = y.dir / "fpm.conf"
        conf.write_text(y.in_dir(FPM % (workers, who)))
        with open(y.dir / "fpm.log", "ab") as log:
            self.proc = subprocess.Popen(
                [PHP_FPM, "-F", "-y", str(conf)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        until("php-fpm listens", lambda: is_open(y.dir / "php.sock"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.proc)


def cookies(response):
    """The header that sends back the cookies of a response."""
    set_by = re.findall(r"(?im)^set-cookie: ([^;\r\n]*)", response.wire.head)
    return ["Cookie: " + "; ".join(set_by)]


class WithParams(Gated):
    """A Gated with fastcgi_params where nginx looks for it."""

    def configure_nginx(self):
        link = self.dir / "fastcgi_params"
        if not link.exists():
            link.symlink_to("/etc/nginx/fastcgi_params")
        return super().configure_nginx()


def test_php_session():
    asks = recipe("ask-php.conf",
                  ("/var/www/events-user.php", "DIR/events-user.php"),
                  ("unix:/run/php/php8.2-fpm.sock", "unix:DIR/php.sock"))
    with WithParams(options=USERS, location=recipe("ask.conf"),
                    server=asks + PHP_PAGES) as y, Php(y):
        (y.dir / "login.php").write_text(LOGIN)
        (y.dir / "events-user.php").write_text(recipe("events-user.php"))
        mine = "?topic=inbox/%7Buser%7D"
        y.refuses(401, mine + "&last=9")
        alice = cookies(y.get("/login.php?user=alice")[0])
        bob = cookies(y.get("/login.php?user=bob")[0])
        y.hears(y.stream(mine, headers=alice))
        y.refuses(403, "?topic=inbox/alice&last=9", bob)
        y.refuses(401, mine + "&last=9", ["Cookie: PHPSESSID=" + "0" * 26])
        # A stream keeps no PHP process: open more streams than it has.
        many = [y.stream(mine, headers=alice).started() for _ in range(5)]
        y.insert("all of you", "inbox/alice")
        for s in many:
            assert s.next_event().data == "all of you"
            s.close()


def test_php_cookie():
    with WithParams(server=PHP_PAGES) as y, Php(y):
        (y.dir / "token.php").write_text(recipe("token.php"))
        (y.dir / "login.php").write_text(recipe(
            "login.php", ("/etc/largesse.key", str(y.key))))
        s, body = y.get("/login.php")
        assert s.status == 200 and body == b"", body
        said = s.headers["set-cookie"].lower()
        for word in ("httponly", "secure", "samesite=strict", "path=/events"):
            assert word in said, said
        y.hears(y.stream("?topic=inbox/%7Buser%7D", headers=cookies(s)))
        y.refuses(403, "?topic=inbox/bob&last=9", cookies(s))
        y.refuses(401, "?topic=inbox/alice&last=9")
