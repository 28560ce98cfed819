"""test_doctor.py - the doctor names what is wrong, and nothing else.

A set-up is a row of real web servers with one thing wrong, or nothing.  The
doctor looks at each set-up once.  It mostly waits, so it looks at a few at a
time, before the other tests.  A test then checks the verdict on one set-up.

A proxy of tests/ways may be in front, which harms as a visitor's does.

The tables of set-ups and verdicts are printed, and deploy/doctor.md has them.
"""

import concurrent.futures
import json
import os
import signal
import subprocess
import socket
import sys

from harmed import Harmed
from tap import each
from yard import LARGESSE, ROOT, Yard, until
from ward import (AUTH, FCGI, FCGID, HTTP, PATH, Ward, apache, certificate,
                  haproxy, lighttpd, nginx)

WORKERS = 4
QUICK = ["--idle", "0"]     # do not test silence
BUFFERED = dict(fastcgi_buffering="on",
                fastcgi_ignore_headers="X-Accel-Buffering")
EATEN = dict(fastcgi_pass_header=None)      # hides it from an nginx in front
STOCK = dict(proxy_buffering="on", proxy_http_version=None,
             proxy_set_header__Connection=None)
CACHE = ("fastcgi_cache_path %(dir)s/cache keys_zone=c:1m;"
         "fastcgi_cache_key $request_uri;")
CACHED = dict(BUFFERED, fastcgi_cache="c", fastcgi_cache_valid="200 1m",
              fastcgi_ignore_headers="X-Accel-Buffering Cache-Control")
# What is answered here is kept, and a stream that has ended comes again.
PROXY_CACHE = dict(
    http=CACHE.replace("fastcgi_", "proxy_"), proxy_buffering=None,
    proxy_cache="c", proxy_cache_valid="200 1m",
    proxy_ignore_headers="Cache-Control X-Accel-Buffering")
SHOP = ("location / { default_type text/html; "
        'return 200 "<!doctype html><h1>Shop</h1>"; }')
WHOLE = dict(fastcgi_param__PATH_INFO="$uri",
             fastcgi_param__REQUEST_URI="$request_uri")
RETRY = """error_page 502 503 = @retry;
location @retry { default_type text/event-stream;
	return 200 "retry: 3000\\n\\n"; }"""
JOURNAL = "sudo journalctl -u largesse -n 20"
SITE = "https://www.example.org"

