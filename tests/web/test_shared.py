"""test_shared.py - the folder for shared hosting, on a host with few rights.

The host is an Apache whose administrator has loaded modules and allowed
.htaccess files, and nothing more; the folder is uploaded as it is.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import urllib.parse

from client import Ended, Follower, Stream
from hosts import ECHO, Site
from tap import each
from yard import ROOT, ROOTED, put, until

HOST = """
%(modules)s
<IfModule !cgid_module>
LoadModule fcgid_module /usr/lib/apache2/modules/mod_fcgid.so
FcgidIPCDir fcgid-sock
</IfModule>
User www-data
Group www-data
ServerName localhost
DefaultRuntimeDir .
PidFile apache2.pid
ErrorLog error.log
Listen 127.0.0.1:%(port)d
DocumentRoot site
TypesConfig /dev/null
DirectoryIndex index.html
ScriptAlias "/php/" "/usr/lib/cgi-bin/"
Action application/x-httpd-php "/php/php8.2"
<FilesMatch "\\.php$">
	SetHandler application/x-httpd-php
</FilesMatch>
<FilesMatch "\\.html$">
	ForceType text/html
</FilesMatch>
<Directory />
	Require all denied
	AllowOverride None
</Directory>
<Directory "/usr/lib/cgi-bin">
	Require all granted
</Directory>
<Directory "%(dir)s/site">
	Require all granted
	AllowOverride FileInfo AuthConfig Limit Options
</Directory>
"""

MODULES = ("mpm_event", "authz_core", "authz_host", "alias", "dir", "mime",
           "actions", "rewrite", "env", "cgid")


class Host(Site):
    """how is cgid, or fcgid for a host that has mod_fcgid, too.  Unless it is
    private, everybody may read all topics."""

    def __init__(self, how="cgid", echo=False, private=False, **kw):
        self.echoes, self.private = echo, private
        super().__init__("apache", how, **kw)

    def configure_apache(self):
        folder = self.dir / "site" / "live"
        if not folder.exists():
            shutil.copytree(ROOT / "build" / "upload", folder)
            if ROOTED:
                subprocess.run(["chown", "-R", "www-data:",
                                self.dir / "site"], check=True)
            self.upload(folder)
        self.folder = folder
        self.log = folder / "data" / "events.db"
        modules = MODULES + (("fcgid",) if self.how == "fcgid" else ())
        (self.dir / "host.conf").write_text(HOST % {
            "port": self.port, "dir": self.dir, "modules": "\n".join(
                "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" %
                (m, m) for m in modules)})
        return ["apache2", "-d", str(self.dir), "-f", "host.conf",
                "-DFOREGROUND"]

    def upload(self, folder):
        """Uploads the folder, with the changes that a user makes."""
        if self.echoes:
            shutil.copy(ECHO, folder / "largesse")
        rules = folder / ".htaccess"
        rules.write_text(self.changes.apply(rules.read_text()))
        rules = folder / "data" / ".htaccess"
        rules.write_text(self.changes.apply(rules.read_text()))
        page = (folder / "publish.php").read_text()
        (folder / "publish.php").write_text(
            page.replace("const KEY = '';", "const KEY = 'secret';"))
        for name in () if self.private else ("largesse.cgi", "largesse.fcgi"):
            program = folder / name
            program.write_text(put(program.read_text(), "exec ", "export "
                                   "LARGESSE_PUBLIC='*'\nexec "))
        if self.how == "fcgid":
            rules = folder / ".htaccess"
            rules.write_text(rules.read_text().replace(
                "largesse.cgi$1", "largesse.fcgi$1"))

    def pids(self):
        self.program = self.folder / "largesse"
        return super().pids()

    def stream(self, query="", **kw):
        s = Stream(self.address, "/live/events" + query, **kw)
        self.streams.append(s)
        return s

    def follow(self, query="", **kw):
        return Follower(self.address, "/live/events" + query, **kw)

    def publish(self, data, key="secret", name="key"):
        form = urllib.parse.urlencode({name: key, "topic": "main",
                                       "data": data})
        return self.get("/live/publish.php", method="POST",
                        body=form.encode(), headers=[
                            "Content-Type: application/x-www-form-urlencoded"])


def test_upload_listens_and_publishes():
    """With plain CGI each event comes at once; the log is made by itself."""
    with Host() as y:
        s, body = y.get("/live/listen.html")
        assert s.status == 200 and b"EventSource('events?topic=main')" in body
        s = y.stream("?topic=main").started()
        for i in range(3):
            p, body = y.publish("n%d" % i)
            assert p.status == 200 and body == b"%d\n" % (i + 1), body
            assert s.next_event().data == "n%d" % i
        assert s.wire.headers["content-type"].startswith("text/event-stream")
        s = y.stream("?last=2")
        assert s.data(2) == ["n1", "n2"]


@each("how", ["cgid", "fcgid"])
def test_upload_loses_nothing_between_streams(how):
    """Streams that end every second or two are one for an EventSource."""
    with Host(how) as y:
        quicken(y)
        f = y.follow("?topic=main").wait_start()
        for i in range(8):
            y.publish("n%d" % i)
            if i % 3 == 2:
                turns = f.connects
                f.wait(lambda f: f.connects > turns)
        f.wait_count(8)
        f.leave()
        assert [e.data for e in f.got] == ["n%d" % i for i in range(8)]
        assert f.refused == 0 and f.connects > 2
        until("no process is left over", lambda: how == "fcgid" or
              not y.pids())


def quicken(y):
    for name in ("largesse.cgi", "largesse.fcgi"):
        path = y.folder / name
        path.write_text(re.sub("MAX_AGE=[0-9]+", "MAX_AGE=1",
                               path.read_text()))


def test_upload_shows_nothing_else():
    """No one can get the log, the program, or the number of listeners."""
    with Host() as y:
        y.stream().started()
        for path in ("data/events.db", "data/events.db-wal", "data/",
                     "largesse", ".htaccess"):
            s, _ = y.get("/live/" + path)
            assert s.status == 403, (path, s.status)
        for path in ("events/status", "events/metrics"):
            s, _ = y.get("/live/" + path)
            assert s.status == 404, (path, s.status)
        s, body = y.get("/live/events/health")
        assert s.status == 200, (s.status, body)
        s, body = y.get("/live/events/nothing")
        assert s.status == 404, (s.status, body)


def test_upload_publishes_for_no_one_else():
    with Host() as y:
        y.stream().started()
        s, _ = y.publish("x", key="wrong")
        assert s.status == 403, s.status
        s, body = y.publish("x", name="key[]")
        assert s.status == 403 and b"/" not in body, (s.status, body)
        page = y.folder / "publish.php"
        page.write_text(page.read_text().replace("'secret'", "''"))
        s, body = y.publish("x", key="")
        assert s.status == 403 and b"no key yet" in body, (s.status, body)
        with sqlite3.connect(y.log) as db:
            assert db.execute("SELECT count(*) FROM events"
                              ).fetchone() == (0,)


def test_upload_program_is_static():
    """It needs nothing of the host: it runs in an empty directory."""
    program = ROOT / "build/upload/largesse"
    said = subprocess.run(["ldd", program], capture_output=True, text=True)
    # ldd's words for a static-pie; for a plain static program it has others.
    assert said.stdout.strip() == "statically linked" or \
        "not a dynamic executable" in said.stderr, said
    assert os.access(program, os.X_OK)


def test_upload_programs_start_by_their_names_alone():
    """suEXEC starts them so, in their directory."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "build/upload", folder, dirs_exist_ok=True)
        for name in ("largesse.cgi", "largesse.fcgi"):
            said = subprocess.run(
                ["sh", name], cwd=folder, text=True, capture_output=True,
                timeout=60, env={"GATEWAY_INTERFACE": "CGI/1.1",
                                 "REQUEST_METHOD": "GET",
                                 "PATH_INFO": "/health"})
            assert said.stdout.startswith("Status: 200 OK"), (name, said)


