"""test_lines.py - lines of deploy/ that are typed into a shell, one after the other.

As in test_blocks.py no test here needs root; what is pasted as root is pasted by
tests/long.
"""

import os
import pwd
import re
import shutil
import stat

from claims import claimed, find, runs
from page import MANUAL, ROOT, blocks
from place import Place
from tap import each
from yard import LARGESSE, until

@runs("deploy/auth.md", "largesse serve --db events.db --handover --public "
      "news")
def test_serve_line(block):
    with Place() as p:
        lines(p, block.text)


def lines(p, text):
    """Runs line after line.  A responder listens, and goes on until the end;
    paths and the group are ours."""
    p.largesse("init", "events.db")
    for line in text.replace("\\\n", "").splitlines():
        line = re.sub("/etc|/var/lib/largesse|/srv/app", str(p.dir), line)
        line = line.replace("www-data", "%d" % os.getgid())
        if line.startswith("largesse serve "):
            p.start(line + " --listen unix:sock-%d" % len(p.started))
            until("it listens", lambda: p.said().count(
                "listening") == len(p.started))
        else:
            p.sh(line)


@runs("deploy/auth.md", "(umask 077; openssl rand -hex 32 >/etc/largesse.key)")
@runs("deploy/frameworks/README.md",
      "(umask 077; openssl rand -hex 32 >/etc/largesse.key)")
def test_key_line(block):
    with Place() as p:
        lines(p, block.text)
        if block.page == "deploy/auth.md":
            p.sh(find(block.page, "chgrp www-data /etc/largesse.key").text,
                 ("www-data", os.getgid()), ("/etc", p.dir))
            mode = (p.dir / "largesse.key").stat().st_mode
            assert stat.S_IMODE(mode) == 0o640


claimed.add(("deploy/auth.md", "chgrp www-data /etc/largesse.key"))


def test_a_key_has_one_mode_everywhere():
    """Root writes it, and a group reads it.  Each sentence or line that speaks
    of the file and of a mode says so; on a shared host there is no root."""
    found = []
    for path in [*ROOT.glob("deploy/**/*.md"), *ROOT.glob("deploy/**/*.conf"),
                 *ROOT.glob("fcgi/*.[157]"), ROOT / "README.md"]:
        if path.parent.name == "shared":
            continue
        text = re.sub(r"\n(#[ ])?(?=\w)", " ", path.read_text())
        for part in re.split(r"[.:]\s|\n", text):
            if re.search(r"\bkey\b(?!\.conf)|The file belongs to root", part):
                found += [(path.name, mode) for mode in re.findall(
                    r"(?:mode|chmod|-m) (?:\.Li )?0?([0-7]{3})\b", part)]
    assert len(found) >= 5, found
    assert {mode for _, mode in found} == {"640"}, found


PAGES = ["README.md", *MANUAL, *sorted(
    p.relative_to(ROOT).as_posix() for p in ROOT.glob("deploy/**/*.md"))]


@each("page", ["README.md", *("deploy/%s/README.md" % web for web in (
    "nginx", "lighttpd", "apache"))])
def test_apt_knows_what_there_is(page):
    """A new machine has no lists of packages, and the first lines that install
    some would fail."""
    found = [block.text for block in blocks(page) if re.search(
        "^sudo apt-get install .*sqlite3", block.text, re.M)]
    assert found
    for text in found:
        assert text.startswith("sudo apt-get update\n"), text


@each("page", [p for p in PAGES if re.fullmatch("deploy/[^/]*/README.md", p)])
def test_a_page_begins_with_lines_to_paste(page):
    """The reader has ten minutes: the tables come later."""
    assert blocks(page) and blocks(page)[0].line <= 25, page


def test_apache_is_told_to_reload():
    """A restart waits for open streams.  Its own page says when one is needed."""
    found = [page for page in PAGES if "apache2 restart" in
             (ROOT / page).read_text() and page != "deploy/apache/README.md"]
    assert not found, found


def test_a_reload_says_that_nothing_runs():
    """Where nginx could not start, as its port was taken, `nginx -s reload' says
    `invalid PID number'."""
    found = [(page, block.text) for page in PAGES for block in blocks(page)
             if "nginx -s reload" in block.text]
    assert not found, found


@each("page", [p for p in PAGES if "curl " in (ROOT / p).read_text()])
def test_a_question_ends(page):
    """Where nobody answers, curl waits for ever: -m has an end.  What takes a
    stream on purpose has -N."""
    asked = [line for b in blocks(page) for line in
             b.text.replace("\\\n", "").splitlines()
             if re.search(r"(^|[;|&(] *)curl ", line)]
    endless = [line for line in asked if not re.search(r" -m \d| -s?N ", line)]
    assert not endless, endless


@each("page", [p for p in PAGES if p not in MANUAL])
def test_what_does_not_end_says_so(page):
    """What stays in the foreground: Ctrl-C stands above or just below it.  make
    demo says it itself."""
    lines = (ROOT / page).read_text().splitlines()
    for b in blocks(page):
        for line in b.text.replace("\\\n", "").splitlines():
            if re.match(r"(sudo )?(largesse (serve|tail) (?!.*--count)|"
                        r"journalctl (?!.*-n )|"
                        r"tail -[fF] (?!--pid))", line):
                assert "Ctrl-C" in "\n".join(lines[:b.line + 12]), (
                    "%s:%d: %s" % (page, b.line, line))


@runs("deploy/frameworks/README.md", "largesse init /srv/app/db.sqlite3")
def test_log_in_the_database_of_an_application(block):
    with Place() as p:
        lines(p, block.text)


@runs("deploy/doctor.md", "largesse doctor https://example.org/events")
def test_doctor_lines(block):
    """With a heartbeat of a second, or it takes 20; and a user that there is."""
    url, file = block.text.splitlines()
    with Place(web=True, options=["--heartbeat", "1"]) as p:
        assert "healthy" in p.sh(url)
        name = pwd.getpwuid(os.geteuid()).pw_name
        p.yard.insert("one")
        assert "events.db" in p.sh(file, ("/var/lib/largesse", p.dir),
                                   ("www-data", name), each=False)


@runs("deploy/release/tarball.md",
      "install -m 755 largesse /usr/local/bin/largesse")
def test_install_of_the_tarball(block):
    """In a folder as deploy/release/tarball.sh makes it, with a /usr/local of
    ours."""
    with Place() as p:
        (p.dir / "man").mkdir()
        for page in MANUAL:
            shutil.copy(ROOT / page, p.dir / "man")
        shutil.copy(LARGESSE, p.dir / "largesse")
        (p.dir / "local/bin").mkdir(parents=True)
        p.sh(block.text, ("/usr/local", p.dir / "local"))
        assert "usage:" in p.sh("local/bin/largesse.fcgi --help")
        for page in MANUAL:
            name = page.rpartition("/")[2]
            assert (p.dir / "local/share/man" / ("man" + name[-1]) /
                    name).exists()
