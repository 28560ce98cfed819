"""test_fronts.py - the first lines of the pages of HAProxy and of fcgiwrap.

As in test_blocks.py no test needs root: sudo, apt-get and service are stand-ins,
and paths are ours.  The configurations are as shipped, but for addresses.
"""

from claims import runs
from page import ROOT
from place import Place
from yard import ROOTED, free_port, put, until

EXAMPLES = "/usr/share/doc/largesse/examples"

# Debian's nginx and its first site, small.
NGINX = """%s
pid pid;
error_log error.log;
events { }
http { access_log off; include sites-available/default; }
"""
SITE = """server {
	listen 127.0.0.1:%d;
	server_name _;
}
"""


def stand_ins(p, **others):
    for name, script in dict(sudo='exec "$@"', apt_get="true",
                             **others).items():
        p.stands_for(name.replace("_", "-"), script)


def shipped(p, folder, file, *changes):
    """A file of deploy/ where the package has it, with other addresses."""
    text = (ROOT / "deploy" / folder / file).read_text()
    for old, new in changes:
        text = put(text, old, str(new))
    to = p.dir / "examples" / folder
    to.mkdir(parents=True, exist_ok=True)
    (to / file).write_text(text)


@runs("deploy/haproxy/README.md", "sudo apt-get install -y haproxy curl")
def test_haproxy_in_front(block):
    """service: it notes that it was asked; HAProxy is started by the test."""
    with Place(web=True) as p:
        port, etc = free_port(), p.dir / "haproxy"
        etc.mkdir()
        (etc / "haproxy.cfg").write_text(
            "global\n\tmaxconn 99\n\ndefaults\n\tmode tcp\n")
        stand_ins(p, service='[ "$*" = "haproxy restart" ] && touch restarted')
        shipped(p, "haproxy", "retry.http")
        shipped(p, "haproxy", "haproxy.cfg", ("127.0.0.1:8080",
                                              "127.0.0.1:%d" % port),
                ("/etc/haproxy", etc))
        *lines, health = block.text.splitlines(keepends=True)
        p.sh("".join(lines), (EXAMPLES, p.dir / "examples"),
             ("127.0.0.1:80/'", "127.0.0.1:%d/'" % p.yard.port),
             ("/etc/haproxy", etc))
        conf = (etc / "haproxy.cfg").read_text()
        assert "maxconn 99" in conf and "mode tcp" not in conf, conf
        assert (p.dir / "examples/haproxy/restarted").exists()
        p.start("haproxy -db -f %s/haproxy.cfg" % etc)
        assert p.sh(health, ("127.0.0.1:8080", "127.0.0.1:%d" % port)) == "ok\n"


@runs("deploy/fcgiwrap/README.md", "sudo apt-get install -y fcgiwrap curl")
def test_fcgiwrap_of_debian(block):
    """service: it asks nginx to reload, which the test has started."""
    with Place() as p:
        port, etc = free_port(), p.dir / "nginx"
        for folder in ("sites-available", "snippets"):
            (etc / folder).mkdir(parents=True)
        conf = etc / "nginx.conf"
        conf.write_text(NGINX % ("user root;" if ROOTED else ""))
        (etc / "sites-available/default").write_text(SITE % port)
        p.largesse("init", "events.db")
        real = "/usr/sbin/nginx -p %s -c %s" % (etc, conf)
        stand_ins(p, nginx='exec %s "$@"' % real, service=(
            '[ "$*" = "nginx reload" ] && exec %s -s reload' % real))
        shipped(p, "fcgiwrap", "events.conf",
                ("/run/fcgiwrap.socket", p.dir / "wrap"),
                ("/var/lib/largesse", p.dir))
        p.start("fcgiwrap -c 4 -s unix:%s/wrap" % p.dir)
        p.start(real + " -g 'daemon off;'")
        until("nginx runs", (etc / "pid").exists)
        said = p.sh(block.text, (EXAMPLES, p.dir / "examples"),
                    ("/etc/nginx", etc),
                    ("http://localhost/", "http://127.0.0.1:%d/" % port))
        assert said.endswith("ok\n"), said
