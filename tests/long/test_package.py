"""test_package.py - what is handed to those who have no compiler: the package
for Debian 12 and for 13, and the tarball with the static program.

A package is built once in a run, in a root that has what it is built with.
It is then installed into a Debian that was booted and has web servers, and
nothing of ours.  The package before it is of the same source, with a lower
version.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

from booted import Booted
from busy import Knocker, Publisher
from client import Follower, Stream
from machine import Machine
from space import RUN
from tap import each
from ward import certificate
from yard import ROOT, free_port, put, until

WHEN = "1700000000"


def tree(folder):
    """A copy of the files that git knows, as they are now."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True,
                           capture_output=True).stdout.split(b"\0")
    for name in filter(None, names):
        name = os.fsdecode(name)
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def make(folder, *words, umask=0o022):
    """Run make in a tree; what it says."""
    done = subprocess.run(["make", "-j2", "NEED=:", *words], cwd=folder,
                          umask=umask, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "SOURCE_DATE_EPOCH": WHEN})
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def version():
    """The one that the Makefile has."""
    return re.search(r"^VERSION\s*= (\S+)$", (ROOT / "Makefile").read_text(),
                     re.M)[1]


def tarball_of_this_tree():
    make(ROOT, "tarball")
    found = list((ROOT / "build").glob("largesse-%s-*.tar.gz" % version()))
    assert len(found) == 1, found
    return found[0]


def tarball(folder, umask):
    make(tree(folder), "tarball", umask=umask)
    found = list((folder / "build").glob("largesse-*.tar.gz"))
    assert len(found) == 1, found
    return found[0]


def differ(one, two):
    """Names of what is not the same in two tarballs, for the message."""
    seen = []
    for path in (one, two):
        with tarfile.open(path) as tar:
            seen.append({(m.name, m.mode, m.mtime, m.uid, m.gname, m.isreg()
                          and tar.extractfile(m).read()) for m in tar})
    return sorted({m[0] for m in seen[0] ^ seen[1]})


def test_tarball_built_twice_has_the_same_bytes():
    """In other directories, at other times, by people with another umask."""
    with tempfile.TemporaryDirectory(dir=RUN) as work:
        one = tarball(pathlib.Path(work, "a"), 0o022)
        two = tarball(pathlib.Path(work, "another/and/longer"), 0o077)
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes(), differ(one, two)


def test_tarball_has_all_that_a_site_needs():
    """The program in it needs no library: it runs in a root that has none of
    ours."""
    name = os.path.basename(made := tarball_of_this_tree()).removesuffix(
        ".tar.gz")
    with Machine("base") as m:
        m.put(made, "/root/it.tar.gz")
        m.run(["tar", "xzf", "/root/it.tar.gz", "-C", "/root"])
        home = "/root/" + name
        said = m.run([home + "/largesse", "--version"]).stdout
        assert said == "largesse %s\n" % version(), said
        m.run([home + "/largesse", "init", "/root/events.db", "--quiet"])
        m.run([home + "/largesse", "publish", "/root/events.db", "hello"])
        said = m.run([home + "/upload/largesse", "tail", "/root/events.db",
                      "--last", "1", "--count", "1", "--quiet"]).stdout
        assert "data: hello\n" in said, said
        for there in ("README.md", "LICENSE", "CHANGELOG.md", "man/largesse.1",
                      "js/largesse.js", "js/largesse.mjs",
                      "deploy/nginx/events.conf",
                      "deploy/lighttpd/events.conf",
                      "deploy/apache/events.conf", "deploy/apache/retry.asis",
                      "deploy/systemd/largesse.socket", "upload/.htaccess",
                      "upload/events.php"):
            assert m.path(home + "/" + there).is_file(), there


