"""real.py - real servers before a site, each as Debian has it, or nearly.

A configuration says where to listen and where the site is, and what its name
promises; all else is the server's default.
"""

import shutil
import subprocess

from fronts import listens
from yard import end_process, free_port, until

NGINX = """
daemon off; pid nginx.pid; error_log error.log;
events { }
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f;
	uwsgi_temp_path u; scgi_temp_path s;
	server {
		listen 127.0.0.1:PORT%s;
		ssl_certificate cert.pem; ssl_certificate_key cert.pem;
		location / { proxy_pass http://127.0.0.1:BEHIND; %s }
	}
}
"""
VARNISH = """
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "BEHIND"; }
%s
"""
SQUID = """
http_port 127.0.0.1:PORT accel defaultsite=localhost
cache_peer 127.0.0.1 parent BEHIND 0 no-query originserver
http_access allow all
visible_hostname localhost
pid_filename DIR/squid.pid
cache_log DIR/cache.log
access_log none
coredump_dir DIR
shutdown_lifetime 0 seconds
%s
"""
HAPROXY = """
defaults
	mode http
	timeout connect 5000
	timeout client 50000
	timeout server 50000
frontend us
	bind 127.0.0.1:PORT
	default_backend site
backend site
	server one 127.0.0.1:BEHIND
"""
CADDY = """
{
	admin off
}
http://127.0.0.1:PORT {
	reverse_proxy 127.0.0.1:BEHIND
}
"""
H2O = """
listen:
  host: 127.0.0.1
  port: PORT
hosts:
  default:
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:BEHIND/"
"""
STUNNEL = """
foreground = yes
pid =
[site]
accept = 127.0.0.1:PORT
connect = 127.0.0.1:BEHIND
cert = DIR/cert.pem
"""
NGINX_ARGS = ["nginx", "-p", "DIR", "-c", "DIR/conf"]
VARNISH_ARGS = ["varnishd", "-F", "-n", "DIR/work", "-j", "none", "-a",
                "127.0.0.1:PORT", "-f", "DIR/conf", "-s", "malloc,32m"]

# Its configuration, and how it is started; PORT, BEHIND and DIR are filled in.
FRONTS = {
    "nginx": (NGINX % ("", ""), NGINX_ARGS),
    "nginx-buffers": (NGINX % (
        "", "proxy_ignore_headers X-Accel-Buffering;"), NGINX_ARGS),
    "nginx-gzip": (NGINX % (
        "", "gzip on; gzip_proxied any; gzip_types text/event-stream;"
        "proxy_ignore_headers X-Accel-Buffering;"), NGINX_ARGS),
    "nginx-h2": (NGINX % (" ssl http2", ""), NGINX_ARGS),
    "varnish": (VARNISH % "", VARNISH_ARGS),
    "varnish-holds": (VARNISH % (
        "sub vcl_backend_response { set beresp.do_stream = false; }"),
        VARNISH_ARGS),
    "squid": (SQUID % "", ["squid", "-N", "-f", "DIR/conf"]),
    "haproxy": (HAPROXY, ["haproxy", "-db", "-f", "DIR/conf"]),
    "caddy": (CADDY, ["caddy", "run", "--adapter", "caddyfile",
                      "--config", "DIR/conf"]),
    "h2o": (H2O, ["h2o", "-c", "DIR/conf"]),
    "stunnel": (STUNNEL, ["stunnel4", "DIR/conf"]),
}
TLS = ["nginx-h2", "stunnel"]


class Front:
    """A server that listens, before what listens on a port of this host."""

    def __init__(self, y, name, behind):
        self.name, self.behind = name, behind
        self.dir = y.dir / ("%s-%d" % (name, len(y.front)))
        self.dir.mkdir()
        self.dir.chmod(0o777)       # some become another user
        self.certificate()
        for _ in range(5):
            if self.start():
                return
        raise RuntimeError("%s does not start: %s" % (
            name, (self.dir / "log").read_text()))

    def certificate(self):
        pem = str(self.dir / "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                        "-nodes", "-days", "9", "-subj", "/CN=localhost",
                        "-keyout", pem, "-out", pem + ".crt"], check=True,
                       capture_output=True)
        with open(pem, "a") as f:
            f.write((self.dir / "cert.pem.crt").read_text())

    def fill(self, text):
        return text.replace("PORT", str(self.port)).replace(
            "BEHIND", str(self.behind)).replace("DIR", str(self.dir))

    def configuration(self):
        return FRONTS[self.name]

    def start(self):
        self.port = free_port()
        conf, argv = self.configuration()
        (self.dir / "conf").write_text(self.fill(conf))
        with open(self.dir / "log", "ab") as log:
            self.proc = subprocess.Popen(
                [shutil.which(argv[0]), *map(self.fill, argv[1:])],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.dir, env={"HOME": str(self.dir),
                                   "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        return until("%s listens" % self.name, lambda: listens(
            self.proc, self.port)) == "yes"

    address = property(lambda self: ("127.0.0.1", self.port))
    url = property(lambda self: "https://127.0.0.1:%d" % self.port)

    def stop(self):
        end_process(self.proc)
