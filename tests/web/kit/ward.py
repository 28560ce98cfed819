"""ward.py - web servers with a fault that a test chooses, for the doctor.

A Ward is a Yard whose web servers are not those of deploy/ but such as people
have: each has a few directives, and a test changes one.  Tiers are given from
the inside out.  The innermost speaks with the responder, and each further one
with the tier before it.

What must stay true: except for the words a test changes, every tier is well.
"""

import os
import pathlib
import shutil
import socket
import subprocess

from yard import Yard, end_process, free_port, until

MODULES = "/usr/lib/apache2/modules"

# --- nginx

NGINX = """
worker_processes 1;
user www-data;
pid nginx.pid;
error_log error.log;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path tmp1;
	fastcgi_temp_path tmp2;
	proxy_temp_path tmp3;
	scgi_temp_path tmp4;
	uwsgi_temp_path tmp5;
	%(http)s
	server {
		listen 127.0.0.1:%(port)d%(listen)s;
		%(server)s
		location %(path)s {
			%(lines)s
		}
	}
}
"""

FASTCGI = {
    "fastcgi_pass": "unix:%(socket)s",
    "fastcgi_buffering": "off",
    "fastcgi_pass_header": "X-Accel-Buffering",
    "fastcgi_param REQUEST_METHOD": "$request_method",
    "fastcgi_param QUERY_STRING": "$query_string",
    "fastcgi_param PATH_INFO": "$below",
    "fastcgi_param REMOTE_ADDR": "$remote_addr",
    "fastcgi_param SERVER_PROTOCOL": "$server_protocol",
}

PROXY = {
    "proxy_pass": "http://127.0.0.1:%(behind)d",
    "proxy_http_version": "1.1",
    "proxy_set_header Connection": '""',
    "proxy_buffering": "off",
}


def nginx(inner, http="", server="", listen="",
          path="~ ^/events(?<below>/.*)?$", **change):
    """Directives of the location: None removes one, _ is a blank.

    fastcgi_param__QUERY_STRING=None, fastcgi_buffering="on"
    """
    lines = dict(FASTCGI if inner else PROXY)
    lines.update((k.replace("__", " "), v) for k, v in change.items())
    text = "\n\t\t\t".join("%s %s;" % line for line in lines.items()
                           if line[1] is not None)

    def configure(tier):
        values = dict(http=http, server=server, listen=listen, path=path,
                      lines=text % tier.values())
        for key in ("http", "server"):
            values[key] = values[key].replace("%(dir)s", str(tier.dir))
        tier.write("nginx.conf", NGINX % dict(values, port=tier.port))
        return ["nginx", "-p", str(tier.dir), "-c",
                str(tier.dir / "nginx.conf"), "-g", "daemon off;"]
    return configure


# --- lighttpd

LIGHTTPD = """
server.bind = "127.0.0.1"
server.port = %(port)d
server.username = "www-data"
server.groupname = "www-data"
server.document-root = "%(dir)s"
server.errorlog = "%(dir)s/error.log"
server.modules += ( "mod_%(mod)s", "mod_setenv", "mod_redirect" )
server.stream-response-body = %(stream)s
%(more)s
%(mod)s.server = ( "%(mount)s" => ( ( %(to)s ) ) )
"""


def lighttpd(inner, stream=2, more="", mount="/events"):
    def configure(tier):
        to = ('"socket" => "%(socket)s", "check-local" => "disable"' if inner
              else '"host" => "127.0.0.1", "port" => %(behind)d')
        tier.write("lighttpd.conf", LIGHTTPD % dict(
            tier.values(), stream=stream, more=more, mount=mount,
            mod="fastcgi" if inner else "proxy", to=to % tier.values(),
            dir=str(tier.dir)))
        return ["lighttpd", "-D", "-f", str(tier.dir / "lighttpd.conf")]
    return configure


# --- Apache

APACHE = """
%(load)s
User www-data
Group www-data
ServerName localhost
DefaultRuntimeDir .
PidFile apache2.pid
ErrorLog error.log
TypesConfig /dev/null
DocumentRoot "%(dir)s"
Timeout 60
Listen 127.0.0.1:%(port)d
%(lines)s
"""

APACHE_MODULES = """mpm_event authz_core authz_host alias headers setenvif
    env proxy filter deflate expires mime dir""".split()

FCGI = 'ProxyPass "/events" "unix:%(socket)s|fcgi://x/events" flushpackets=on'
HTTP = 'ProxyPass "/events" "http://127.0.0.1:%(behind)d/events"'
AUTH = '<Location "/events">\nCGIPassAuth On\n</Location>'
PATH = ('<Location "/events">\nProxyFCGISetEnvIf '
        '"%%{REQUEST_URI} =~ m#^/events(/.*)$#" PATH_INFO "$1"\n</Location>')