# What is wrong, the tiers from the inside out, the codes that the doctor has
# to find, a line that repairs it, and the doctor's arguments.
SICK = [
    ("nginx: fastcgi_buffering on",
     [nginx(True, **BUFFERED)], "buffered", "fastcgi_buffering off;"),
    ("lighttpd: server.stream-response-body 0",
     [lighttpd(True, stream=0)], "buffered",
     "server.stream-response-body = 2"),
    ("Apache: ProxyPass without flushpackets",
     [apache(True, FCGI.replace(" flushpackets=on", ""), AUTH, PATH)],
     "buffered", "flushpackets=on"),
    ("Apache: mod_fcgid with its output buffer",
     [apache(True, FCGID, modules=["fcgid"])], "buffered",
     "FcgidOutputBufferSize 0"),
    ("nginx in front of nginx: proxy_buffering on, HTTP/1.0",
     [nginx(True, **EATEN), nginx(False, **STOCK)], "buffered http10",
     "proxy_buffering off;"),
    ("nginx in front of lighttpd: HTTP/1.0",
     [lighttpd(True), nginx(False, **dict(STOCK, proxy_buffering="off"))],
     "http10", "proxy_http_version 1.1;"),
    ("lighttpd in front of nginx: HTTP/1.0",
     [nginx(True), lighttpd(
         False, more='proxy.header = ( "force-http10" => "enable" )')],
     "http10", 'proxy.header = ( "force-http10" => "disable" )'),
    ("Apache in front of lighttpd: HTTP/1.0",
     [lighttpd(True), apache(False, HTTP, "SetEnv force-proxy-request-1.0 1")],
     "http10", "SetEnv force-proxy-request-1.0 1"),
    ("HAProxy in front of nginx: no http-no-delay",
     [nginx(True), haproxy()], "gathered", "option http-no-delay"),
    ("nginx: gzip for text/event-stream",
     [nginx(True, gzip="on", gzip_types="text/event-stream")],
     "compressed", "gzip off;"),
    ("Apache: mod_deflate for text/event-stream",
     [apache(True, FCGI, AUTH, PATH,
             "AddOutputFilterByType DEFLATE text/event-stream")],
     "compressed", 'SetEnvIf Request_URI "^/events" no-gzip=1'),
    ("nginx: fastcgi_cache that ignores Cache-Control",
     [nginx(True, http=CACHE, **CACHED)], "cached", "fastcgi_cache off;"),
    ("nginx in front of nginx: proxy_cache that ignores Cache-Control",
     [nginx(True), nginx(False, **PROXY_CACHE)], "cached",
     "proxy_cache off;"),
    ("nginx: expires 1h",
     [nginx(True, expires="1h")], "cache-control", "expires off;"),
    ("nginx: add_header Cache-Control in the server",
     [nginx(True, server='add_header Cache-Control "public";')],
     "cache-control",
     'add_header Cache-Control "no-store, no-transform";'),
    ("Apache: Header set Cache-Control",
     [apache(True, FCGI, AUTH, PATH, "Header set Cache-Control public")],
     "cache-control",
     'Header set Cache-Control "no-store, no-transform"'),
    ("lighttpd: setenv of Cache-Control",
     [lighttpd(True, more='setenv.add-response-header = '
               '( "Cache-Control" => "public" )')], "cache-control",
     "setenv.set-response-header = "
     '( "Cache-Control" => "no-store, no-transform" )'),
    ("nginx: fastcgi_read_timeout 1s",
     [nginx(True, fastcgi_read_timeout="1s")], "idle",
     "fastcgi_read_timeout 60s;", ["--idle", "3"]),
    ("nginx in front of lighttpd: proxy_read_timeout 1s",
     [lighttpd(True), nginx(False, proxy_read_timeout="1s")], "idle",
     "proxy_read_timeout 60s;", ["--idle", "3"]),
    ("nginx in front of nginx: proxy_read_timeout 1s",
     [nginx(True), nginx(False, proxy_read_timeout="1s")], "idle",
     "proxy_read_timeout 60s;", ["--idle", "3"]),
    ("Apache: mod_fcgid, FcgidIOTimeout 1",
     [apache(True, FCGID, "FcgidOutputBufferSize 0", "FcgidIOTimeout 1",
             modules=["fcgid"])], "idle", "FcgidIOTimeout 60",
     ["--idle", "3"]),
    ("Apache in front of lighttpd: ProxyTimeout 1",
     [lighttpd(True), apache(False, HTTP, "ProxyTimeout 1")], "idle",
     "ProxyTimeout 60", ["--idle", "3"]),
    ("lighttpd: server.max-write-idle 1",
     [lighttpd(True, more="server.max-write-idle = 1")], "idle",
     "server.max-write-idle = 360", ["--idle", "4"]),
    ("HAProxy in front of nginx: timeout server 1s",
     [nginx(True, fastcgi_param__SERVER_SOFTWARE="nginx/$nginx_version"),
      haproxy(server="1s", more="option http-no-delay\n\toption forwardfor")],
     "idle", "timeout server 60s", ["--idle", "3"]),
    ("nginx: limit_req without nodelay",
     [nginx(True, http="limit_req_zone $host zone=z:1m rate=10r/m;",
            limit_req="zone=z burst=9")], "late-start",
     "limit_req zone=... burst=... nodelay;"),
    ("nginx: 301 to the path with a slash",
     [nginx(True, server="location = /stream { return 301 /events/; }")],
     "redirect", None, [], "/stream"),
    ("nginx: redirected to another port", "elsewhere", "redirect", None, [],
     "/moved"),
    ("nginx: everything redirected to a page to log in",
     [nginx(True, path="~ ^/elsewhere(?<below>/.*)?$",
            server="location ^~ /events { return 302 /login; } "
            "location = /login { default_type text/html; "
            'return 200 "<h1>Log in</h1>"; }')],
     "redirect", None),
    ("Apache: Content-Type text/plain",
     [apache(True, FCGI, AUTH, PATH, "Header set Content-Type text/plain")],
     "content-type", "Content-Type: text/event-stream"),
    ("Apache: no CGIPassAuth",
     [apache(True, FCGI, PATH)], "authorization", "CGIPassAuth On"),
    ("nginx in front of lighttpd: Authorization taken out",
     [lighttpd(True), nginx(False, proxy_set_header__Authorization='""')],
     "authorization", "proxy_set_header Authorization $http_authorization;"),
    ("Apache: Cookie taken out",
     [apache(True, FCGI, AUTH, PATH, "RequestHeader unset Cookie")],
     "cookie", "RequestHeader unset Cookie"),
    ("nginx in front of lighttpd: Last-Event-ID taken out",
     [lighttpd(True), nginx(False, proxy_set_header__Last_Event_ID=None,
                            **{"proxy_set_header Last-Event-ID": '""'})],
     "last-event-id", "proxy_set_header Last-Event-ID $http_last_event_id;"),
    ("nginx: no QUERY_STRING",
     [nginx(True, fastcgi_param__QUERY_STRING=None)], "query",
     "fastcgi_param QUERY_STRING $query_string;"),
    ("nginx: no PATH_INFO",
     [nginx(True, fastcgi_param__PATH_INFO=None)], "path",
     "fastcgi_param PATH_INFO $largesse_path;"),
    ("nginx: no REMOTE_ADDR",
     [nginx(True, fastcgi_param__REMOTE_ADDR=None)], "address",
     "fastcgi_param REMOTE_ADDR $remote_addr;"),
    ("nginx: no CORS for a page of another site",
     [nginx(True)], "cors",
     "add_header Access-Control-Allow-Origin %s;" % SITE,
     ["--origin", SITE]),
    ("nginx: a password", [nginx(
        True, auth_basic='"no"', auth_basic_user_file="/dev/null")],
     "status", "largesse doctor --header 'Cookie: ...' URL"),
    ("nginx: no such location", [nginx(
        True, path="~ ^/elsewhere(?<below>/.*)?$")],
     "status", "include snippets/largesse.conf;"),
    ("nginx: a page of the site for every path", [nginx(
        True, path="~ ^/elsewhere(?<below>/.*)?$", server=SHOP)],
     "not-largesse", "include snippets/largesse.conf;"),
    ("nginx: PATH_INFO is the whole path of another mount",
     [nginx(True, path="/live", **WHOLE)], "mount",
     "location ~ ^/live(?<largesse_path>/.*)?$ {", [], "/live"),
    ("nginx: certificate that nobody trusts", "tls", "tls", None),
    ("nginx: responder down", "down", "status", JOURNAL),
    ("lighttpd: responder down", "down lighttpd", "status", JOURNAL),
    ("nginx, told to answer 200 and retry: responder down", "retry", "down",
     JOURNAL),
    ("nginx: responder stopped, fastcgi_read_timeout 1s", "hangs 1s",
     "status", JOURNAL),
    ("nginx: responder stopped", "hangs 60s", "hangs", JOURNAL),
    ("Apache, HTTP/2", "http2 apache", "http2", "Protocols http/1.1"),
    ("nginx: all streams taken", "busy", "busy",
     "largesse serve --max-streams N"),
    ("nginx: the log is away", "away", "unhealthy", None),
    ("nobody listens", [], "unreachable", None),
]

