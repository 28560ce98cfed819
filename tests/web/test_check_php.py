"""test_check_php.py - check.php finds out what a host allows.

One Apache, with php-fpm and an nginx beside and in front of it, is many hosts:
each is a folder or a port with other rights.  A folder is uploaded to each,
check.php is asked, and what it says is done to the letter.  Then check.php has
nothing more to change, and an event reaches a listener at the address that it
named.
"""

import contextlib
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from client import Follower, Stream
from fronts import listens
from hosts import Site
from tap import each
from test_auth import Php
from test_events_php import SECRET, answer, token
from yard import (LOAD, ROOT, ROOTED, alive, children, end_process, free_port,
                  put, until)

VISITOR = "ab" * 16
COOKIE = {"Cookie": "largesse_check=" + VISITOR}
OWNER = "owner-%s.txt" % hashlib.sha256(VISITOR.encode()).hexdigest()[:20]
RULE = "RewriteRule ^events(/.*)?$ %s$1 [L]"

MODULES = ("mpm_event", "authz_core", "authz_host", "alias", "dir", "mime",
           "actions", "rewrite", "env", "cgid", "fcgid", "proxy",
           "proxy_fcgi")

APACHE = """
%(modules)s
FcgidIPCDir fcgid-sock
FcgidProcessTableFile fcgid-shm
FcgidMaxProcesses 40
User www-data
Group www-data
ServerName localhost
DefaultRuntimeDir .
PidFile apache2.pid
ErrorLog error.log
Listen 127.0.0.1:%(port)d
Listen 127.0.0.1:%(fast)d
DocumentRoot %(dir)s/site
TypesConfig /dev/null
DirectoryIndex index.html
ScriptAlias "/helpers/" "%(dir)s/helpers/"
Action bare-php "/helpers/bare-php"
Action mute-php "/helpers/mute-php"
Action refusing "/helpers/refusing"
<FilesMatch "\\.php$">
	SetHandler "proxy:unix:%(dir)s/php.sock|fcgi://localhost"
</FilesMatch>
<FilesMatch "\\.html$">
	ForceType text/html
</FilesMatch>
<Directory />
	Require all denied
	AllowOverride None
</Directory>
<Directory "%(dir)s/helpers">
	Require all granted
	SetEnv LARGESSE_HELPER 1
</Directory>
<Directory "%(dir)s/site">
	Require all granted
	AllowOverride FileInfo AuthConfig Limit Options
</Directory>
<VirtualHost 127.0.0.1:%(fast)d>
	FcgidOutputBufferSize 0
</VirtualHost>
"""

DIRECTORY = """
<Directory "%s">
	AllowOverride %s
	%s
</Directory>
"""

NGINX = """
%(user)s
error_log nginx.log;
pid nginx.pid;
events { }
http {
	access_log off;
	client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
	uwsgi_temp_path tmp; scgi_temp_path tmp;
	server {
		listen 127.0.0.1:%(nginx)d;
		root %(dir)s/site;
		location ~ \\.php(/|$) {
			fastcgi_split_path_info ^(.+?\\.php)(/.*)?$;
			include /etc/nginx/fastcgi_params;
			fastcgi_param PATH_INFO $fastcgi_path_info;
			fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
			fastcgi_pass unix:%(dir)s/php.sock;
		}
	}
	server {
		listen 127.0.0.1:%(front)d;
		location / {
			proxy_pass http://127.0.0.1:%(port)d;
			proxy_set_header Host $http_host;
			proxy_buffers 64 64k;
			proxy_ignore_headers X-Accel-Buffering;
		}
	}
}
"""

BARE_PHP = """#!/bin/sh
export REDIRECT_STATUS=200 SCRIPT_FILENAME="$PATH_TRANSLATED"
SCRIPT_NAME="$PATH_INFO"; export SCRIPT_NAME; unset PATH_INFO PATH_TRANSLATED
exec php-cgi -n %s
"""
MUTE = ("-d extension=pdo.so -d extension=pdo_sqlite.so -d extension=posix.so"
        " -d disable_functions=stream_socket_client")