def page(path, status):
    return lambda y: y.get("/live/" + path)[0].status == status


def opens(y):
    try:
        y.stream().started()
        return True
    except Ended:
        return False


def named(y):
    s = y.stream(headers=["Authorization: Bearer x"])
    return json.loads(s.next_event().data).get(
        "HTTP_AUTHORIZATION") == "Bearer x"


RULES = {   # what is cut, on which host, and what fails then
    "Options": ("Options +ExecCGI", "cgid", opens, False),
    "AddHandler cgi-script": (
        "AddHandler cgi-script .cgi", "cgid", opens, False),
    "AddHandler fcgid-script": (
        "AddHandler fcgid-script .fcgi", "fcgid", opens, False),
    "RewriteEngine": ("RewriteEngine On", "cgid", opens, False),
    "RewriteRule events": ("RewriteRule ^events(/.*)?$ largesse.cgi$1 [L]",
                           "cgid", opens, False),
    "CGIPassAuth": ("CGIPassAuth On", "cgid", named, True),
    "FilesMatch": ('<FilesMatch "^(largesse|.*\\.sh|\\.ht.*)$">\n'
                   "\tRequire all denied\n</FilesMatch>", "cgid",
                   page("largesse", 403), False),
    "data/.htaccess": ("Require all denied\n", "cgid",
                       page("data/.htaccess", 403), False),
}


@each("rule", RULES)
def test_htaccess_without(rule):
    cut, how, well, echo = RULES[rule]
    with Host(how, echo) as y:
        assert well(y), "not even as it is shipped"
    with Host(how, echo, cut=[cut]) as y:
        assert not well(y), "it is well without it"