def test_release_is_made_by_one_command():
    """In a clone whose version, CHANGELOG.md and tag agree; a tarball that was
    made for another machine is not taken along."""
    with tempfile.TemporaryDirectory(dir=RUN) as work:
        clone = tree(pathlib.Path(work))

        def git(*words):
            subprocess.run(["git", "-c", "user.name=x", "-c", "user.email="
                            "x@y.z", *words], cwd=clone, check=True,
                           capture_output=True)

        log = clone / "CHANGELOG.md"
        log.write_text(re.sub(r"^## .*$", "## %s - 2026-01-02" % version(),
                              log.read_text(), count=1, flags=re.M))
        git("init", "-q")
        git("add", "-A")
        git("commit", "-q", "-m", "x")
        git("tag", "v" + version())
        (clone / "build").mkdir()
        (clone / "build" / ("largesse-%s-z80.tar.gz" % version())).touch()
        make(clone, "release")
        there = clone / "build/release"
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"],
                       cwd=there, check=True, capture_output=True)
        names = sorted(p.name.split("_")[0].split("-" + version())[0]
                       for p in there.iterdir())
        assert names == ["SHA256SUMS", "largesse", "largesse",
                         "largesse-dbgsym"], names


# --- the package is built

DEBIAN = {"12": "", "13": "13"}     # the end of the names of its roots
BEFORE = "0.0.9"
BUILT = {}      # by Debian and version: a folder with what was built
LOG = "/var/lib/largesse/events.db"
SOCKET = "/run/largesse/largesse.sock"


def source(work, wanted):
    """A source package of this tree.  It is made without git, as from an
    archive."""
    tree(work)
    subprocess.run(["deploy/debian/source.sh", wanted], cwd=work, check=True,
                   env={**os.environ, "GIT_DIR": "/nonexistent"})
    return work / "build/deb"


def built(debian, wanted):
    """Where the package of a Debian is, which is built if nobody has.  The
    package before is built without the optimizer, to save the time."""
    there = RUN / "built" / debian / wanted
    if there not in BUILT:
        BUILT[there] = build(debian, wanted, there)
    return there


def build(debian, wanted, there):
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=RUN) as work, \
            Machine("build" + DEBIAN[debian]) as m:
        m.user("builder")
        m.put(source(pathlib.Path(work), wanted), "/home/builder/deb",
              "builder")
        said = m.run(["dpkg-buildpackage", "-us", "-uc"], user="builder",
                     cwd="/home/builder/deb/largesse-" + wanted, timeout=1800,
                     env={"DEB_BUILD_OPTIONS": "parallel=2" + (
                         " noopt" if wanted == BEFORE else "")})
        there.mkdir(parents=True)
        for path in m.path("/home/builder/deb").glob("largesse*_*"):
            shutil.copy(path, there)
    print("# Debian %s: %s built in %d s" % (
        debian, wanted, time.monotonic() - start), file=sys.stderr)
    return said.stdout + said.stderr


def deb(debian, wanted):
    found = list(built(debian, wanted).glob("largesse_*.deb"))
    assert len(found) == 1, found
    return found[0]


@each("debian", DEBIAN)
def test_package_is_built_without_a_warning(debian):
    there = built(debian, version())
    said = BUILT[there]
    assert "cc build/obj/fcgi/main.o" in said
    found = re.findall(r"^.*\bwarning: .*$", said, re.M)
    assert not found, found
    names = sorted(p.name.split("_")[0] for p in there.glob("*.deb"))
    assert names == ["largesse", "largesse-dbgsym"], names


@each("debian", DEBIAN)
def test_package_is_clean_for_lintian(debian):
    with Machine("build" + DEBIAN[debian]) as m:
        m.user("builder")
        m.put(built(debian, version()), "/home/builder/deb", "builder")
        changes = next(m.path("/home/builder/deb").glob("*.changes")).name
        said = m.run(["lintian", "--pedantic", "--info", "deb/" + changes],
                     user="builder", cwd="/home/builder", check=False,
                     timeout=600)
        text = said.stdout + said.stderr
        tags = re.findall(r"^([EWIP]): (.*)$", text, re.M)
        assert len(tags) > 0, text      # it has read the package
        assert not [t for t in tags if t[0] in "EW"], text
        assert said.returncode == 0, text


# Of each room something, and what the libraries of a Debian can change.
UNIT = ("base/test_options", "request/test_gate", "window/test_sse",
        "store/test_append")