# What suEXEC looks at before it starts a program.
REFUSING = """#!/bin/sh
program="${PATH_TRANSLATED%.cgi*}.cgi"
for f in "${program%/*}" "$program"; do
	case $(stat -c %A "$f") in ?????w????|????????w?)
		echo "$f is writable by others" >&2; exit 1 ;; esac
	[ "$(stat -c %u "$f")" = "$(stat -c %u "${program%/*/*}")" ] || {
		echo "$f is another's" >&2; exit 1; }
done
unset PATH_INFO PATH_TRANSLATED
case $REDIRECT_URL in */probe) export PATH_INFO=/probe ;;
*/health) export PATH_INFO=/health ;; esac
"""


def no_handler(*kinds):
    """The module is not there: its handler is a name that nothing knows."""
    return "".join('<Files "*.%s">\nSetHandler nothing\n</Files>\n' % kind
                   for kind in kinds)


ALL = "FileInfo AuthConfig Limit Options"


class Case:
    """A host, and what check.php has to say of it."""

    def __init__(self, use, rights="", allow=ALL, at="port", address="events",
                 steps=(), codes=(), upload=None, not_yet=(), mends=()):
        self.use, self.rights, self.allow, self.at = use, rights, allow, at
        self.address, self.steps, self.codes = address, steps, codes
        self.upload, self.not_yet, self.mends = upload, not_yet, mends


def rule(new, old="largesse.cgi"):
    return ".htaccess: %s -> %s" % (RULE % old, RULE % new)


def mode(bits, *names):
    def upload(folder):
        for name in names:
            os.chmod(folder / name, bits)
    return upload


def rename_rules(folder):
    (folder / ".htaccess").rename(folder / "htaccess.txt")


CASES = {     # those that wait longest come first
    "a proxy collects": Case(
        "largesse.cgi", no_handler("fcgi"), at="front", steps=["MAX_AGE=2"],
        codes=["held-back"]),
    "one PHP worker": Case(
        "events.php", no_handler("cgi", "fcgi") + '<Files "*.php">\n'
        'SetHandler "proxy:unix:DIR/one.sock|fcgi://one"\n</Files>',
        codes=["workers"], mends=["SetEnv LARGESSE_PHP_HOLD_S 0"], steps=[rule("events.php")],
        upload=lambda folder: changed("check.php", lambda text: text.replace(
            b"ANSWER_S = 10", b"ANSWER_S = 4"))(folder)),
    "only mod_fcgid": Case("largesse.fcgi", no_handler("cgi"), steps=[
        rule("largesse.fcgi")], codes=["held-back"]),
    "all is allowed": Case("largesse.fcgi", at="fast", steps=[
        rule("largesse.fcgi"), "MAX_AGE=25"]),
    "mod_fcgid holds back": Case("largesse.cgi"),
    "only CGI": Case("largesse.cgi", no_handler("fcgi")),
    "only PHP": Case("events.php", no_handler("cgi", "fcgi"), steps=[
        rule("events.php")]),
    "AllowOverride None": Case("events.php", allow="None", codes=[
        "htaccess-not-obeyed", "open-data"], address="events.php",
        steps=["listen.html"], mends=["move data "],
        upload=lambda folder: (folder / "data/key").unlink()),
    "AllowOverride None, CGI in the server": Case(
        "largesse.cgi", "Options +ExecCGI\nAddHandler cgi-script .cgi",
        allow="None", codes=["htaccess-not-obeyed", "open-data"],
        address="largesse.cgi", steps=["listen.html"]),
    "ExecCGI is missing": Case(
        "largesse.cgi", no_handler("fcgi"), codes=["files"],
        mends=["Options +ExecCGI"], upload=lambda folder: changed(
            ".htaccess", lambda text: text.replace(
                b"Options +ExecCGI\n", b""))(folder)),
    "no right to Options": Case(
        "events.php", allow="FileInfo AuthConfig Limit",
        upload=rename_rules, not_yet=["forbidden-lines", "htaccess.txt"],
        steps=[rule("events.php")]),
    "no right to Options, and no need": Case(
        "largesse.cgi", "Options +ExecCGI\n" + no_handler("fcgi"),
        allow="FileInfo AuthConfig Limit", upload=rename_rules,
        not_yet=["forbidden-lines", "htaccess.txt"]),
    "program without the bit": Case(
        "largesse.cgi", no_handler("fcgi"), codes=["files"],
        upload=mode(0o644, "largesse.cgi", "largesse")),
    "suEXEC": Case(
        "largesse.cgi", no_handler("fcgi") + '<Files "*.cgi">\n'
        "SetHandler refusing\n</Files>", codes=["files"],
        upload=mode(0o775, "largesse.cgi", "largesse", ".")),
    "no pdo_sqlite": Case(
        "largesse.cgi", no_handler("fcgi") +
        '<Files "*.php">\nSetHandler bare-php\n</Files>',
        codes=["php-lacks"]),
    "CGI is a download": Case(
        "events.php", '<FilesMatch "cgi$">\nSetHandler nothing\n'
        "ForceType application/octet-stream\n</FilesMatch>",
        steps=[rule("events.php")]),
    "CGI is 500": Case("events.php", 'RedirectMatch 500 "cgi(/|$)"', steps=[
        rule("events.php")]),
    "nginx": Case("events.php", at="nginx", address="events.php", codes=[
        "htaccess-not-obeyed", "open-data"], steps=["listen.html"]),
    "PHP opens no connections": Case(
        "events.php", '<Files "*.php">\nSetHandler mute-php\n</Files>',
        steps=[rule("events.php")], codes=["not-tried"]),
    "nginx, and PHP opens no connections": Case(
        "events.php", at="nginx", address="events.php", steps=["listen.html"],
        codes=["not-tried", "htaccess-not-obeyed", "open-data"],
        mends=["move data "],
        upload=lambda folder: changed("check.php", lambda text: text.replace(
            b"!function_exists('stream_socket_client')", b"true"))(folder)),
    "data cannot be written": Case(
        "largesse.cgi", no_handler("fcgi"), codes=["data"],
        upload=mode(0o555, "data")),
    "neighbours read": Case(
        "largesse.cgi", no_handler("fcgi"), codes=["readable"],
        upload=mode(0o644, "data/key")),
}