NO_DELAY = haproxy(more="option http-no-delay")
WELL = [
    ("nginx as shipped", "shipped nginx"),
    ("lighttpd as shipped", "shipped lighttpd"),
    ("nginx", [nginx(True)]),
    ("nginx: PATH_INFO is the whole path",
     [nginx(True, path="/events", **WHOLE)]),
    ("lighttpd", [lighttpd(True)]),
    ("Apache, mod_proxy_fcgi", [apache(True)]),
    ("Apache, mod_fcgid", [apache(
        True, FCGID, "FcgidOutputBufferSize 0", modules=["fcgid"])]),
    ("nginx in front of lighttpd", [lighttpd(True), nginx(False)]),
    ("nginx in front of Apache", [apache(True), nginx(False)]),
    ("nginx in front of nginx", [nginx(True), nginx(False)]),
    ("HAProxy in front of nginx", [nginx(True), NO_DELAY]),
    ("HAProxy in front of Apache", [apache(True), NO_DELAY]),
    ("Apache in front of lighttpd", [lighttpd(True), apache(False)]),
    ("lighttpd in front of nginx", [nginx(True), lighttpd(False)]),
    ("nginx, HTTP/2", "http2"),
    ("nginx, with a password that the doctor has", "password"),
    ("nginx, CORS for a page of another site", [nginx(
        True, add_header="Access-Control-Allow-Origin " + SITE)],
     ["--origin", SITE]),
    ("nginx, --allow-origin for a page of another site", "allow"),
]

