"""host.py - a shared host: Debian's own Apache, and a site of an unprivileged
user with the upload folder in it.

The administrator's part is in HOST and in what a test gives: the overrides
that .htaccess files may use, the modules, and how PHP is run.  The user's part
is the folder, with the changes that he makes in it.

	php: suexec	php-cgi as the site's user, by suEXEC, for each request
	     fcgid	the same by mod_fcgid, which keeps it
	     fpm	a pool of php-fpm that runs as the site's user
	     module	mod_php, which runs as www-data for all sites
	     none	the host has no PHP
"""

import re
import sqlite3

from client import Follower, Stream
from fronts import listens
from machine import Machine
from yard import PATIENCE, ROOT, free_port, put, until

HOST = """
<VirtualHost 127.0.0.1:%(port)d>
	ServerName localhost
	DocumentRoot /home/site/public_html
	SuexecUserGroup site site
	<Directory /home/site/public_html>
		Require all granted
		AllowOverride %(overrides)s
	</Directory>
%(more)s
</VirtualHost>
"""

PHP = {
    "suexec": """
	ScriptAlias /php-bin/ /home/site/php-bin/
	<Directory /home/site/php-bin>
		Require all granted
	</Directory>
	Action application/x-httpd-php /php-bin/php
	<FilesMatch "\\.php$">
		SetHandler application/x-httpd-php
	</FilesMatch>
""",
    "fcgid": """
	<FilesMatch "\\.php$">
		SetHandler fcgid-script
		FcgidWrapper /home/site/php-bin/php
		Options +ExecCGI
	</FilesMatch>
""",
    "fpm": """
	<FilesMatch "\\.php$">
		SetHandler "proxy:unix:/run/php/site.sock|fcgi://site"
	</FilesMatch>
""",
    "module": "",
    "none": "",
}

POOL = """
[site]
user = site
group = site
listen = /run/php/site.sock
listen.owner = www-data
pm = static
pm.max_children = 4
"""

BRINGS = {"module": ["php8.2"], "fcgid": ["fcgid"]}     # these modules

# Others that Debian has on stay on, but for PHP and what runs programs.
MODULES = ("cgid", "suexec", "actions", "rewrite", "proxy", "proxy_fcgi")
RULE = "RewriteRule ^events(/.*)?$ %s$1 [L]"


class Host(Machine):
    def __init__(self, php="suexec", overrides="All", modules=MODULES,
                 more="", way="largesse.cgi", root="upload"):
        self.php, self.way = php, way
        super().__init__(root)
        self.streams = []
        for name in ("site", "neighbour"):
            self.user(name)
        self.folder = self.put(ROOT / "build/upload",
                               "/home/site/public_html/push", "site")
        self.log = self.folder / "data/events.db"
        self.go(way)
        self.start_php()
        self.start_apache(overrides, modules, PHP[php] + more)

    # --- what the administrator does

    def start_php(self):
        if self.php in ("suexec", "fcgid"):
            self.write("/home/site/php-bin/php",
                       "#!/bin/sh\nexec /usr/bin/php-cgi\n", "site", 0o755)
        elif self.php == "fpm":
            self.path("/etc/php/8.2/fpm/pool.d/www.conf").unlink()
            self.write("/etc/php/8.2/fpm/pool.d/site.conf", POOL)
            self.path("/run/php").mkdir(exist_ok=True)
            self.fpm = self.start(["php-fpm8.2", "-F"], "fpm")
            until("php-fpm listens", self.path("/run/php/site.sock").exists)

    def start_apache(self, overrides, modules, more):
        """Debian's own configuration, with a site of ours and a port."""
        event = "mpm_prefork" if self.php == "module" else "mpm_event"
        for name in ("php8.2", "mpm_prefork", "mpm_event", "cgid", "fcgid"):
            self.switch(name, False)
        for name in (event, *modules, *BRINGS.get(self.php, ())):
            self.switch(name, True)
        self.write("/etc/apache2/suexec/www-data", "/home\npublic_html\n")
        self.write("/etc/apache2/conf-enabled/name.conf",
                   "ServerName localhost\n")
        self.path("/etc/apache2/sites-enabled/000-default.conf").unlink()
        for _ in range(5):
            self.port = free_port()
            self.write("/etc/apache2/ports.conf",
                       "Listen 127.0.0.1:%d\n" % self.port)
            self.write("/etc/apache2/sites-enabled/site.conf", HOST % {
                "port": self.port, "overrides": overrides, "more": more})
            self.apache = self.start(
                ["sh", "-c", ". /etc/apache2/envvars && mkdir -p "
                 "$APACHE_RUN_DIR $APACHE_LOCK_DIR && exec apache2 "
                 "-DFOREGROUND"], "apache")
            if until("Apache listens", lambda: listens(
                    self.apache, self.port)) == "yes":
                return
            self.servers.remove(self.apache)
        raise RuntimeError("Apache does not start")

    def switch(self, module, on):
        """What a2enmod and a2dismod do, which take a second each; but what a
        module needs has to be named, too."""
        for end in (".load", ".conf"):
            there = self.path("/etc/apache2/mods-available/" + module + end)
            link = self.path("/etc/apache2/mods-enabled/" + module + end)
            link.unlink(missing_ok=True)
            if on and there.exists():
                link.symlink_to("../mods-available/" + module + end)

    # --- what the user does

    def go(self, way):
        """Changes the one word of .htaccess, in one step."""
        rules = (ROOT / "build/upload/.htaccess").read_text()
        new = self.write("/home/site/public_html/push/.htnew", put(
            rules, RULE % "largesse.cgi", RULE % way), "site")
        new.replace(self.folder / ".htaccess")
        self.way = way

    def edit(self, name, *changes, owner="site"):
        """Changes words of a file of the folder."""
        path = self.folder / name
        text = path.read_text()
        for old, new in changes:
            text = put(text, old, new)
        path.write_text(text)

    def age(self, seconds):
        """Streams of both programs end after so long."""
        for name in ("largesse.cgi", "largesse.fcgi"):
            path = self.folder / name
            path.write_text(re.sub("MAX_AGE=[0-9]+",
                                   "MAX_AGE=%d" % seconds, path.read_text()))

    def insert(self, data, topic="main", user="site"):
        """As a program of the user does it."""
        self.run(["sqlite3", "-cmd", ".timeout 20000",
                  "/home/site/public_html/push/data/events.db",
                  "INSERT INTO events(topic, data) VALUES('%s', '%s')" % (
                      topic, data)], user=user)

    def rows(self):
        db = sqlite3.connect(self.log, timeout=20)
        found = db.execute("SELECT topic, data FROM events").fetchall()
        db.close()
        return found

    # --- clients

    address = property(lambda self: ("127.0.0.1", self.port))

    def stream(self, query="", **kw):
        s = Stream(self.address, "/push/events" + query, **kw)
        self.streams.append(s)
        return s

    def follow(self, query="", **kw):
        return Follower(self.address, "/push/events" + query, **kw)

    def get(self, target, timeout=PATIENCE, **kw):
        """A response that ends: the Stream and its body."""
        s = Stream(self.address, target, timeout=timeout, **kw)
        self.streams.append(s)
        return s, s.rest(timeout)

    def close(self):
        for s in self.streams:
            s.close()
        super().close()