class Hosts(Site):
    """All hosts at once."""

    def __init__(self, names=CASES):
        self.names = list(names)
        self.fast, self.fpm, self.nginx = None, None, None
        super().__init__("apache", "none", program=LOAD)
        self.fpm = Php(self, 24)
        self.nginx_port, self.front = free_port(), free_port()
        self.start_nginx()

    def in_dir(self, text):
        """The configuration of php-fpm, with a pool of one worker more."""
        pool = text[text.index("[www]"):]
        one = re.sub("max_children = .*", "max_children = 1", pool.replace(
            "[www]", "[one]").replace("php.sock", "one.sock"))
        keep = "php_admin_value[opcache.revalidate_freq] = 60\n"
        return (text + keep + one + keep).replace("DIR", str(self.dir))

    def folder(self, name):
        return self.dir / "site" / re.sub(r"\W", "-", name)

    def configure_apache(self):
        if not (self.dir / "site").exists():
            self.upload_all()
        self.fast = free_port()
        conf = APACHE % {
            "port": self.port, "fast": self.fast, "dir": self.dir,
            "modules": "\n".join(
                "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" %
                (m, m) for m in MODULES)}
        for name in self.names:
            case = CASES[name]
            conf += DIRECTORY % (
                self.folder(name), case.allow, case.rights.replace(
                    "DIR", str(self.dir)))
        (self.dir / "host.conf").write_text(conf)
        return ["apache2", "-d", str(self.dir), "-f", "host.conf",
                "-DFOREGROUND"]

    def upload_all(self):
        for name in self.names:
            upload(self.folder(name), CASES[name].upload)
        helpers = self.dir / "helpers"
        helpers.mkdir()
        for name, text in {
                "bare-php": BARE_PHP % "", "mute-php": BARE_PHP % MUTE,
                "refusing": REFUSING + 'exec "%s/largesse.cgi"\n' %
                self.folder("suEXEC")}.items():
            (helpers / name).write_text(text)
            os.chmod(helpers / name, 0o755)
        if ROOTED:
            subprocess.run(["chown", "-R", "www-data:", self.dir / "site"],
                           check=True)

    def start_nginx(self):
        (self.dir / "nginx.conf").write_text(NGINX % {
            "user": "user www-data;" if ROOTED else "", "dir": self.dir,
            "nginx": self.nginx_port, "front": self.front, "port": self.port})
        self.nginx = subprocess.Popen(
            ["nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf"),
             "-g", "daemon off;"], stdin=subprocess.DEVNULL)
        for port in (self.nginx_port, self.front):
            assert until("nginx listens", lambda: listens(
                self.nginx, port)) == "yes"

    def stop_web(self):
        for proc in (self.nginx, self.fpm and self.fpm.proc):
            if proc:
                end_process(proc)
        theirs = [pid for child in children(self.server.pid)
                  for pid in children(child)]
        for pid in theirs:      # Apache is ended before mod_fcgid has done so
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        super().stop_web()
        for pid in theirs:
            until("process %d is gone" % pid, lambda: not alive(pid))

    def at(self, name):
        ports = {"port": self.port, "fast": self.fast, "front": self.front,
                 "nginx": self.nginx_port}
        return "127.0.0.1", ports[CASES[name].at]

    def ask(self, name, query="?format=text", cookie=COOKIE):
        conn = http.client.HTTPConnection(*self.at(name), timeout=120)
        conn.request("GET", "/%s/check.php%s" % (self.folder(name).name,
                                                 query), headers=cookie)
        response = conn.getresponse()
        body = response.read().decode()
        conn.close()
        return response.status, body

    def report(self, name):
        status, body = self.ask(name)
        assert status == 200, (status, body)
        return Report(body)