# What a proxy of tests/ways does, the codes, and the ways that get through.
# One that cuts what is idle must do so before the heartbeat of 2 s.
ALL_WAYS = "stream padded short post poll"
HARM = [
    ("plain", "", ALL_WAYS),
    ("holds-all", "buffered", "poll"),
    ("holds-gets", "buffered", "post poll"),
    ("buffer-1k", "buffered", "padded poll"),
    ("buffer-16k", "buffered", "poll"),
    ("holds-last", "newest", "padded poll"),
    ("gathers", "buffered", "poll"),
    ("gzip-holds", "compressed", "poll"),
    ("cuts-idle", "idle", ALL_WAYS, ["--idle", "3"], ["--seconds", "1.6"]),
    ("http10", "http10", ALL_WAYS),
    ("strips", "last-event-id authorization cookie", ALL_WAYS),
    ("two-connections", "", ALL_WAYS),
]


# --- looking at them

def tls(w):
    certificate(w.dir)
    return nginx(True, server="ssl_certificate %s/cert.pem; "
                 "ssl_certificate_key %s/key.pem;" % (w.dir, w.dir),
                 listen=" ssl http2")


def special(how):
    """Set-ups that need more than a configuration.  Returns a Ward, the
    doctor's arguments, and what to do afterwards."""
    if how in ("tls", "http2"):
        w = Ward(responder=True)
        w.add(tls(w))
        return w, ["--insecure"] if how == "http2" else [], None
    if how in ("down", "down lighttpd", "retry"):
        w = Ward(lighttpd(True) if "lighttpd" in how else
                 nginx(True, server=RETRY) if how == "retry" else nginx(True),
                 responder=False)
        w.held.close()
        os.unlink(w.path)
        return w, [], None
    if how == "password":
        w = Ward()
        (w.dir / "users").write_text("me:{PLAIN}secret\n")
        w.add(nginx(True, auth_basic='"no"',
                    auth_basic_user_file=w.dir / "users"))
        return w, ["--header", "Authorization: Basic bWU6c2VjcmV0"], None
    if how.startswith("shipped"):
        return Yard(how.split()[1], options=["--heartbeat", "2"]), [], None
    if how == "elsewhere":
        w = Ward(nginx(True, http="log_format x '$http_authorization';",
                       server="access_log auth.log x;"))
        w.add(nginx(False, server="location = /moved { return 302 "
                    "http://127.0.0.1:%d/events; }" % w.port))
        return w, [*QUICK, "--header", "Authorization: Bearer s3cret"], \
            lambda: not_told(w)
    if how == "allow":
        return Ward(nginx(True), options=["--allow-origin", SITE]), [
            "--origin", SITE], None
    if how == "http2 apache":
        w = Ward(responder=True)
        certificate(w.dir)
        w.add(apache(
            True, FCGI, AUTH, PATH, "Protocols h2 http/1.1", "SSLEngine on",
            "SSLCertificateFile %s/cert.pem" % w.dir,
            "SSLCertificateKeyFile %s/key.pem" % w.dir,
            modules=["ssl", "http2"]))
        return w, [*QUICK, "--insecure"], None
    if how.startswith("hangs"):
        w = Ward(nginx(True, fastcgi_read_timeout=how.split()[1]))
        w.stream().started().close()
        w.responder.send_signal(signal.SIGSTOP)
        return w, [], lambda: w.responder.send_signal(signal.SIGCONT)
    if how == "busy":
        w = Ward(nginx(True), options=["--max-streams", "1"])
        s = w.stream().started()
        return w, QUICK, s.close
    w = Ward(nginx(True))
    away = w.log.with_name("away.db")
    w.log.rename(away)
    until("it is told", lambda: w.get("/events/health")[0].status == 503)
    return w, QUICK, lambda: away.rename(w.log)


