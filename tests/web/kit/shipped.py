"""shipped.py - puts the files of deploy/ where the servers find them.

Only paths, ports and options are filled in, and what the test itself changes.
"""

import subprocess

from fronts import DEPLOY, SELF
from yard import put

SOCKET = "/run/largesse/largesse.sock"
PROGRAM = "/usr/local/bin/largesse"
LOG = "/var/lib/largesse/events.db"


class Shipped:
    """The part of a Site that writes configurations."""

    def add_status(self, main, old, new, *changes):
        """Includes status.conf, with a port of ours and with the socket."""
        if self.status_port:
            self.ship("status.conf",
                      ("127.0.0.1:8082", "127.0.0.1:%d" % self.status_port),
                      ("/usr/share/largesse", str(DEPLOY / "www")), *changes)
            self.edit(main, old, new)

    def ship(self, name, *changes, folder=None):
        shipped = (DEPLOY / (folder or self.web) / name).read_text()
        text = self.changes.apply(shipped)
        for old, new in changes:
            put(shipped, old, new)
            text = text.replace(old, new)
        (self.dir / name).write_text(text)

    ours = property(lambda self: ((PROGRAM, str(self.program)),
                                  (LOG, str(self.log))))

    def options_as(self, template):
        """The options except --db, as environment, one a line."""
        return "".join(template % pair for pair in self.environment()
                       if pair[0] != "LARGESSE_DB")

    def configure_nginx(self):
        self.ship("nginx.conf", (SELF, "127.0.0.1:%d" % self.port))
        self.ship("events-many.conf")
        self.ship("behind.conf")
        if self.h2_port:
            self.add_h2()
        if self.how == "fcgiwrap":
            self.ship("events.conf", *self.ours,
                      ("/run/fcgiwrap.socket", self.path),
                      ("NO_BUFFERING 1;", "NO_BUFFERING 1;\n" +
                       self.options_as("fastcgi_param %s %s;\n")),
                      folder="fcgiwrap")
        else:
            self.ship("events.conf", ("unix:" + SOCKET, (
                "127.0.0.1:%d" % self.tcp_port if self.how == "tcp" else
                "unix:" + self.path)))
        self.ship("handover.conf", (SOCKET, self.path))
        self.ship("upstream.conf")
        self.add_status("nginx.conf", "\tserver {",
                        "\tinclude status.conf;\n\tserver {",
                        (SOCKET, self.path))
        return ["nginx", "-p", str(self.dir), "-c",
                str(self.dir / "nginx.conf"), "-g", "daemon off;"]

    def add_h2(self):
        key, cert = self.dir / "key.pem", self.dir / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                        "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                        "-subj", "/CN=localhost"], check=True,
                       capture_output=True)
        self.ship("site-h2.conf",
                  ("127.0.0.1:8443", "127.0.0.1:%d" % self.h2_port),
                  ("/etc/ssl/private/largesse.key", str(key)),
                  ("/etc/ssl/certs/largesse.pem", str(cert)))
        self.edit("nginx.conf", "\tserver {",
                  "\tinclude site-h2.conf;\n\tserver {")

    def configure_lighttpd(self):
        self.ship("lighttpd.conf", ("server.port = 8080",
                                    "server.port = %d" % self.port))
        self.ship("retry.conf", ("/etc/lighttpd/largesse", str(self.dir)))
        self.ship("retry.shtml")
        self.ship("handover.conf")
        self.ship("behind.conf")
        name = {"bin-path": "events-bin.conf",
                "cgi": "events-cgi.conf"}.get(self.how, "events.conf")
        if name == "events.conf":
            self.ship(name, ('"socket" => "%s"' % SOCKET,
                             '"host" => "127.0.0.1", "port" => %d' %
                             self.tcp_port if self.how == "tcp" else
                             '"socket" => "%s"' % self.path))
        else:
            log = '"LARGESSE_DB" => "%s"' % self.log
            self.ship(name, self.ours[0],
                      ('"LARGESSE_DB" => "%s"' % LOG,
                       log + self.options_as(', "%s" => "%s"')),
                      *[("/run/lighttpd/largesse.sock", self.path)] *
                      (self.how == "bin-path"))
            self.edit("lighttpd.conf", '"events.conf"', '"%s"' % name)
        self.add_status("lighttpd.conf", 'include "retry.conf"',
                        'include "retry.conf"\ninclude "status.conf"')
        return ["lighttpd", "-D", "-f", str(self.dir / "lighttpd.conf")]

    def configure_apache(self):
        self.ship("apache2.conf", (SELF, "127.0.0.1:%d" % self.port))
        self.ship("retry.asis")
        self.ship("handover.conf")
        self.ship("behind.conf")
        self.ship("retry.conf", ("/etc/apache2/largesse", str(self.dir)))
        if self.how in ("fcgid", "cgid"):
            name = "events-%s.conf" % self.how
            word = {"fcgid": "FcgidInitialEnv", "cgid": "SetEnv"}[self.how]
            self.ship(name, *self.ours)
            self.edit("apache2.conf", "Include events.conf", "\n".join((
                "LoadModule %s_module "
                "/usr/lib/apache2/modules/mod_%s.so" % (self.how, self.how),
                "LoadModule env_module "
                "/usr/lib/apache2/modules/mod_env.so",
                self.options_as(word + " %s %s\n"), "Include " + name)))
        else:
            self.ship("events.conf", (SOCKET, self.path))
        self.add_status("apache2.conf", "Include retry.conf",
                        "Include retry.conf\nInclude status.conf",
                        (SOCKET, self.path))
        return ["apache2", "-d", str(self.dir), "-f", "apache2.conf",
                "-DFOREGROUND"]

    def edit(self, name, old, new):
        path = self.dir / name
        path.write_text(put(path.read_text(), old, new))
