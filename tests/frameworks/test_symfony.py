"""test_symfony.py - deploy/frameworks/Largesse.php in Debian's Symfony, with
Doctrine's ORM and the page for Turbo."""

from kit import HERE, SHIPPED, App, Browser, comes_back, publishes, signs
from tap import each
from test_pages import vendor


@each("way", ["INSERT", "POST"])
def test_symfony_publishes_what_is_committed(way):
    with App(way, lambda app, port: ["php", "-S", "127.0.0.1:%d" % port,
                                     "app_symfony.php"],
             vendor=vendor("turbo"),
             files=[SHIPPED / "Largesse.php", HERE / "app_symfony.php"]
             ) as y, Browser() as browser:
        y.page("page.html", (SHIPPED / "turbo.html").read_text())
        page = browser.open(y.url + "/page.html")
        publishes(y, page)
        comes_back(y, page)
        signs(y)
