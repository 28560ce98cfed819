"""test_laravel.py - deploy/frameworks/LargesseBroadcaster.php in Debian's Laravel, and
echo-largesse.js in npm's Laravel Echo."""

import json
import time
import urllib.error
import urllib.request

from client import Stream
from kit import HERE, SHIPPED, App, Browser, comes_back, publishes, signs
from tap import each
from yard import until


class Laravel(App):
    def __init__(self, way, **env):
        super().__init__(
            way, lambda app, port: ["php", "-S", "127.0.0.1:%d" % port,
                                    "app_laravel.php"], env=env,
            vendor=[("laravel-echo/dist/echo.js", "echo.js")],
            files=[SHIPPED / "LargesseBroadcaster.php",
                   HERE / "app_laravel.php"])
        self.page("echo.html", (HERE / "echo.html").read_text())
        self.page("echo-largesse.js",
                  (SHIPPED / "echo-largesse.js").read_text())

    def echo(self, browser, user, *channels, more=""):
        page = browser.open("%s/echo.html?user=%d%s" % (self.url, user, more))
        until("Echo has subscribed to all that it may", lambda: sorted(
            page.ask("window.subscribed ?? []")) == sorted(channels))
        return page

    def auth(self, user, *channels):
        """The address that Laravel gives to this user, or the status."""
        request = urllib.request.Request(
            self.url + "/app/broadcasting/auth",
            json.dumps({"channel_name": channels}).encode(),
            {"Content-Type": "application/json", "Accept": "application/json",
             **({"X-User": str(user)} if user else {})})
        try:
            with urllib.request.urlopen(request, timeout=100) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as e:
            with e:
                return e.code

    def private(self, item, channel="orders.1"):
        status, text = self.post("private", item=item, channel=channel)
        assert status == 200, text[:500]


@each("way", ["INSERT", "other file", "POST"])
def test_laravel_broadcasts_what_is_committed(way):
    with Laravel(way) as y, Browser() as browser:
        page = y.echo(browser, 1, "orders", "private-orders.1",
                      "private-open.1")
        publishes(y, page)
        y.private("mine")
        page.shows("mine", selector="#private li")
        comes_back(y, page)
        y.private("mine, too")
        page.shows("mine", "mine, too", selector="#private li")
        assert page.ask("window.gaps") == 0
        signs(y)


def test_echo_tells_which_channels_are_refused():
    """The others go on.  A name that stands for more than one is refused."""
    with Laravel("INSERT") as y, Browser() as browser:
        page = y.echo(browser, 2, "orders", "private-open.1")
        until("it has been told", lambda: sorted(
            page.texts("#refused li")) == [
                "private-* 200", "private-open.* 200", "private-orders.1 200"])
        y.private("not for them")
        y.private("for all users", "open.1")    # by the same stream
        page.shows("for all users", selector="#open li")
        assert page.texts("#private li") == []


def test_laravel_gives_nobody_an_address_of_more():
    with Laravel("INSERT") as y:
        assert y.auth(1, "private-orders.1")["channels"] == ["private-orders.1"]
        for names in (["*"], ["private-*"], ["private-open.*"], ["orders"],
                      ["private-open.1\n"], ["private-orders.2"], ["secret"],
                      ["private-encrypted-open.1"], [["private-open.1"]], []):
            assert y.auth(1, *names) == 403, names
        assert y.auth(None, "private-open.1") == 403
        both = y.auth(1, "private-open.1", "secret", "private-orders.2")
        assert both["channels"] == ["private-open.1"]
        assert "secret" not in both["url"] and "orders" not in both["url"]
        assert Stream(y.address, both["url"]).status == 200
        assert Stream(y.address, both["url"].replace(
            "open.1", "orders.2")).status == 401


def test_echo_goes_on_when_an_address_expires():
    """Each address is good for two seconds, so it is asked for again and again."""
    with Laravel("INSERT", SECONDS="2") as y, Browser() as browser:
        page = y.echo(browser, 1, "orders", "private-orders.1",
                      "private-open.1")
        log = y.dir / "access.log"
        said = []
        until("three addresses were asked for", lambda: (
            y.private("%d" % len(said)), said.append("%d" % len(said)),
            time.sleep(0.1), log.read_text().count("/broadcasting/auth") >= 3)[-1])
        y.private("last")
        page.shows(*said, "last", selector="#private li")
        assert page.ask("window.gaps") == 0


def test_streams_of_a_user_of_laravel_can_be_ended():
    with Laravel("INSERT") as y:
        one, two = (y.auth(user, "private-open.1")["url"] for user in (1, 2))
        streams = [Stream(y.address, url).started() for url in (one, two)]
        y.sqlite3("INSERT INTO largesse_revoke(subject) VALUES('1')")
        streams[0].rest()
        assert Stream(y.address, one).status == 401
        y.private("heard", "open.1")
        assert "heard" in streams[1].data(1)[0]
        for stream in streams:
            stream.close()


def test_echo_is_told_of_a_gap():
    """What it has missed was removed meanwhile: error() hears so, once."""
    with Laravel("INSERT") as y, Browser() as browser:
        page = y.echo(browser, 1, "orders", "private-orders.1",
                      "private-open.1")
        y.order("heard")
        page.shows("heard")
        y.leave()
        y.order("missed")
        y.order("kept")
        y.run("prune", str(y.log), "--keep-rows", "1")
        y.come_back()
        page.shows("heard", "kept")
        assert page.ask("window.gaps") > 0


def test_echo_takes_largesse_js_in_place_of_eventsource():
    with Laravel("INSERT") as y, Browser() as browser:
        page = y.echo(browser, 1, "orders", "private-orders.1",
                      "private-open.1", more="&js=1")
        assert page.ask("echo.connector.lines.every(({ source }) => "
                        "source.constructor.name !== 'EventSource')")
        y.order("one")
        y.private("mine")
        page.shows("one")
        comes_back(y, page)
        page.shows("mine", selector="#private li")
        assert page.ask("window.gaps") == 0


def test_echo_hears_all_but_its_own_with_to_others():
    with Laravel("INSERT") as y, Browser() as browser:
        channels = "orders", "private-orders.1", "private-open.1"
        one, two = (y.echo(browser, 1, *channels) for _ in range(2))
        one.ask("""fetch("/app/others", { method: "POST",
            headers: { "X-Socket-ID": echo.socketId() },
            body: new URLSearchParams({ item: "to others" }) })""")
        two.shows("to others")
        y.order("to all")
        two.shows("to others", "to all")
        one.shows("to all")


def test_echo_stays_silent_on_a_channel_that_was_left():
    """And its stream is closed with its last channel."""
    with Laravel("INSERT") as y, Browser() as browser:
        page = y.echo(browser, 1, "orders", "private-orders.1",
                      "private-open.1")
        y.private("heard")
        page.shows("heard", selector="#private li")
        page.ask("echo.leave('orders.1')")
        y.private("not heard")
        y.private("after it", "open.1")         # by the same stream
        page.shows("after it", selector="#open li")
        assert page.texts("#private li") == ["heard"]
        assert page.ask("echo.connectionStatus()") == "connected"
        page.ask("echo.leaveAllChannels()")
        assert page.ask("echo.connectionStatus()") == "disconnected"
        for what in "join('r').here(() => 0)", "private('r').whisper('x', {})":
            assert "largesse has no" in page.ask(
                "(() => { try { echo.%s; } catch (e) { return String(e); } })()" % what)
