"""test_django.py - deploy/frameworks/largesse_django.py in Debian's Django, with
the page for htmx."""

from kit import HERE, SHIPPED, App, Browser, comes_back, publishes, signs
from tap import each
from test_pages import vendor


@each("way", ["INSERT", "other file", "POST"])
def test_django_publishes_what_is_committed(way):
    """INSERT into the application's database, or into a log of its own."""
    with App(way, lambda app, port: ["/usr/bin/python3", "app_django.py",
                                     str(port)],
             env={"PYTHONDONTWRITEBYTECODE": "1"}, vendor=vendor("htmx"),
             files=[SHIPPED / "largesse_django.py", HERE / "app_django.py"]
             ) as y, Browser() as browser:
        y.page("page.html", (SHIPPED / "htmx.html").read_text())
        page = browser.open(y.url + "/page.html")
        publishes(y, page)
        comes_back(y, page)
        signs(y)
