"""test_express.py - deploy/frameworks/express.mjs in Express, as npm has it, on a
Node that has SQLite built in."""

import platform

from kit import (HERE, NODE_MODULES, SHIPPED, App, Browser, comes_back,
                 publishes, signs)
from tap import each

NODE = NODE_MODULES / ("node-linux-%s/bin/node" % {
    "x86_64": "x64", "aarch64": "arm64"}.get(platform.machine()))


@each("way", ["INSERT", "POST"])
def test_express_publishes_what_is_committed(way):
    with App(way, lambda app, port: [str(NODE), "app_express.mjs", str(port)],
             env={"NODE_MODULES": str(NODE_MODULES)},
             files=[SHIPPED / "express.mjs", SHIPPED / "eventsource.html",
                    HERE / "app_express.mjs"]) as y, Browser() as browser:
        page = browser.open(y.url + "/app/")
        publishes(y, page)
        comes_back(y, page)
        signs(y)
