"""test_path_debian.py - the path of "README.md" on Debian 12 and on 13, booted:
systemd starts what the lines start.  The package is that of test_package.py.
"""

import subprocess

import roots
from booted import Booted
from client import Follower
from paste import Apart
from tap import each
from test_package import DEBIAN, deb, version
from test_path import (HEALTH, INSTALL, README, SERVICE, STEPS, TELL, Reader,
                       Sentences, renamed, work)


for end in DEBIAN.values():
    roots.ROOTS["home" + end] = ("site" + end, "sudo")


class Home(Apart, Booted):
    def __init__(self, debian):
        root = "home" + DEBIAN[debian]
        roots.root(root)
        package = deb(debian, version())
        super().__init__(root)
        self.user("me")
        self.write("/etc/sudoers.d/me", "me ALL=(ALL) NOPASSWD: ALL\n",
                   mode=0o440)
        self.put(package, "/home/me/" + package.name, "me")
        self.boot()

    def paste(self, block):
        """As the user types it into a shell, which ends at the first line
        that fails."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.first), "--mount", "--pid",
             "--cgroup", "--uts", "--ipc", "--root", "runuser", "-u", "me",
             "--", "env", "-i", "-C", "/home/me", "HOME=/home/me", "USER=me",
             "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8",
             "bash", "-e"], input=block, text=True, errors="replace",
            capture_output=True, timeout=300)
        assert done.returncode == 0, "%s\n%s" % (
            block, (done.stderr + done.stdout)[-2000:])
        return done


def set_up(m, web):
    """Steps 1 and 2; the rest of the page."""
    m.type("systemctl start " + SERVICE[web])
    page = Reader(README, STEPS)
    m.paste(page.take(INSTALL))
    for name, begins in TELL.items():
        block = page.take(begins)
        if name == web:
            m.paste(block)
    assert m.paste(page.take(HEALTH)).stdout == "ok\n"
    return page


@each("debian", DEBIAN)
@each("web", SERVICE)
def test_path_on_debian(debian, web):
    """From nothing to a page in a browser that receives an INSERT, and what
    the sentences tell to type.  The responder is started again, the web server
    reloaded, the package upgraded, and nothing is lost."""
    with Home(debian) as m:
        page, typed = set_up(m, web), Sentences(README, STEPS, "## Next")
        assert "listening" in m.paste(typed.take("sudo journalctl")).stdout
        assert "active (running)" in m.paste(typed.take("systemctl status")
                                             ).stdout
        said = m.paste(typed.take("largesse doctor")).stdout
        assert "healthy" in said.splitlines()[-1], said
        insert = next(b for b in page.left if b.startswith("sudo -u www-data"))
        work(m, page)
        page.end()
        f = Follower(("127.0.0.1", 80), "/events?topic=news&last=10")
        f.wait_count(1)
        m.paste(typed.take("sudo systemctl restart"))
        m.paste(insert)
        f.wait_count(2)
        m.paste("sudo systemctl reload " + SERVICE[web])
        m.paste(insert)
        f.wait_count(3)
        limit(m, typed.take("sudo -u www-data largesse init"))
        upgrade(m, typed.take("sudo apt-get install"),
                deb(debian, version()))
        m.paste(insert)
        f.wait_count(4)
        f.leave()
        assert [e.data for e in f.got] == ["Hello"] * 4
        typed.end()


def limit(m, line):
    """Seven days is how long the log keeps an event from now on."""
    m.paste(line)
    said = m.type("sqlite3 /var/lib/largesse/events.db "
                  "\"SELECT value FROM largesse WHERE key = 'keep-age'\""
                  ).stdout
    assert said == "604800000\n", said


def upgrade(m, line, package):
    """To the same as a newer version, whose name is in the place of NEW.  The
    responder is another process then."""
    new = renamed(package, "0.10.0")
    m.put(new, "/home/me/" + new.name, "me")
    before = m.type("systemctl show -P MainPID largesse").stdout
    assert "largesse_NEW.deb" in line
    m.paste(line.replace("largesse_NEW.deb", new.name))
    said = m.type("dpkg-query -W -f '${Version}' largesse").stdout
    assert said == "0.10.0-1", said
    assert m.paste(HEALTH + " --retry-all-errors http://localhost/events/health"
                   ).stdout == "ok\n"
    assert m.type("systemctl show -P MainPID largesse").stdout != before


@each("debian", DEBIAN)
def test_path_of_the_key_on_debian(debian):
    """The lines of "deploy/auth.md".  This machine is a container, in which
    systemd hands no credential to a service."""
    with Home(debian) as m:
        set_up(m, "nginx")
        page = Reader("deploy/auth.md", "## A key, step by step")
        m.paste(page.take("head -c 32"))
        said = m.paste(page.take("curl -s -m 5 -o")).stdout
        assert said.startswith("401\n"), said
        assert "event: stream-start\n" in said, said
        said = m.paste(page.take("printf")).stdout
        assert '"ids"' in said, said
        page.end()