TALK = {"sqlite": ("store/test_sqlite", "stream/test_resume", "auth/test_auth",
                   "serve/test_sandbox", "publish/test_post",
                   "reply/test_status"),
        "redis": ("stream/test_resume", "window/test_gap")}


@each("debian", DEBIAN)
def test_program_works_with_the_libraries_of_a_debian(debian):
    """All is compiled there, where a warning is an error, and tests of parts
    and of the whole pass."""
    with Machine("build" + DEBIAN[debian]) as m:
        m.user("builder")
        with tempfile.TemporaryDirectory(dir=RUN) as work:
            m.put(tree(pathlib.Path(work)), "/home/builder/src", "builder")
        units = ["build/plain/unit/" + name for name in UNIT]
        talks = [(log, "build/asan/talk/" + name) for log in TALK
                 for name in TALK[log]]
        there = {"user": "builder", "cwd": "/home/builder/src",
                 "timeout": 1800}
        m.run(["make", "-j2", "NEED=:", "build/largesse", *units,
               *{name for _, name in talks}], **there)
        for log, name in [("sqlite", name) for name in units] + talks:
            # As root: a process with a key is closed to its own user, too.
            said = m.run([name], env={"LARGESSE": "build/largesse",
                                      "LARGESSE_TALK_LOG": log},
                         **{**there, "user": "root"})
            said = said.stdout + said.stderr
            assert re.search(r"^(ok|\[  PASSED  \])", said, re.M), said


# --- the package is installed

SITE = """
server {
	listen 127.0.0.1:%(port)d;
	server_name _;
	root /var/www/html;
	%(more)s
}
"""
INCLUDE = "include snippets/largesse.conf;"


class Site(Booted):
    """A Debian with nginx as it comes, on a port of ours."""

    def __init__(self, debian):
        self.debian, self.port = debian, free_port()
        super().__init__("site" + DEBIAN[debian])
        self.boot()
        self.nginx()
        self.type("systemctl start nginx")

    address = property(lambda self: ("127.0.0.1", self.port))

    def nginx(self, more=""):
        self.write("/etc/nginx/sites-available/default", SITE % {
            "port": self.port, "more": more})

    def include(self):
        """What README tells to do after the package is installed."""
        self.nginx(INCLUDE + (" http2 on;" if self.debian == "13" else ""))
        self.type("nginx -t && nginx -s reload")

    def install(self, wanted):
        """What apt says."""
        self.put(deb(self.debian, wanted), "/root/largesse.deb")
        said = self.type("apt-get install -y /root/largesse.deb")
        return said.stdout + said.stderr

    def insert(self, *data, topic="main"):
        self.type("sqlite3 -cmd '.timeout 20000' %s %s" % (LOG, shlex.quote(
            "INSERT INTO events(topic, data) VALUES" + ", ".join(
                "('%s', '%s')" % (topic, word) for word in data))),
            user="www-data")

    def rows(self):
        return self.type("sqlite3 %s 'SELECT data FROM events ORDER BY id'" %
                         LOG).stdout.split()

    def active(self, unit):
        return self.type("systemctl is-active " + unit, check=False
                         ).stdout.strip()

    def health(self, address=None):
        try:
            s = Stream(address or self.address, "/events/health")
        except OSError:
            return None
        s.close()
        return s.status

    def program(self):
        """The process that serves."""
        return int(self.type("systemctl show -P MainPID largesse").stdout)

    def follow(self):
        return Follower(self.address, "/events?lastEventId=earliest")


@each("debian", DEBIAN)
def test_package_is_installed_and_used(debian):
    with Site(debian) as y:
        y.install(version())
        assert y.type("largesse --version").stdout == "largesse %s\n" % (
            version())
        assert y.type("systemctl is-enabled largesse.socket").stdout == (
            "enabled\n")
        assert y.active("largesse.socket") == "active"
        assert y.active("largesse.service") == "inactive"
        # The log is there before the first client, and www-data may publish.
        said = y.type("stat -c '%U %G %a' /var/lib/largesse " + LOG).stdout
        assert said == "largesse www-data 2770\nlargesse www-data 660\n", said
        y.insert("before")
        y.include()
        until("it answers", lambda: y.health() == 200)
        assert y.type("ps -o user= -p $(systemctl show -P MainPID largesse)"
                      ).stdout == "largesse\n"
        f = y.follow()
        f.wait_count(1)
        y.insert("after")
        f.wait_count(2)
        f.leave()
        assert [e.data for e in f.got] == ["before", "after"]
        said = y.type("journalctl -u largesse").stdout
        assert "listening" in said, said


