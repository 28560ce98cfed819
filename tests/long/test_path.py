"""test_path.py - the ten-minute path: the lines of "README.md" and of
"deploy/nginx/README.md", "deploy/lighttpd/README.md", "deploy/apache/README.md" and
"deploy/systemd/README.md", pasted by a newcomer.

What is not as on the newcomer's machine: the packages of Debian that the lines
name are installed before, systemd is played by paste.Systemd, and in the path from
source `make' is not run, for the program is built already.  tests/long/test_package.py
makes the package and installs it under the real systemd's tools.
"""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile

from paste import PROGRAM, Newcomer, Systemd, blocks, prose
from space import RUN
from tap import each
from yard import ROOT, until

README = "README.md"
STEPS = "## Your own page in ten minutes"
SERVICE = {"nginx": "nginx", "lighttpd": "lighttpd", "apache": "apache2"}
BROWSER = pathlib.Path(__file__).with_name("path.mjs")
INSTALL = "sudo apt-get update\n"
HEALTH = "curl -sSf -m 5 --retry 10"


class Reader:
    """Takes the blocks of a page by how they begin.  All have to be taken."""

    def __init__(self, page, heading=""):
        self.left = blocks(page, heading)

    def take(self, begins):
        found = [b for b in self.left if b.startswith(begins)]
        assert len(found) == 1, (begins, self.left)
        self.left.remove(found[0])
        return found[0]

    def pass_by(self, *begin):
        for begins in begin:
            self.take(begins)

    def end(self):
        assert not self.left, "nobody pasted: %s" % self.left


class Sentences(Reader):
    """The same for the commands within the sentences of sections."""

    def __init__(self, page, *headings):
        self.left = [" ".join(word.split()) for heading in headings
                     for word in re.findall(r"`([^`]+)`", prose(page, heading))
                     if re.match("(sudo|systemctl|largesse) ", word)]