class HarmedWard(Ward):
    """nginx, and before it a proxy that harms; its name is in doctor.md."""

    def __init__(self, way, *args):
        super().__init__(nginx(True))
        self.proxy = Harmed(way, self.port, *args)
        self.port = self.proxy.port

    def close(self):
        self.proxy.close()
        super().close()


def not_told(w):
    """A token for one host is not sent to another."""
    log = (w.tiers[0].dir / "auth.log").read_text()
    assert "Bearer" in log and "s3cret" not in log, log


def look(setup):
    """Returns the report of the doctor and its exit status."""
    name, tiers, *rest = setup
    args, path, after = QUICK, "/events", None
    if len(setup) < 4:
        args = rest[0] if rest else []
    elif len(rest) > 2:
        args = rest[2] or QUICK
        path = rest[3] if len(rest) > 3 else path
    if setup in HARM:
        args = rest[1] if len(rest) > 1 else QUICK
        w = HarmedWard(name, *(rest[2] if len(rest) > 2 else []))
    elif isinstance(tiers, str):
        w, args, after = special(tiers)
    else:
        w = Ward(*tiers, share="mod_fcgid" in name)
    url = w.url.replace("http:", "https:") if tiers in (
        "tls", "http2", "http2 apache") else w.url
    try:
        ran = subprocess.run([LARGESSE, "doctor", url + path, "--json", *args],
                             capture_output=True, text=True, timeout=80)
    finally:
        if after:
            after()
    w.close()
    if ran.returncode not in (0, 1) or ran.stderr:
        raise AssertionError("status %d: %s" % (ran.returncode, ran.stderr))
    return json.loads(ran.stdout), ran.returncode


ALL = SICK + WELL + HARM
BATCH = 9                   # set-ups in a test, which has limited time
verdicts = {}               # for each set-up, a future that is done