def by_http2(y, url, *words):
    """A row comes in an answer of HTTP/2."""
    y.insert("hello")
    line = shlex.join(["timeout", "60", "curl", "-sN", *words, "-w",
                       "%{http_version}",
                       url + "/events?poll&age=1&lastEventId=earliest"])
    # The reload has to be over: nginx that was asked before has no such port,
    # or no HTTP/2 on it.
    until("nginx has reloaded", lambda: y.health() == 200 and
          y.type(line, check=False).returncode == 0)
    said = y.type(line).stdout
    assert "data: hello\n" in said and said.endswith("2"), said


EXAMPLES = "/usr/share/doc/largesse/examples/nginx/"


@each("debian", DEBIAN)
def test_package_streams_by_http2_with_the_site_as_shipped(debian):
    """site-h2.conf with another port, and the files that it includes."""
    with Site(debian) as y:
        y.install(version())
        y.include()
        y.type("cd /etc/nginx && cp %(there)sevents.conf %(there)sevents-many."
               "conf . && cp %(there)ssite-h2.conf conf.d" % {
                   "there": EXAMPLES})
        port = free_port()
        site = y.path("/etc/nginx/conf.d/site-h2.conf")
        site.write_text(put(site.read_text(), "127.0.0.1:8443",
                            "127.0.0.1:%d" % port))
        certificate(y.dir)
        y.put(y.dir / "key.pem", "/etc/ssl/private/largesse.key", mode=0o600)
        y.put(y.dir / "cert.pem", "/etc/ssl/certs/largesse.pem")
        y.type("nginx -t && nginx -s reload")
        by_http2(y, "https://127.0.0.1:%d" % port, "--http2", "-k")


def test_package_streams_by_http2_on():
    """By the directive of its own, which nginx of Debian 12 does not have
    yet."""
    with Site("13") as y:
        y.install(version())
        y.include()
        by_http2(y, "http://127.0.0.1:%d" % y.port, "--http2-prior-knowledge")


@each("debian", DEBIAN)
def test_package_has_what_belongs_to_a_program(debian):
    with Site(debian) as y:
        y.install(version())
        for name in ("largesse", "largesse.fcgi"):
            assert y.type("man -w " + name).stdout, name
        said = y.type("bash -c '. /usr/share/bash-completion/completions/"
                      "largesse; complete -p largesse'").stdout
        assert "_largesse" in said, said
        for name in ("nginx/status.conf", "nginx/behind.conf", "auth.md",
                     "nginx/handover.conf", "systemd/key.conf", "recipes",
                     "apps/README.md", "shared", "apache/README.md"):
            assert y.path("/usr/share/doc/largesse/examples/" + name).exists(
                ), name
        for name in ("largesse.js", "largesse.mjs", "largesse.d.ts"):
            assert y.path("/usr/share/largesse/" + name).is_file(), name
        assert y.type("systemd-analyze verify largesse.service "
                      "largesse.socket", check=False).stderr == ""


# How the snippet of a server is switched on, and its port is set.
OTHERS = {
    "lighttpd": ("sed -i 's/^server.port .*/server.port = %d/' "
                 "/etc/lighttpd/lighttpd.conf && rm -f /var/www/html/index.* "
                 "&& sed -i '/use-ipv6/d' /etc/lighttpd/lighttpd.conf",
                 "lighty-enable-mod largesse",
                 "lighttpd -tt -f /etc/lighttpd/lighttpd.conf"),
    "apache2": ("echo 'Listen 127.0.0.1:%d' >/etc/apache2/ports.conf && "
                "sed -i 's/\\*:80/*/' /etc/apache2/sites-available/"
                "000-default.conf",
                "a2enmod proxy_fcgi asis include && a2enconf largesse",
                "apache2ctl configtest"),
}


