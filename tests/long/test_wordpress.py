"""test_wordpress.py - the plugin for WordPress, as people use it.

Of everything that happens in a browser the stories of wordpress.mjs say more.
"""

import sqlite3
import subprocess

from blog import Blog
from host import MODULES
from tap import each
from yard import LOAD, ROOT

NO_CGI = tuple(m for m in MODULES if m != "cgid")

# What the host allows, and the way that the plugin finds.
HOSTS = {
    "cgi and fcgid": (dict(modules=(*MODULES, "fcgid")), "cgi"),
    "fcgid": (dict(modules=(*NO_CGI, "fcgid")), "fcgi"),
    "no programs": (dict(modules=NO_CGI, overrides="None"), "php"),
}


def browser():
    subprocess.run([ROOT / "tests/browser/run", "--install"], check=True)


def tables(path):
    db = sqlite3.connect(path, timeout=20)
    found = set(db.execute("SELECT name, sql FROM sqlite_master"))
    db.close()
    return {row for row in found if "wp_" not in row[0]}


def same_as_init(y, log):
    """The plugin makes the log that `init` makes, and its users' own."""
    subprocess.run([LOAD, "init", y.dir / "init.db", "--keep-rows", "100000",
                    "--quiet"], check=True, timeout=60)
    assert tables(log) == tables(y.dir / "init.db")
    assert log.parent.stat().st_mode & 0o777 == 0o700
    for path in log.parent.iterdir():
        assert path.stat().st_uid == y.ids("site")[0], path


@each("host", HOSTS)
def test_plugin_finds_the_best_way_and_leaves_nothing(host):
    browser()
    allows, way = HOSTS[host]
    with Blog(**allows) as y:
        before = y.trace()
        said = y.browse("activate")
        assert said["works"] and not said["troubles"], said
        state = y.state()
        assert state["way"] == way, (state, said)
        assert state["data"].startswith("/home/site/largesse-"), state
        same_as_init(y, y.path(state["data"]) / "events.db")
        assert y.trace() - before
        y.browse("remove")
        assert y.trace() == before, y.trace() ^ before
        assert not y.complaints(), y.complaints()


@each("theme", ["twentytwentythree", "twentytwentyone"])
def test_plugin_makes_an_open_post_live(theme):
    browser()
    with Blog(theme=theme) as y:
        y.activate()
        y.choose("readers", 1)
        y.browse("live", theme=theme)
        assert not y.complaints(), y.complaints()


def test_plugin_keeps_a_private_topic_for_its_user():
    browser()
    with Blog(modules=(*MODULES, "fcgid")) as y:
        y.activate()
        topic = "user/%d" % y.wp_json("get_user_by('login', 'ed')->ID")
        y.wp("do_action('largesse_publish', '%s', 'private');" % topic)
        for way in ("cgi", "fcgi", "php"):
            y.choose("way", way)
            y.browse("secret", topic=topic, way=way)
        assert not y.complaints(), y.complaints()


def test_plugin_publishes_and_never_breaks_the_page():
    with Blog() as y:
        y.activate()
        say = "largesse_publish('public/a', %s)"
        first = y.wp_json(say % "['n' => 1], 'goal', 'u1'")
        assert y.wp_json(say % "['n' => 1], 'goal', 'u1'") == first > 0
        log = y.path(y.state()["data"]) / "events.db"
        db = sqlite3.connect(log, timeout=20)
        assert db.execute("SELECT topic, event, data, uid FROM events "
                          "WHERE id = ?", [first]).fetchall() == [
                              ("public/a", "goal", '{"n":1}', "u1")]
        db.close()
        for call in ("'', 'x'", "'a*', 'x'", "'a', \"\\xff\"",
                     "'a', 'x', 'stream-end'", "'a', 'x', null, '12'",
                     "'a', NAN"):
            said = y.wp_json("[largesse_publish(%s), "
                             "is_wp_error(largesse_error())]" % call)
            assert said == [False, True], (call, said)
        log.parent.chmod(0)
        assert y.wp("do_action('largesse_publish', 'a', 'x'); "
                    "var_export(largesse_publish('a', 'x')); echo ' on';"
                    ).endswith("false on")
        log.parent.chmod(0o700)
