"""test_fronts.py - what the doctor says of servers that `make check` has not:
Varnish, Squid, Caddy and H2O, as Debian has them.

A row is a server with one thing wrong, or nothing, what the doctor has to find
and the line that it has to name.  Then that line is put in, and the doctor must
find nothing any more.
"""

import json
import pathlib
import re
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "ways"))

import real  # noqa: E402  (the path comes first)
from tap import each  # noqa: E402
from ward import Ward, nginx  # noqa: E402
from yard import LARGESSE, ROOT, end_process, put, until  # noqa: E402

VCL_RECV = 'sub vcl_recv { if (req.url ~ "^/events") { return (pass); } }'
STREAMS = ('if (bereq.url ~ "^/events") { set beresp.do_stream = true; '
           "set beresp.uncacheable = true; return (deliver); }")


def varnish(response="", recv="", backend=""):
    vcl = real.VARNISH.replace('"BEHIND";', '"BEHIND"; ' + backend)
    return vcl % ("%s sub vcl_backend_response { %s }" % (recv, response))


def squid(peer="", more="", port=""):
    return (real.SQUID.replace("originserver", "originserver " + peer)
            .replace("accel", "accel " + port) % more)


def caddy(path="/events", *lines):
    return """
{
	admin off
}
http://127.0.0.1:PORT {
	reverse_proxy %s* unix//SOCKET {
		transport fastcgi {
			%s
		}
	}
}
""" % (path, "\n".join(lines))


def h2o(path="/events"):
    return """
listen:
  host: 127.0.0.1
  port: PORT
hosts:
  default:
    paths:
      "%s":
        fastcgi.connect:
          port: SOCKET
          type: unix
""" % path


OLD = ("refresh_pattern . 60 100% 60 override-expire ignore-no-store "
       "ignore-private ignore-reload\n")
DENY = "acl largesse urlpath_regex ^/events\ncache deny largesse\n"

# The name, the kind of the server, its configuration, the codes, the line, the
# configuration with the line, and the doctor's arguments.
SICK = [
    ("Varnish: a TTL for everything", "varnish",
     varnish("set beresp.ttl = 120s; return (deliver);"), "cached",
     'if (req.url ~ "^/events") { return (pass); }',
     varnish("set beresp.ttl = 120s; return (deliver);", VCL_RECV)),
    ("Varnish: do_stream = false", "varnish",
     varnish("set beresp.do_stream = false;"), "buffered", STREAMS,
     varnish(STREAMS + " set beresp.do_stream = false;")),
    ("Varnish: between_bytes_timeout = 1s", "varnish",
     varnish(backend=".between_bytes_timeout = 1s;"), "idle",
     ".between_bytes_timeout = 60s;",
     varnish(backend=".between_bytes_timeout = 60s;"), ["--idle", "3"]),
    ("Squid", "squid", squid(), "authorization", "login=PASSTHRU",
     squid("login=PASSTHRU")),
    ("Squid: a cache that ignores Cache-Control", "squid",
     squid("login=PASSTHRU", OLD, "ignore-cc"), "cached", "cache deny largesse",
     squid("login=PASSTHRU", DENY + OLD, "ignore-cc")),
    ("Caddy by FastCGI, at another path", "caddy", caddy("/live"), "mount",
     "env SCRIPT_NAME /live", caddy("/live", "env SCRIPT_NAME /live"), [],
     "/live"),
]
WELL = [
    ("Varnish", "varnish", varnish()),
    ("Caddy", "caddy", real.CADDY),
    ("H2O", "h2o", real.H2O),
    ("Caddy by FastCGI", "caddy", caddy()),
    ("H2O by FastCGI", "h2o", h2o()),
]


class Before(real.Front):
    """The server, before an nginx that is well, or the responder itself."""

    def __init__(self, ward, kind, conf):
        self.conf = conf.replace("SOCKET", ward.path)
        ward.front = getattr(ward, "front", [])
        super().__init__(ward, kind, ward.port)

    def configuration(self):
        return self.conf, real.FRONTS[self.name][1]


def doctor(kind, conf, args=(), path="/events"):
    with Ward(nginx(True)) as w:
        front = Before(w, kind, conf)
        try:
            ran = subprocess.run(
                [LARGESSE, "doctor", "http://127.0.0.1:%d%s" % (
                    front.port, path), "--json", *(args or ["--idle", "0"])],
                capture_output=True, text=True, timeout=80)
        finally:
            front.stop()
    assert ran.stderr == "" and ran.returncode in (0, 1), ran
    print(ran.stdout, file=sys.stderr)
    return json.loads(ran.stdout)