@each("server", OTHERS)
@each("debian", DEBIAN)
def test_package_has_a_snippet_for(debian, server):
    """A row arrives, and a browser is told to come back while the responder
    is away."""
    port, on, check = OTHERS[server]
    with Site(debian) as y:
        y.install(version())
        y.port = free_port()
        y.type(port % y.port)
        y.type(on)
        y.type(check)
        y.type("systemctl restart " + server)
        until("it answers", lambda: y.health() == 200)
        s = Stream(y.address, "/events").started()
        y.insert("hello")
        assert s.next_event().data == "hello"
        s.close()
        y.type("systemctl stop largesse.socket largesse.service")
        s = Stream(y.address, "/events")
        assert s.status == 200, s.wire.head
        assert s.next_note("stream-retry").data.endswith('"away"}')
        s.close()
        # Purged, and the server still starts.
        y.type("apt-get purge -y largesse")
        y.type(check)


# --- a responder that cannot start

DROP_INS = "/etc/systemd/system/largesse.service.d/"
# What the site has set or done, what the journal says, and how it is mended.
FAULTS = {
    "a bad option": ("LARGESSE_HEARTBEAT=soon", "LARGESSE_HEARTBEAT"),
    "no key": ("LARGESSE_KEY_FILE=/etc/no.key", "/etc/no.key"),
    "no program": (None, "No such file"),
}


class Broken(Site):
    """With the package, behind nginx."""

    def __init__(self, debian):
        super().__init__(debian)
        self.install(version())
        self.include()
        until("it answers", lambda: self.health() == 200)

    def set(self, name, text):
        self.write(DROP_INS + name, text)
        self.type("systemctl daemon-reload")

    def states(self):
        return [self.active("largesse." + end) for end in ("service",
                                                           "socket")]

    def away(self):
        """What a browser is told."""
        s = Stream(self.address, "/events")
        try:
            assert s.status == 200, s.wire.head
            return s.next_note("stream-retry").data
        finally:
            s.close()


@each("fault", FAULTS)
@each("debian", DEBIAN)
def test_package_that_cannot_start_gives_up(debian, fault):
    """Clients do not wait for it for ever, and whoever looks sees why."""
    setting, said = FAULTS[fault]
    with Broken(debian) as y:
        # Twenty starts may take long on a busy machine.
        y.set("limit.conf", "[Unit]\nStartLimitIntervalSec=1h\n")
        if setting:
            y.set("options.conf", "[Service]\nEnvironment=%s\n" % setting)
        else:
            y.type("mv /usr/bin/largesse /usr/bin/l")
        y.type("systemctl restart largesse", check=False)
        # Somebody asks, and waits in the queue.
        asks = Knocker(y.health)
        until("it gave up", lambda: y.states() == ["failed", "failed"], 300)
        asks.stop()
        assert y.away().endswith('"away"}')
        assert y.health() == 503
        assert "failed" in y.type("systemctl status largesse", check=False
                                  ).stdout
        assert said in y.type("journalctl -u largesse").stdout
        # What the pages tell to do when the cause is mended.
        if setting:
            y.set("options.conf", "")
        else:
            y.type("mv /usr/bin/l /usr/bin/largesse")
        y.type("systemctl reset-failed 'largesse.*'")
        y.type("systemctl restart largesse")
        until("it answers", lambda: y.health() == 200)
        assert y.states() == ["active", "active"]


@each("debian", DEBIAN)
def test_package_waits_for_its_log(debian):
    """A log that cannot be opened is none of the faults for which the unit
    gives up: browsers come back, and it goes on by itself."""
    with Broken(debian) as y:
        y.insert("before")
        y.type("chown root:root %s; chmod 600 %s" % (LOG, LOG))
        y.type("systemctl restart largesse", check=False)
        until("it says so", lambda: y.health() == 503)
        pid = until("it serves", y.program)
        assert y.away()
        said = y.type("journalctl -u largesse").stdout
        assert "largesse: %s: " % LOG in said, said
        y.type("chown largesse:www-data %s; chmod 660 %s" % (LOG, LOG))
        until("it answers", lambda: y.health() == 200)
        assert y.program() == pid
        f = y.follow()
        f.wait_count(1)
        f.leave()


