"""test_rails.py - deploy/frameworks/largesse.rb in Debian's Rails, with Turbo as npm
has it.  The page and what is sent of an order are templates of Rails."""

import time

from kit import HERE, SHIPPED, App, Browser, comes_back, publishes, signs
from tap import each
from test_pages import TURBO, vendor
from yard import until


def rails(way):
    return App(way, lambda app, port: ["ruby", "app_rails.rb", str(port)],
               vendor=vendor("turbo"),
               files=[SHIPPED / "largesse.rb", HERE / "app_rails.rb"])


@each("way", ["INSERT", "POST"])
def test_rails_publishes_what_is_committed(way):
    """And what was changed or removed is so in the page."""
    with rails(way) as y, Browser() as browser:
        page = browser.open(y.url + "/app/")
        publishes(y, page)
        comes_back(y, page)
        assert y.post("change", item="after", to="changed")[0] == 200
        assert y.post("remove", item="meanwhile")[0] == 200
        page.shows("one", "two", "three", "four", "changed", changing=True)
        # A new page has the list, and of the last minute all changes once more.
        again = browser.open(y.url + "/app/")
        again.shows(*["refused"] * (way == "POST"), "one", "two", "three",
                    "four", "changed", changing=True)
        signs(y)


@each("reader", ["EventSource", "largesse.js"])
def test_rails_page_goes_on_when_an_address_expires(reader):
    """The page asks for itself again, as long as its visitor may see it."""
    with rails("INSERT") as y, Browser() as browser:
        page = browser.open(y.url + "/app/feed" +
                            "?with=it" * (reader == "largesse.js"))
        log, said = y.dir / "access.log", []

        def publish():
            said.append("%d" % len(said))
            y.insert(TURBO.replace("orders", "feed").format(said[-1]), "feed")
            time.sleep(0.1)
            return log.read_text().count("GET /app/feed") > 3
        until("three addresses were asked for", publish)
        page.shows(*said, selector="#feed li")
        (y.app / "closed").touch()
        until("it is refused", lambda: any(
            "GET /app/feed" in line and '" 403 ' in line
            for line in log.read_text().splitlines()))
