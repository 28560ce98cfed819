"""test_check_suexec.py - check.php where suEXEC runs the programs of the site.

The tests of web have a stand-in for suEXEC.  This is Debian's, with its rules.
"""

import http.client
import os
import sqlite3

from client import Follower
from host import Host
from tap import each
from test_check_php import COOKIE, OWNER, Report, follow
from test_events_php import SECRET, good

FOLDER = "/home/site/public_html/push/"


def writable(y):
    for name in ("largesse.cgi", "largesse", "."):
        os.chmod(y.folder / name, 0o775)


def anothers(y):
    os.chown(y.folder / "largesse.cgi", *y.ids("neighbour"))


# How PHP is run, what is done to the folder, and what is said of it.
CASES = {
    "as it is uploaded": ("fpm", None, []),
    "others may write to the program": ("fpm", writable, ["files"]),
    "the program is another user's": ("fpm", anothers, ["files"]),
    "PHP is suEXEC's, too": ("suexec", writable, ["files"]),
    "PHP is www-data": ("module", None, ["neighbours", "php-user"]),
}


def report(y):
    conn = http.client.HTTPConnection(*y.address, timeout=120)
    conn.request("GET", "/push/check.php?format=text", headers=COOKIE)
    response = conn.getresponse()
    body = response.read().decode()
    conn.close()
    assert response.status == 200, (response.status, body)
    return Report(body)


def do(y, step):
    """Whatever is uploaded again is the site's."""
    if step[0] == "do" and step[1].startswith("upload "):
        assert " as site, who " in step[1], step
        os.chown(y.folder / step[1].split()[1], *y.ids("site"))
    else:
        follow(y.folder, step)


@each("case", CASES)
def test_check_php_knows_suexec(case):
    php, change, codes = CASES[case]
    with Host(php) as y:
        y.write(FOLDER + OWNER, "", "site")
        y.write(FOLDER + "data/key", SECRET, "site", 0o600)
        if change:
            change(y)
        said = report(y)
        assert (said.use, said.address) == ("largesse.cgi", "events"), \
            said.text
        assert sorted(said.codes) == codes, said.text
        assert bool(said.all) == bool(change), said.text
        for step in said.all:
            do(y, step)
        again = report(y)
        assert not again.all and not again.errors, again.text
        f = Follower(y.address, "/push/events?topic=main&access_token=" +
                     good("main")).wait_start()
        db = sqlite3.connect(y.log, timeout=20)
        with db:
            db.execute("INSERT INTO events(data) VALUES('hello')")
        db.close()
        f.wait_count(1).leave()
        assert not f.refused