def look_at(setups):
    """Looks at the set-ups that were not looked at yet."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for s in setups:
            if s[0] not in verdicts:
                verdicts[s[0]] = pool.submit(look, s)


def verdict(setup):
    look_at([s for s in ALL if s[0] == setup])
    report, status = verdicts[setup].result()
    print(json.dumps(report, indent=1), file=sys.stderr)
    return report, status


def found(report, notes=False):
    return [f["code"] for f in report["findings"]
            if notes or f["level"] != "note"]


# --- the tests

@each("batch", range((len(ALL) + BATCH - 1) // BATCH))
def test_the_doctor_looks_at_each_setup(batch):
    some = ALL[batch * BATCH:][:BATCH]
    look_at(some)
    for row in rows(some):
        print("# " + row)
    for s in some:
        verdicts[s[0]].result()


@each("setup", [s[0] for s in SICK])
def test_names_the_culprit_and_only_that(setup):
    report, status = verdict(setup)
    _, _, codes, line, *_ = next(s for s in SICK if s[0] == setup)
    assert found(report) == codes.split(), found(report)
    assert status == 1 and not report["healthy"]
    for f in report["findings"]:
        assert f["seen"] and f["effect"], f
    if line:
        lines = [m["line"] for f in report["findings"] for m in f["mend"]]
        assert any(line in mend for mend in lines), lines


@each("setup", [s[0] for s in WELL])
def test_finds_nothing_where_all_is_well(setup):
    report, status = verdict(setup)
    assert found(report) == [], found(report)
    assert status == 0 and report["healthy"]
    notes = set(found(report, notes=True))
    assert notes == (set() if "HTTP/2" in setup else {"http1"}), notes


def ways(report):
    return {w["way"]: w["how"] for w in report["ways"] if w["works"]}


@each("setup", [s[0] for s in HARM])
def test_says_which_ways_get_through(setup):
    report, status = verdict(setup)
    _, codes, through, *_ = next(s for s in HARM if s[0] == setup)
    assert found(report) == codes.split(), found(report)
    assert status == (codes != ""), status
    assert list(ways(report)) == through.split(), report["ways"]
    assert [w["way"] for w in report["ways"]] == ALL_WAYS.split()
    now = {f["now"] for f in report["findings"] if f["code"] in (
        "buffered", "newest", "compressed", "idle")}
    assert now == ({NOW[through.split()[0]]} if now else set()), now


NOW = {way: "Visitors get through with largesse.js in the page, by %s." % how
       for way, how in (
           ("stream", "a stream with more heartbeats"),
           ("padded", "a stream that fills the buffer"),
           ("post", "POST"), ("poll", "polling"))}


@each("setup", [s[0] for s in WELL if "mod_fcgid" not in s[0]])
def test_each_way_works_where_all_is_well(setup):
    report, _ = verdict(setup)
    assert list(ways(report)) == ALL_WAYS.split(), report["ways"]


def test_a_token_is_asked_for_once():
    with Ward(nginx(True, auth_basic='"no"', auth_basic_user_file="/dev/null")) as w:
        ran = subprocess.run([LARGESSE, "doctor", w.url + "/events", *QUICK],
                             capture_output=True, text=True, timeout=80)
    assert ran.stdout.count("pass it with") == 1, ran.stdout
    assert "--header 'Authorization: Bearer ...'" in ran.stdout, ran.stdout
    assert "ways for visitors," not in ran.stdout, ran.stdout


def test_a_key_and_no_token_is_nothing_wrong():
    with Yard("nginx", start=False) as y:
        key = y.dir / "key"
        key.write_text("0123456789abcdef0123456789abcdef")
        key.chmod(0o600)
        y.options = ["--key-file", str(key)]
        y.start()
        url = y.url + "/events"
        report = json.loads(y.run("doctor", url, "--json", *QUICK).stdout)
        wrong = y.run("doctor", url, "--json", *QUICK, "--header",
                      "Authorization: Bearer x", check=False)
    assert report["healthy"] and "token" in found(report, notes=True), report
    note = next(f for f in report["findings"] if f["code"] == "token")
    lines = [m["line"] for m in note["mend"]]
    assert any("--header 'Authorization: Bearer TOKEN'" in x for x in lines)
    assert any("?topic=TOPIC" in line for line in lines), lines
    assert wrong.returncode == 1, wrong
    assert "status" in found(json.loads(wrong.stdout)), wrong


def rows(setups):
    """Set-ups and verdicts, as in deploy/doctor.md."""
    for setup in setups:
        try:
            report, _ = verdicts[setup[0]].result()
            codes = ", ".join(found(report)) or "healthy"
            if setup in HARM:
                codes += " | " + ", ".join(ways(report))
        except Exception as e:
            codes = "none: %s" % e
        yield "| %s | %s |" % (setup[0], codes)


def test_the_table_in_deploy_is_what_was_seen():
    text = (ROOT / "deploy" / "doctor.md").read_text()
    text = text.partition("## Seen by it")[2]
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(verdicts) == len(ALL), "not all was looked at"
    heads = [i for i, line in enumerate(table) if "| verdict |" in line]
    assert heads[0] == 0 and len(heads) == 2, heads
    del table[heads[1]], table[0]
    assert table == list(rows(ALL)), "deploy/doctor.md is not up to date"