def upload(folder, change=None):
    """As it is shipped, with the two files that the owner adds."""
    shutil.copytree(ROOT / "deploy/shared", folder)
    shutil.copy(ROOT / "build/upload/largesse", folder)
    (folder / OWNER).touch()
    (folder / "data" / "key").write_text(SECRET + "\n")
    os.chmod(folder / "data" / "key", 0o600)
    if change:
        change(folder)


class Report:
    def __init__(self, text):
        self.text = text
        self.use = re.match(r"use: (\S+)", text)[1]
        page = re.search(r"^  page  new EventSource\('([\w.]+)\?", text, re.M)
        self.address = page and page[1]
        self.codes = re.findall(r"^(?:error|warning): (\S+)$", text, re.M)
        self.errors = re.findall(r"^error: (\S+)$", text, re.M)
        parts = text.split("\n\n")
        self.steps = steps(parts[0])
        self.all = [step for part in parts for step in steps(part)]
        self.mends = [step for part in parts[1:] for step in steps(part)
                      if part.startswith(("error", "warning"))]


def steps(part):
    """("do", words), or (file, line before, line after) each."""
    found = []
    for word, text in re.findall(r"^  (do|in|from|to)  ? ? ? ?(.*)$", part,
                                 re.M):
        if word in ("do", "in"):
            found.append(("do", text) if word == "do" else [text, "", ""])
        else:
            found[-1][1 if word == "from" else 2] = text
    return found


def follow(folder, step):
    """Does what a step says, as somebody with an FTP program would."""
    if step[0] == "do":
        words = step[1].split()
        names = [folder / word for word in words[1:]]
        if words[0] == "chmod":
            os.chmod(folder / words[2], int(words[1], 8))
        elif words[0] in ("move", "rename"):
            names[0].rename(names[1])
        else:
            raise AssertionError(step)
        return
    name, old, new = step
    path = folder / name
    text = path.read_text() if path.exists() else ""
    lines = text.split("\n")
    if old:
        assert lines.count(old) == 1, "%s has not this one line: %r" % (
            name, old)
        lines[lines.index(old)] = new
    else:
        lines.append(new + "\n")
    path.write_text("\n".join(lines))


def listens_there(y, name, report):
    """An event reaches a listener at the address that was named, and nobody
    without a token."""
    log = y.folder(name) / "data" / "events.db"
    moved = [s[1].split()[2] for s in report.all
             if s[0] == "do" and s[1].startswith("move data ")]
    if moved:
        log = pathlib.Path(moved[0]) / "events.db"
    address = "/%s/%s?topic=main" % (y.folder(name).name, report.address)
    s = Stream(y.at(name), address)
    assert s.status == 401, s.status
    s.close()
    key = (log.parent / "key").read_text().strip()
    f = Follower(y.at(name), address + "&access_token=" + token(
        key, largesse={"subscribe": ["main"]})).wait_start()
    with sqlite3.connect(log, timeout=20) as db:
        db.execute("INSERT INTO events(data) VALUES('hello')")
    db.close()
    f.wait_count(1).leave()
    assert f.got[0].data == "hello" and not f.refused
    return log