@each("debian", DEBIAN)
def test_package_that_was_killed_does_not_give_up(debian):
    """Ten times, as soon as it serves again."""
    with Broken(debian) as y:
        for _ in range(10):
            old = y.program()
            y.type("kill -9 %d" % old)
            until("another serves", lambda: y.program() not in (0, old) and
                  y.health() == 200)
        assert y.states() == ["active", "active"]


# --- upgrade and removal

@each("debian", DEBIAN)
def test_package_upgrade_refuses_nobody_and_loses_nothing(debian):
    with Site(debian) as y:
        y.install(BEFORE)
        y.include()
        until("it answers", lambda: y.health() == 200)
        assert y.type("largesse --version").stdout == "largesse 0.0.9\n"
        old = y.program()
        follower = y.follow().wait_start()
        knockers = [Knocker(y.health) for _ in range(2)]
        publisher = Publisher(lambda n: y.insert(str(n)))
        until("rows come", lambda: publisher.error or publisher.n > 3)
        said = y.install(version())
        assert "Unpacking largesse (%s-1) over (0.0.9-1)" % version() in said
        until("another serves", lambda: y.program() not in (0, old))
        asked = [k.asked for k in knockers]
        until("all have asked it", lambda: all(
            k.asked > before + 3 for k, before in zip(knockers, asked)))
        n = publisher.stop()
        for k in knockers:
            assert not k.stop().wrong, k.wrong
        follower.wait_count(n)
        follower.leave()
        assert [e.data for e in follower.got] == [
            str(i + 1) for i in range(n)]
        assert follower.connects > 1 and follower.refused == 0
        assert not [e for e in follower.ends if "away" in e.data]
        assert y.rows() == [str(i + 1) for i in range(n)]
        assert y.active("largesse.socket") == "active"
        assert y.type("largesse --version").stdout == "largesse %s\n" % (
            version())
        said = y.type("readlink /proc/%d/exe" % y.program()).stdout
        assert said == "/usr/bin/largesse\n", said


def named(y):
    """All that has the name, but what is of the machine and not of ours."""
    return set(y.type(
        "find / -xdev -iname '*largesse*' ! -path '/root/*' ! -path "
        "'/sys/*' ! -path '/proc/*' ! -path '/var/cache/apt/*'; "
        "find /var/lib/largesse /run/largesse 2>/dev/null; "
        "grep -rl largesse /etc /var/lib/dpkg /var/lib/systemd", check=False
        ).stdout.split())


@each("debian", DEBIAN)
def test_package_is_removed_and_purged(debian):
    with Site(debian) as y:
        assert not named(y), named(y)
        y.install(version())
        y.include()
        until("it answers", lambda: y.health() == 200)
        y.insert("mine")
        y.type("lighty-enable-mod largesse")
        y.type("a2enmod proxy_fcgi asis include && a2enconf largesse")
        y.type("apt-get remove -y largesse")
        assert y.active("largesse.socket") != "active"
        assert not y.type("pgrep -x largesse", check=False).stdout
        assert not y.path("/usr/bin/largesse").exists()
        assert y.path("/etc/nginx/snippets/largesse.conf").exists()
        said = y.type("apt-get purge -y largesse 2>&1").stdout
        assert "nginx still includes snippets/largesse.conf" in said, said
        assert "the events stay in /var/lib/largesse" in said, said
        y.nginx()
        y.type("nginx -t && nginx -s reload")
        y.type("lighttpd -tt -f /etc/lighttpd/lighttpd.conf")
        y.type("apache2ctl configtest")
        left = {name for name in named(y)
                if not name.startswith("/var/lib/largesse")}
        # The user stays, as is usual; `-` is what it was before.
        assert not left - {
            "/etc/passwd", "/etc/passwd-", "/etc/group", "/etc/group-",
            "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-"
            }, left
        assert y.rows() == ["mine"]
        # What it said: this removes the rest.
        y.type("rm -r /var/lib/largesse")
        # And it can come back.
        y.install(version())
        y.include()
        until("it answers", lambda: y.health() == 200)
        assert y.rows() == []
