"""test_pages.py - the pages of deploy/frameworks that need no application."""

import json
import re

from client import Stream
from kit import NODE_MODULES, SHIPPED, App, Browser
from tap import each

HTMX = "<li>{}</li>"
TURBO = ('<turbo-stream action="append" target="orders"><template>'
         "<li>{}</li></template></turbo-stream>")
MERGE = "selector #orders\nmergeMode append\nfragments <li>{}</li>"

# The event type, and what an event is.
PAGES = {"eventsource": (None, "{}"), "htmx": (None, HTMX),
         "htmx4": (None, HTMX), "turbo": (None, TURBO),
         "datastar0": ("datastar-merge-fragments", MERGE)}


def vendor(name):
    """What the two lines of the page, npm install and cp, copy beside it."""
    text = (SHIPPED / (name + ".html")).read_text()
    wanted = re.findall(r"[^\s]+@\d[\d.]*", "".join(
        re.findall("^\tnpm install (.*)", text, re.M)))
    for word in wanted:
        package, _, version = word.rpartition("@")
        folder = NODE_MODULES / npm(package, version)
        there = json.loads((folder / "package.json").read_text())
        assert (there["version"] + ".").startswith(version + "."), word
        for path in re.findall("node_modules/%s/([^\\s]+)" % package, text):
            yield npm(package, version) + "/" + path, path.rpartition("/")[2]


def npm(package, version):
    """Two of htmx are installed, so they have other names here."""
    return "htmx-" + version if package == "htmx.org" else package


def test_npm_has_the_versions_that_the_readme_names():
    """The table is of these and of no others."""
    lock = json.loads((NODE_MODULES.parent / "package.json").read_text())
    said = (SHIPPED / "README.md").read_text()
    for name, version in {**lock["dependencies"],
                          **lock["optionalDependencies"]}.items():
        if name != "playwright-core" and not name.startswith("node-linux-arm"):
            assert version.rpartition("@")[2] in said, (name, version)


@each("name", list(PAGES))
def test_page_shows_each_event_once(name):
    """Those from before, those that come, those that were missed because the
    responder was killed, and because nginx cut the stream."""
    event, form = PAGES[name]
    with App(vendor=vendor(name)) as y, Browser() as browser:
        def publish(item):
            y.publisher().execute(
                "INSERT INTO events(topic, event, data) VALUES('orders', ?, ?)",
                (event, form.format(item)))

        y.page("page.html", (SHIPPED / (name + ".html")).read_text())
        publish("before")
        page = browser.open(y.url + "/page.html")
        page.shows("before")
        publish("live")
        page.shows("before", "live")
        y.kill_responder()
        publish("missed")
        y.start_responder()
        page.shows("before", "live", "missed")
        y.kill_web()
        publish("missed, too")
        y.start_web()
        publish("last")
        page.shows("before", "live", "missed", "missed, too", "last")


def test_topic_of_others_is_refused_to_a_page():
    with App() as y:
        assert Stream(y.address, "/events?topic=feed").status == 401
        assert Stream(y.address, "/events?topic=orders").status == 200