def package():
    """The package of this tree.  It is made if there is none, or if what it has
    in it is newer."""
    made = list((ROOT / "build").glob("largesse_*.deb"))
    parts = [PROGRAM, *(ROOT / "deploy").glob("**/*")]
    if len(made) != 1 or made[0].stat().st_mtime < max(
            p.stat().st_mtime for p in parts if p.is_file()):
        for old in made:
            old.unlink()
        done = subprocess.run(["make", "deb"], cwd=ROOT, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
        made = list((ROOT / "build").glob("largesse_*.deb"))
    [deb] = made
    return deb


def renamed(deb, version):
    """The same package as another version of it; of a file in RUN."""
    made = RUN / ("largesse_%s-1_amd64.deb" % version)
    with tempfile.TemporaryDirectory(dir=RUN) as work:
        subprocess.run(["dpkg-deb", "-R", deb, work], check=True)
        control = pathlib.Path(work, "DEBIAN/control")
        control.write_text(re.sub(r"^Version: .*$", "Version: %s-1" % version,
                                  control.read_text(), count=1, flags=re.M))
        subprocess.run(["dpkg-deb", "-b", "-Znone", work, made], check=True,
                       stdout=subprocess.DEVNULL)
    return made


def installed(m):
    """The version, as dpkg knows it."""
    return m.run(["dpkg-query", "-W", "-f", "${Version}", "largesse"]).stdout


@contextlib.contextmanager
def machine(web, root="path", deb=None):
    """A web server of Debian with Debian's own site, and the package in the
    user's home."""
    deb = deb or package()
    with Newcomer(root) as m:
        m.systemd = Systemd(m)
        m.put(deb, "/home/me/" + deb.name, "me")
        m.run(["service", SERVICE[web], "start"])
        until("Debian's site is there", lambda: m.asks("/"))
        try:
            yield m
        finally:
            m.systemd.close()


# The reader's own, beside Debian's.
OWN_SITE = r"""
printf 'server {\n\tlisten 80;\n\tserver_name own.example;\n%s\n}\n' \
    '	include snippets/largesse.conf;' | sudo tee /etc/nginx/conf.d/own.conf
sudo nginx -t && sudo service nginx reload
"""


def install(m, block):
    m.paste(block)
    m.systemd.start()       # as the package asks it to


TELL = {"nginx": "sudo sed", "lighttpd": "sudo lighty-enable-mod",
        "apache": "sudo a2enmod"}


def work(m, page):
    """The page of step 3 in a browser, while the INSERT of step 4 is typed."""
    subprocess.run([ROOT / "tests/browser/run", "--install"], check=True)
    m.paste(page.take("sudo tee /var/www/html/live.html"))
    with subprocess.Popen(["node", BROWSER, "http://localhost/live.html", "1"],
                          stdout=subprocess.PIPE, text=True) as browser:
        try:
            assert browser.stdout.readline() == "open\n"
            m.paste(page.take("sudo -u www-data sqlite3"))
            assert json.loads(browser.stdout.readline()) == ["Hello"]
            assert browser.wait(60) == 0
        finally:
            browser.kill()


@each("web", SERVICE)
def test_path_of_the_readme(web):
    with machine(web) as m:
        page = Reader(README, STEPS)
        install(m, page.take(INSTALL))
        for name, begins in TELL.items():
            block = page.take(begins)
            if name == web:
                m.paste(block)
        assert m.paste(page.take(HEALTH)).stdout == "ok\n"
        work(m, page)
        page.end()


@each("web", SERVICE)
def test_path_of_a_web_server(web):
    """Install, the port of the figures, upgrade, uninstall, as its own page
    says it.  The key of deploy/auth.md is there when all is taken away.

    The newcomer begins with the version before, and has the new package in
    the place of the old one when the line of the upgrade is pasted."""
    new = package()
    old = renamed(new, "0.0.9")
    with machine(web, deb=old) as m:
        before = traces(m)
        name = "deploy/%s/README.md" % web
        page = Reader(name)
        lines = page.take(INSTALL).splitlines(True)
        assert "./largesse_*.deb %s " % SERVICE[web] in lines[1]
        install(m, "".join(lines[:2]))
        block = "".join(lines[2:]) + (page.take("sudo sed")
                                      if web == "nginx" else "")
        assert m.paste(block).stdout.endswith("ok\n")
        if web == "nginx":
            m.paste(OWN_SITE)
        m.insert("one")
        assert m.brings("one")
        assert installed(m) == "0.0.9-1"
        m.run(["rm", "/home/me/" + old.name])
        m.put(new, "/home/me/" + new.name, "me")
        m.paste(page.take("sudo apt-get install -y"))      # the upgrade
        assert "_%s_" % installed(m) in new.name, installed(m)
        m.systemd.restart()
        assert m.brings("one")
        page.end()
        show_figures(m, web, Reader(name, "## status.conf"))
        set_key(m)

        page = Reader(name, "## Uninstall")
        m.systemd.close()
        m.paste(page.left.pop())
        page.end()
        assert m.asks("/") and m.asks("/events/health") is None
        assert m.asks(":8082/") is None
        if web == "nginx":
            m.paste("sudo nginx -t")
        assert m.run(["dpkg", "-l", "largesse"], check=False).returncode != 0
        assert traces(m) == before


def traces(m):
    """Files that have our name.  Debian keeps users, and notes of its tools."""
    return m.run(["find", "/etc", "/home/me", "/root", "/run", "/srv", "/usr",
                  "/var/lib", "/var/log", "-name", "*largesse*", "-not",
                  "-path", "/home/me/largesse_*.deb", "-not", "-path",
                  "/var/lib/systemd/*", "-not", "-name", "systemctl*"]).stdout


def show_figures(m, web, page):
    """The lines of status.conf.  Its reload cuts no stream, but in lighttpd."""
    stream = m.start(["curl", "-sN", "http://localhost/events?topic=news&last=1"],
                     "stream")
    until("it streams", lambda: "one" in (m.dir / "stream.log").read_text())
    figures = m.paste(page.take("sudo install -m 644")).stdout
    page.end()
    assert json.loads(figures[figures.index("{"):])["streams"] >= 0, figures
    assert "<title>" in m.asks(":8082/status.html")
    assert m.asks(":8082/events/status", "-H", "Host: stranger.example") is None
    assert web == "lighttpd" or stream.poll() is None
    m.end(stream)


def set_key(m):
    m.paste(Reader("deploy/auth.md", "## A key, step by step").take("head -c"))
    m.systemd.obey()
    assert m.asks("/events?topic=inbox&poll&age=0") is None


@each("web", SERVICE)
def test_path_from_source(web):
    with machine(web) as m:
        m.put(ROOT / "deploy", "/home/me/deploy", "me")
        page = Reader(README, "## From source")
        page.pass_by("make demo")
        lines = page.take(INSTALL).splitlines(True)[1:]
        page.end()
        assert lines[1:3] == ["make\n", "sudo make install\n"]
        m.put(PROGRAM, "/usr/local/bin/largesse", mode=0o755)
        assert "deploy/nginx" in lines[-1]
        if web == "nginx":
            m.paste("".join(lines[3:]))
        else:
            m.paste("".join(lines[3:-1]))
            m.paste(Reader("deploy/%s/README.md" % web,
                           "## From source").left.pop())
        m.systemd.obey()
        page = Reader(README, STEPS)
        m.paste(page.take(TELL[web]))
        assert m.paste(page.take(HEALTH)).stdout == "ok\n"
        work(m, page)
        if web == "nginx":
            m.paste(Reader("deploy/nginx/README.md",
                           "## handover.conf").left.pop())
            assert m.path("/etc/nginx/largesse/handover.conf").exists()


def test_path_of_a_publisher_with_another_user():
    """The lines of "deploy/permissions.md"; then each opens the log."""
    with Newcomer() as m:
        m.has_program()
        m.user("publisher")
        page = Reader("deploy/permissions.md")
        m.paste(page.take("sudo install -d"))
        page.end()
        log = "/var/lib/largesse/events.db"
        assert m.path(log).stat().st_mode & 0o777 == 0o660
        tail = m.start(["largesse", "tail", log, "--count", "1"], "tail",
                       "www-data")
        m.run(["sqlite3", "-cmd", ".timeout 20000", log,
               "INSERT INTO events(data) VALUES('one')"], "publisher")
        m.run(["largesse", "publish", log, "two"], "www-data")
        assert tail.wait(60) == 0


def test_path_under_systemd():
    """The page's own lines, after those of the README; an option; and all is
    taken away."""
    with machine("nginx") as m:
        before = traces(m)
        m.put(ROOT / "deploy", "/home/me/deploy", "me")
        m.put(PROGRAM, "/usr/local/bin/largesse", mode=0o755)
        m.put(ROOT / "deploy/nginx/events.conf",
              "/etc/nginx/snippets/largesse.conf")
        page = Reader("deploy/systemd/README.md")
        m.paste(page.take("sudo install -D"))
        m.systemd.obey()
        m.paste(page.take("sudo journalctl"))
        readme = Reader(README, STEPS)
        m.paste(readme.take(TELL["nginx"]))
        m.paste(readme.take(HEALTH))
        m.paste(page.take("sudo mkdir"))
        m.systemd.obey()
        page.end()
        [pid] = until("it runs", lambda: m.pids("largesse"))
        assert "LARGESSE_MAX_AGE=3600" in pathlib.Path(
            "/proc/%d/environ" % pid).read_text()
        assert m.paste(HEALTH + " http://localhost/events/health").stdout
        m.put(ROOT / "deploy/systemd/key.conf", "/etc/largesse.key")

        m.paste(Reader("deploy/nginx/README.md", "## Uninstall").left.pop()
                .partition("sudo apt-get purge")[0])
        page = Reader("deploy/systemd/README.md", "## Uninstall")
        lines = page.left.pop()
        page.end()
        assert "sudo make uninstall\n" in lines    # its program is played here
        m.run(["rm", "/usr/local/bin/largesse"])
        m.paste(lines.replace("sudo make uninstall\n", ""))
        m.systemd.obey()
        assert m.pids("largesse") == [] and m.asks("/")
        assert "/home/me/deploy" in traces(m)
        m.run(["rm", "-r", "/home/me/deploy"])
        assert traces(m) == before


def test_path_of_the_key():
    """The lines of "deploy/auth.md", in their order, on the path's site."""
    with machine("nginx") as m:
        readme = Reader(README, STEPS)
        install(m, readme.take(INSTALL))
        m.paste(readme.take(TELL["nginx"]))
        m.paste(readme.take(HEALTH))
        page = Reader("deploy/auth.md", "## A key, step by step")
        m.insert("public")
        m.paste(page.take("head -c 32"))
        m.systemd.obey()
        assert m.brings("public")
        said = m.paste(page.take("curl -s -m 5 -o")).stdout
        assert said.startswith("401\n"), said
        assert "event: stream-start\n" in said, said
        set_up, asks = page.take("printf").split("token=")
        m.paste(set_up)
        m.systemd.obey()
        said = m.paste("token=" + asks).stdout
        assert '"ids"' in said, said
        assert m.brings("Hello")
        page.end()
