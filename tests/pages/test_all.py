"""test_all.py - no block of README, the manual or deploy/ that nobody runs.

A block of a manual is pasted by test_blocks.py, or stands in ELSEWHERE.  So is a
block of deploy/ in which something is typed into a shell; where the test of
another suite pastes a whole page, that test is named in OTHERS, and has to name
the page.
"""

import re

from claims import claimed
from page import MANUAL, ROOT, blocks, source
from tap import each

import test_blocks as claims_1  # noqa: F401  (they claim blocks)
import test_lines as claims_2  # noqa: F401
import test_fronts as claims_3  # noqa: F401

README = "README.md"
# Pages whose blocks a test in tests/long pastes, as a user of a machine of its
# own with sudo: any file of this name, which has to name the page.
PASTED = "tests/long/test_path*.py"

# The page: the file that runs its lines.
OTHERS = {
    "deploy/metrics/README.md": "tests/web/test_metrics.py",
    "deploy/redis/two-hosts.md": "tests/hosts/twin.py",
}

# The page and the first line of a block, or the heading above it: the file, and
# a word in it that runs the lines.
ELSEWHERE = {
    ("deploy/spawn-fcgi/README.md", "## The same by hand"): (
        "tests/web/test_hosting.py", "spawn-fcgi/README.md"),
    ("deploy/auth.md", "largesse serve --db events.db --trust-user "
     "--user-topic 'inbox/{user}'"): (
        "tests/web/test_auth.py", "def users_options"),
    ("deploy/examples/score/README.md", "sqlite3 -cmd '.timeout 5000' "
     "/var/lib/largesse/events.db \"INSERT INTO events(topic, data)"): (
        "tests/web/test_examples.py", "def test_what_the_readme_says_to_paste"),
    ("deploy/examples/bell/README.md",
     "sqlite3 -cmd '.timeout 5000' /var/lib/largesse/events.db \\"): (
        "tests/web/test_examples.py", "def test_what_the_readme_says_to_paste"),
    ("deploy/examples/dashboard/README.md", "largesse init shop.db"): (
        "tests/web/test_examples.py", "def test_what_the_readme_says_to_paste"),
    ("deploy/debian/README.md", "make deb"): (
        "tests/long/test_path.py", '["make", "deb"]'),
    ("deploy/release/README.md", "git tag -a v0.1.0"): (
        "tests/web/test_release.py", "def test_release_takes_a_tree"),
    ("deploy/release/README.md", "make tarball"): (
        "tests/long/test_package.py", "def test_tarball_built_twice"),
    ("deploy/examples/build/README.md",
     "build.sh /var/lib/largesse/events.db build/7 make -j2"): (
        "tests/browser/examples.py", "build/build.sh"),
    ("deploy/shared/README.md", "make upload"): (
        "tests/web/test_shared.py", "build/upload"),
    ("deploy/shared/README.md", "curl -m 60 -c jar 'https://example.org/live/"
     "check.php?format=text'     # says the name"): (
        "tests/web/test_check_php.py", "format=text"),
    ("deploy/wordpress/README.md", "make wordpress"): (
        "tests/long/kit/blog.py", "build/wordpress"),
}


# Lines that no test runs, and why: few, and said here.
NOT_RUN = {
    ("deploy/caddy/README.md", "sudo adduser caddy www-data"):
        "tests/long/test_fronts.py starts Caddy as a user that may open the "
        "socket, and without Debian's unit",
}
LISTED = claimed | set(ELSEWHERE) | set(NOT_RUN)

TYPED = re.compile(
    r"^(sudo|largesse|curl|make|redis-cli|spawn-fcgi|install|sqlite3|chgrp|"
    r"\(umask|cp|pkill|kill|mv|llm|\{ make|build\.sh|npm|npx|systemctl|"
    r"apt-get|apt|git|tail|php|python3|node|bundle|composer|promtool|docker|"
    r"caddy|haproxy|pip)( |$)", re.M)
DEPLOY = sorted(p.relative_to(ROOT).as_posix()
                for p in ROOT.glob("deploy/**/*.md")
                if TYPED.search("\n".join(
                    b.text for b in blocks(p.relative_to(ROOT).as_posix()))))


def is_listed(block):
    return {(block.page, block.first), (block.page, block.heading)} & LISTED \
        or is_demo(block)


def is_demo(block):
    """`make demo APP=NAME', and NAME is in the tests of the examples."""
    lines = [re.match(r"make demo APP=(\w+)( |$)", line)
             for line in block.text.splitlines()]
    return all(lines) and all(
        '"%s' % line[1] in source("tests/web/test_examples.py")
        for line in lines)


def pasted(page):
    """What the tests in tests/long that paste this page say."""
    return "".join(text for text in (p.read_text() for p in ROOT.glob(PASTED))
                   if '"%s"' % page in text)


def not_pasted(page):
    """Blocks under a heading that no such test names.  Those of a heading that
    it names are held by the test itself, which takes them all."""
    return "".join("\n%s, %s" % (b.where, b.heading) for b in blocks(page)
                   if (page == README or TYPED.search(b.text))
                   and not is_listed(b) and b.heading.startswith("##")
                   and '"%s"' % b.heading not in pasted(page))


def nobody_runs(page):
    return "".join("\n" + b.where for b in blocks(page) if not is_listed(b)
                   and (page in MANUAL or TYPED.search(b.text)))


@each("page", MANUAL)
def test_every_block_of_the_manual_is_run(page):
    assert blocks(page)
    assert not nobody_runs(page), nobody_runs(page)


def test_every_block_of_the_readme_is_run():
    assert pasted(README) and blocks(README)
    assert not not_pasted(README), not_pasted(README)


@each("page", DEPLOY)
def test_every_line_to_paste_is_run(page):
    if pasted(page):
        assert not not_pasted(page), not_pasted(page)
        return
    if page in OTHERS:
        assert page.partition("/")[2] in source(OTHERS[page]), OTHERS[page]
        return
    assert not nobody_runs(page), nobody_runs(page)


def test_the_list_has_nothing_else():
    """Each block that a test or the list names is there, and once; each file
    and word that the list names, too."""
    for page, first in [*claimed, *ELSEWHERE, *NOT_RUN]:
        assert first in [word for b in blocks(page) for word in (
            b.first, b.heading)], (page, first)
    assert len(LISTED) == len(claimed) + len(ELSEWHERE) + len(NOT_RUN)
    for where, (file, word) in ELSEWHERE.items():
        assert word in source(file), (where, file, word)
    for page in OTHERS:
        assert blocks(page), page
