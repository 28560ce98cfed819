"""test_rails.py - deploy/frameworks/largesse.rb in Debian's Rails, with Turbo as npm
has it.  The page and what is sent of an order are templates of Rails."""

from kit import HERE, SHIPPED, App, Browser, comes_back, publishes, signs
from tap import each
from test_pages import vendor


@each("way", ["INSERT", "POST"])
def test_rails_publishes_what_is_committed(way):
    """And what was changed or removed is so in the page."""
    with App(way, lambda app, port: ["ruby", "app_rails.rb", str(port)],
             vendor=vendor("turbo"),
             files=[SHIPPED / "largesse.rb", HERE / "app_rails.rb"]
             ) as y, Browser() as browser:
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
