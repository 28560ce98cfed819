"""test_path_data.py - the lines of "deploy/recipes/README.md", on the site of
test_path.py: the log in an application's SQLite file, and an outbox in Debian's
PostgreSQL and MariaDB.
"""

import roots
from tap import each
from test_path import (HEALTH, INSTALL, README, STEPS, TELL, Reader, install,
                       machine)
from yard import until

PAGE = "deploy/recipes/README.md"
SHOP = "/srv/shop/shop.db"
roots.ROOTS["path-data"] = (
    "path", "postgresql mariadb-server python3-psycopg2 python3-pymysql")


def serve(m):
    readme = Reader(README, STEPS)
    install(m, readme.take(INSTALL))
    m.paste(readme.take(TELL["nginx"]))
    m.paste(readme.take(HEALTH))


def schema(m):
    return m.run(["runuser", "-u", "www-data", "--", "sqlite3", SHOP,
                  ".schema --nosys"]).stdout


def test_path_of_data_in_sqlite():
    with machine("nginx") as m:
        serve(m)
        m.run(["install", "-d", "-o", "www-data", "-g", "www-data",
               "/srv/shop"])
        m.run(["runuser", "-u", "www-data", "--", "sqlite3", SHOP,
               "CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT)"])
        own = schema(m)
        page = Reader(PAGE, "## SQLite: the same file")
        m.paste(page.take("sudo chgrp"))
        m.systemd.obey()
        recipe = "/usr/share/doc/largesse/examples/recipes/publish.sh"
        m.run(["runuser", "-u", "www-data", "--", "sh", recipe, SHOP, "news",
               "apple"])
        until("it comes", lambda: m.brings("apple"))
        block = page.take("sudo systemctl stop")
        stop, drop = block.split("\n", 1)
        m.paste(stop)
        m.systemd.obey()
        m.paste(drop)
        assert schema(m) == own
        page.end()


BASES = {
    "postgresql": ("## PostgreSQL: an outbox",
                   "CREATE TABLE orders(id serial, item text)",
                   ["runuser", "-u", "postgres", "--", "psql", "-v",
                    "ON_ERROR_STOP=1", "shop"],
                   ["runuser", "-u", "postgres", "--", "createdb", "shop"]),
    "mariadb": ("## MySQL and MariaDB: an outbox",
                "CREATE TABLE orders(id int AUTO_INCREMENT PRIMARY KEY,"
                " item text)",
                ["mariadb", "shop"],
                ["mariadb", "-e", "CREATE DATABASE shop"]),
}


@each("base", BASES)
def test_path_of_data_in(base):
    heading, orders, client, make = BASES[base]
    with machine("nginx", "path-data") as m:
        serve(m)
        m.run(["service", base, "start"])
        until("%s answers" % base, lambda: m.run(
            client[:-1] + (["postgres"] if base == "postgresql" else []),
            input="SELECT 1;", check=False).returncode == 0)
        m.run(make)
        m.run(client, input=orders + ";")
        page = Reader(PAGE, heading)
        m.paste(page.take("sudo apt-get install -y"))
        m.systemd.obey()
        change = Reader(PAGE, BASES["postgresql"][0]).take("BEGIN;")
        page.left = [block for block in page.left if block != change]
        page.end()
        m.run(client, input=change)
        until("it comes", lambda: m.brings(
            "apple", "/events?topic=orders&last=10&poll&age=20"))