def is_right(y, name):
    case, folder = CASES[name], y.folder(name)
    report = y.report(name)
    if case.not_yet:
        assert report.use == "nothing" and set(case.not_yet) <= set(
            report.codes), report.text
        for step in report.all:
            follow(folder, step)
        report = y.report(name)
    assert report.use == case.use, report.text
    assert report.address == case.address, report.text
    assert set(case.codes) <= set(report.codes), report.text
    said = ["%s: %s -> %s" % tuple(step) for step in report.steps]
    for wanted in case.steps:
        assert any(wanted in step for step in said), (wanted, report.text)
    assert len(said) == len(case.steps), report.text
    for wanted in case.mends:
        assert any(wanted in word for step in report.mends
                   for word in step), report.text
    assert "note: address" not in report.text, report.text
    for step in report.all:
        follow(folder, step)
    again = y.report(name) if report.all else report
    assert (again.use, again.address) == (case.use, case.address), again.text
    assert not again.all and not again.errors, again.text
    log = listens_there(y, name, report)
    s = Stream(y.at(name), "/%s/data/events.db" % folder.name)
    assert b"SQLite" not in s.rest(), "the log can be had: " + name
    s.close()
    assert log.stat().st_mode & 0o007 == 0, oct(log.stat().st_mode)


def judge(y, name):
    began = time.monotonic()
    try:
        is_right(y, name)
        print("# %s: %.1f s" % (name, time.monotonic() - began),
              file=sys.stderr)
        return None
    except Exception:
        return "%s\n%s" % (name, traceback.format_exc())


def test_check_php_is_right_in_each_host():
    with Hosts() as y, ThreadPoolExecutor(10) as pool:
        wrong = list(filter(None, pool.map(lambda name: judge(y, name),
                                           y.names)))
        assert not wrong, "\n".join(wrong)


# --- what is read in the files

class Folder:
    """An uploaded folder, and a PHP that opens no connections."""

    def __init__(self, change=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="largesse-check-"))
        self.folder = self.dir / "www" / "live"
        upload(self.folder, change)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def ask(self, query="format=text", visitor=VISITOR, options=(),
            forbid=("stream_socket_client",)):
        env = {"PATH": os.environ["PATH"], "GATEWAY_INTERFACE": "CGI/1.1",
               "REQUEST_METHOD": "GET", "QUERY_STRING": query,
               "REDIRECT_STATUS": "1", "SERVER_SOFTWARE": "Apache",
               "SCRIPT_NAME": "/live/check.php", "DOCUMENT_ROOT":
               str(self.dir / "www"), "SCRIPT_FILENAME": str(
                   self.folder / "check.php"), "HTTP_COOKIE":
               "largesse_check=%s" % visitor}
        argv = ["php-cgi", "-n", "-d", "extension=pdo.so", "-d",
                "extension=pdo_sqlite.so", "-d", "extension=posix.so", "-d",
                "disable_functions=" + ",".join(forbid)]
        for option in options:
            argv += ["-d", option]
        ran = subprocess.run(argv, env=env, capture_output=True, timeout=60,
                             check=True)
        status, headers, body = answer(ran.stdout)
        return status, headers, body.decode()

    def report(self, **kw):
        status, _, body = self.ask(**kw)
        assert status == 200, body
        return Report(body)


def changed(name, change):
    def edit(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))
    return edit


def newer_log(folder):
    """As a newer largesse would make it."""
    db = sqlite3.connect(folder / "data/events.db")
    db.executescript("CREATE TABLE largesse(key TEXT PRIMARY KEY, value);"
                     "INSERT INTO largesse VALUES('schema', 2)")
    db.close()
    os.chmod(folder / "data/events.db", 0o640)


def machine(data):
    return data[:18] + (b"\x3e" if data[18] != 0x3e else b"\xb7") + data[19:]