FCGID = """
Alias "/events" "%(program)s"
FcgidInitialEnv LARGESSE_DB %(log)s
FcgidInitialEnv LARGESSE_HEARTBEAT 2
<Location "/events">
	SetHandler fcgid-script
	Options +ExecCGI
	Require all granted
	CGIPassAuth On
</Location>
"""


def apache(inner, *lines, modules=()):
    """The lines as given, with %(socket)s and the like filled in."""
    lines = lines or ((FCGI, AUTH, PATH) if inner else (HTTP,))

    def configure(tier):
        names = [*APACHE_MODULES, "proxy_fcgi" if inner else "proxy_http",
                 *modules]
        load = "\n".join("LoadModule %s_module %s/mod_%s.so" % (
            name, MODULES, name) for name in names)
        tier.write("apache2.conf", APACHE % dict(
            load=load, dir=str(tier.dir), port=tier.port,
            lines="\n".join(lines) % tier.values()))
        return ["apache2", "-d", str(tier.dir), "-f",
                str(tier.dir / "apache2.conf"), "-DFOREGROUND"]
    return configure


# --- HAProxy

HAPROXY = """
defaults
	mode http
	timeout connect 5s
	timeout client %(client)s
	timeout server %(server)s
frontend site
	bind 127.0.0.1:%(port)d
	%(more)s
	default_backend site
backend site
	server behind 127.0.0.1:%(behind)d
"""


def haproxy(client="60s", server="60s", more=""):
    def configure(tier):
        tier.write("haproxy.cfg", HAPROXY % dict(
            tier.values(), client=client, server=server, more=more))
        return ["haproxy", "-db", "-f", str(tier.dir / "haproxy.cfg")]
    return configure


# --- one tier, and all of them

class Tier:
    def __init__(self, ward, n, configure, behind):
        self.ward, self.behind = ward, behind
        self.dir = ward.dir / ("tier-%d" % n)
        self.dir.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.dir, "www-data", "www-data")
        for _ in range(5):
            self.port = free_port()
            if self.start(configure):
                return
        raise RuntimeError("tier %d does not start: %s" % (
            n, (self.dir / "tier.log").read_text()))

    def values(self):
        return dict(port=self.port, behind=self.behind or 0,
                    socket=self.ward.path, log=self.ward.log,
                    program=self.ward.copy_of_program(), dir=str(self.dir))

    def write(self, name, text):
        (self.dir / name).write_text(text)

    def start(self, configure):
        argv = configure(self)
        with open(self.dir / "tier.log", "ab") as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log, cwd=self.dir)
        return until("%s listens" % argv[0],
                     lambda: self.listens(argv[0])) == "yes"

    def listens(self, name):
        """Apache listens, closes the socket, and reads its files again."""
        if self.proc.poll() is not None:
            return "no"
        if name == "apache2" and "resuming normal operations" not in (
                self.error_log()):
            return None
        with socket.socket() as s:
            return ("yes" if s.connect_ex(("127.0.0.1", self.port)) == 0
                    else None)

    def error_log(self):
        path = self.dir / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Ward(Yard):
    """tiers: what nginx() and the others return, the innermost first."""

    def __init__(self, *tiers, options=(), responder=True, share=False):
        self.tiers = []
        super().__init__("ward", "socket", start=False,
                         options=["--heartbeat", "2", *options])
        if share:                       # with the user of the responder
            self.share_log()
        if responder:
            self.start_responder()
            until("the responder is up", lambda: "listening" in (
                self.dir / "responder.log").read_text())
        self.port = free_port()         # not used without a tier
        for configure in tiers:
            self.add(configure)

    def add(self, configure):
        """Add a tier in front of the others."""
        n = len(self.tiers)
        self.tiers.append(Tier(self, n, configure,
                               self.port if n else None))
        self.port = self.tiers[-1].port

    def logs(self):
        yield from super().logs()
        for tier in self.tiers:
            for path in sorted(tier.dir.glob("*.log")):
                text = path.read_text(errors="replace").strip()
                if text:
                    yield "%s/%s" % (tier.dir.name, path.name), text[-3000:]

    def close(self):
        for tier in reversed(self.tiers):
            end_process(tier.proc)
        super().close()


def certificate(folder):
    """A key and a certificate for localhost that nobody trusts."""
    folder = pathlib.Path(folder)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(folder / "key.pem"),
                    "-out", str(folder / "cert.pem")],
                   check=True, capture_output=True)