def found(report):
    return [f["code"] for f in report["findings"] if f["level"] != "note"]


@each("setup", [s[0] for s in SICK])
def test_says_what_is_wrong(setup):
    _, kind, conf, codes, line, mended, *rest = next(
        s for s in SICK if s[0] == setup)
    report = doctor(kind, conf, *rest)
    assert found(report) == codes.split(), report
    finding = next(f for f in report["findings"] if f["level"] != "note")
    assert finding["level"] == "error", finding
    lines = [m["line"] for m in finding["mend"] if m["likely"]]
    assert line in lines, finding
    assert found(doctor(kind, mended, *rest)) == [], "the line does not mend"


@each("setup", [s[0] for s in WELL])
def test_finds_nothing_where_all_is_well(setup):
    _, kind, conf = next(s for s in WELL if s[0] == setup)
    report = doctor(kind, conf)
    assert found(report) == [], report
    assert ("in front of" in report["summary"]) == (
        "FastCGI" not in setup), report["summary"]


# --- deploy/caddy

CADDY = ROOT / "deploy" / "caddy"


def shipped():
    """The Caddyfile of deploy/, on a port of this host."""
    text = put((CADDY / "Caddyfile").read_text(), "example.org {",
               "http://:PORT {\n\tbind 127.0.0.1\n\trespond /events.html site")
    text = put(text, "/run/largesse/largesse.sock", "SOCKET")
    return "{\n\tadmin off\n}\n" + text


class Caddy:
    """It stands before the responder of a ward that has no web server."""

    def __enter__(self):
        self.ward = Ward()
        self.front = Before(self.ward, "caddy", shipped())
        self.ward.port = self.front.port
        return self.ward

    def __exit__(self, kind, *_):
        self.front.stop()
        if kind is None:
            self.ward.close()


def test_caddy_as_shipped_is_well():
    with Caddy() as w:
        report = json.loads(w.run("doctor", w.url + "/events", "--json",
                                  "--idle", "3", check=False).stdout)
        s = w.stream().started()
        w.insert("now")
        assert s.next_event().data == "now"
        s.close()
        health, body = w.get("/events/health")
    assert found(report) == [], report
    assert (health.status, body) == (200, b"ok\n"), body
    text = (CADDY / "README.md").read_text()
    for line in shipped().splitlines():
        if "transport fastcgi" in line or "path /events" in line:
            assert line.strip() in text, line


def test_caddy_leaves_the_site_its_own_pages():
    with Caddy() as w:
        assert w.get("/events.html")[1] == b"site"
        assert w.get("/events/nothing")[0].status == 404


def test_leaving_frees_the_stream_behind_caddy():
    with Caddy() as w:
        before = w.sockets()
        s = w.stream().started()
        assert w.sockets() == before + 1
        s.close()
        until("the stream is freed", lambda: w.sockets() == before)


def test_caddy_tells_pages_to_come_back():
    with Caddy() as w:
        end_process(w.responder)
        w.held.close()
        s, body = w.get("/events?topic=a")
        assert s.status == 200, s.status
        assert s.headers["content-type"] == "text/event-stream", s.headers
        told = {w.get("/events?topic=a")[1] for _ in range(20)} | {body}
        times = {re.fullmatch(
            rb"retry: ([1-9]\d{3})\nevent: stream-retry\ndata: "
            rb'{"retry":(?:\1),"reason":"away"}\n\n', body)[1] for body in told}
        assert len(times) > 15, times       # not all at the same moment
        assert w.get("/events/health")[0].status == 502
        assert w.get("/events?topic=a&start=bare")[0].status == 502
        s, _ = w.get("/events", method="POST", body=b"data=x")
        assert s.status == 502, s.status


def test_h2o_is_in_the_readme():
    text = (CADDY / "README.md").read_text().expandtabs(8)
    block = h2o().replace("SOCKET", "/run/largesse/largesse.sock")
    for line in block.partition("hosts:")[2].splitlines()[1:]:
        assert line.strip() in text, line


def test_the_table_in_deploy_has_each_setup():
    text = (ROOT / "deploy" / "doctor.md").read_text()
    for name, _, _, codes, *_ in SICK:
        assert "| %s | %s |" % (name, codes) in text, name
    for name, *_ in WELL:
        assert "| %s | healthy |" % name in text, name