BROKEN = {  # what is done to the folder, and what is said
    "nothing": (None, None, None),
    "CR LF": (changed("largesse.cgi", lambda data: data.replace(
        b"\n", b"\r\n")), "text-mode", "upload largesse.cgi again"),
    "CR LF in key.sh": (changed("key.sh", lambda data: data.replace(
        b"\n", b"\r\n")), "text-mode", "upload key.sh again"),
    "a program in text mode": (changed("largesse", lambda data: data.replace(
        b"\n", b"\r\n")), "damaged", "upload largesse again"),
    "a program that was cut off": (changed(
        "largesse", lambda data: data[:5000000]), "damaged", "again"),
    "no program": (changed("largesse", lambda data: b"<html>" * 20),
                   "damaged", "is not a program of 64 bits"),
    "a program for others": (changed("largesse", machine), "machine",
                             "make upload"),
    "no .htaccess": (lambda folder: (folder / ".htaccess").unlink(),
                     "no-htaccess", None),
    "no data": (lambda folder: shutil.rmtree(folder / "data"), "data",
                "mkdir data"),
    "a log for all": (lambda folder: (folder / "data/events.db").touch(0o644),
                      "readable", "chmod 640 data/events.db"),
    "a newer log": (newer_log, "schema", "the folder of the newer largesse"),
    "a folder for all": (mode(0o777, "data"), "writable", "chmod 700 data"),
}


@each("what", BROKEN)
def test_check_php_sees_in_the_upload(what):
    change, code, step = BROKEN[what]
    with Folder(change) as y:
        if what == "a log for all":
            os.chmod(y.folder / "data/events.db", 0o644)
        report = y.report()
        assert report.codes == ["not-tried"] + ([code] if code else []) or \
            set(report.codes) == {"not-tried", code}, report.text
        assert step is None or step in report.text, report.text


def test_check_php_knows_the_limits_of_php():
    """Each with the line that helps, and none where PHP may change it."""
    with Folder() as y:
        options = ["zlib.output_compression=1", "max_execution_time=10"]
        assert y.report(options=options).codes == ["not-tried"]
        report = y.report(options=options, forbid=(
            "stream_socket_client", "ini_set", "set_time_limit"))
        assert report.codes == ["not-tried", "compressed", "time"]
        assert [".user.ini", "", "zlib.output_compression = Off"] in \
            report.mends and ".htaccess" in [s[0] for s in report.mends]


# --- strangers

def test_check_php_tells_a_stranger_nothing():
    """Neither who sends no cookie, nor who sends one that names no file."""
    with Folder() as y:
        names = set()
        for visitor in ("", "cd" * 16, VISITOR + "0", "../" * 8):
            for query in ("", "format=text&ticks=1"):
                status, headers, body = y.ask(query, visitor)
                assert status == 403 and "public" not in headers.get(
                    "cache-control", ""), (visitor, query, status)
                names.add(re.search("owner-[0-9a-f]{20}.txt", body)[0])
                for word in ("largesse.cgi", str(y.dir), "data/", "www",
                             OWNER, "PHP 8", "tick"):
                    assert word not in body, (word, body)
        assert len(names) == 7     # one for the cookie that stays
        page = y.folder / "check.php"
        assert y.ask()[0] == 200
        page.write_text(put(page.read_text(), "OWNER_S = 3600",
                            "OWNER_S = -5"))
        assert y.ask()[0] == 403, "the file counts for ever"


def test_check_php_asks_no_site_that_a_link_names():
    """It would get the cookie.  Only the page itself may say how the browser
    calls this site."""
    by = hashlib.sha256(b"base " + VISITOR.encode()).hexdigest()[:20]
    with Folder() as y, socket.create_server(("127.0.0.1", 0)) as sink:
        sink.setblocking(False)
        base = "format=text&base=http://127.0.0.1:%d" % sink.getsockname()[1]
        for query in (base, base + "&by=", base + "&by=" + "0" * 20):
            assert y.ask(query, forbid=())[0] == 200
            assert refuses(sink), query
        page = y.folder / "check.php"
        page.write_text(put(page.read_text(), "ANSWER_S = 10",
                            "ANSWER_S = 1"))
        y.ask(base + "&by=" + by, forbid=())
        assert not refuses(sink)
        stranger = y.ask("base=http://evil", "cd" * 16)[2]
        assert 'href="?"' in stranger and "evil" not in stranger


def refuses(sink):
    try:
        sink.accept()[0].close()
    except BlockingIOError:
        return True
    return False


def test_check_php_wants_a_file():
    with Folder() as y:
        (y.folder / OWNER).unlink()
        assert y.ask()[0] == 403
        (y.folder / OWNER).mkdir()
        assert y.ask()[0] == 403
        (y.folder / OWNER).rmdir()
        (y.folder / OWNER).symlink_to("check.php")
        assert y.ask()[0] == 403
