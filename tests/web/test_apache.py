"""test_apache.py - what each directive of deploy/apache is for."""

import errno

from probes import (answer, at_once, back, bare, crowd, echoed, ends, ends_form,
                    file_of, lives, retry, retry_form, says_away, silent_start,
                    spread, starts, status_here, status_host, status_live,
                    status_page)
from tap import each
from ways import site
from without import CACHED, DOWN, ECHO, POST, Row, run
from yard import free_port

PORT = ('SetEnvIfExpr "%%{REMOTE_PORT} =~ /(\\d)(\\d)(\\d)%s$/" '
        'LARGESSE_RETRY=%s$3$2$1')
KEPT = [("Listen ", "KeepAliveTimeout 60\nListen ")]
# As most sites have it.  What stands in no <VirtualHost> comes first in each, so
# there the ProxyPass of events.conf would be that of status.conf, too.
IN_SITE = ("Include events.conf", "<VirtualHost *>\nInclude events.conf\n"
           "</VirtualHost>")
APACHE = [
    Row("apache", "ProxyPass", at_once, 'ProxyPass "/events" "unix:/run/'
        'largesse/largesse.sock|fcgi://largesse/events" flushpackets=on'),
    Row("apache", "flushpackets", at_once, " flushpackets=on"),
    Row("apache", "CGIPassAuth", echoed(
        "HTTP_AUTHORIZATION", "Bearer x",
        headers=["Authorization: Bearer x"]), "CGIPassAuth On", **ECHO),
    Row("apache", "ProxyFCGISetEnvIf", answer("/events/nothing", 404),
        'ProxyFCGISetEnvIf "%{REQUEST_URI} =~ m#^/events(/.*)$#" '
        'PATH_INFO "$1"'),
    Row("apache", "nokeepalive", ends,
        "SetEnvIfExpr \"%{REQUEST_METHOD} == 'GET' || %{REQUEST_URI} == "
        "'/events/stream'\" nokeepalive", env=KEPT),
    Row("apache", "nokeepalive, form", ends_form,
        swap=[(" || %{REQUEST_URI} == '/events/stream'", "")], env=KEPT),
    Row("apache", "LARGESSE_STATUS", status_here,
        'ProxyFCGISetEnvIf "true" LARGESSE_STATUS "on"', status=True),
    Row("apache", "flushpackets, page", status_live, swap=[
        ("largesse-status/events\" flushpackets=on",
         "largesse-status/events\"")], env=[IN_SITE], status=True),
    Row("apache", "Alias, page", status_page,
        'Alias "/status.html" "/usr/share/largesse/status.html"', status=True),
    Row("apache", "Require expr, page", status_host, swap=[
        ('%{HTTP_HOST} =~ m#^(', '%{HTTP_HOST} =~ m#^(.*|')], status=True),
    Row("apache", "ErrorDocument 503", retry,
        "ErrorDocument 503 /events-retry", **DOWN),
    Row("apache", "ErrorDocument 504", retry,
        "ErrorDocument 504 /events-retry", how="silent",
        env=[("Listen ", "Timeout 1\nListen ")]),
    Row("apache", "If GET", answer("/events", 503, **POST),
        swap=[("m#^(GET /", "m#^([A-Z]+ /")], **DOWN),
    Row("apache", "If events", answer("/events/health", 503),
        swap=[("m#^(GET /events/?|", "m#^(GET /events.*|")], **DOWN),
    Row("apache", "If form", retry_form,
        swap=[("(GET|POST) /events/stream", "GET /events/stream")], **DOWN),
    Row("apache", "If not bare", bare, swap=[
        (" && %{QUERY_STRING} !~ /(^|&)start=bare(&|$)/", "")], **DOWN),
    Row("apache", "Alias", retry, 'Alias "/events-retry" '
        '"/etc/apache2/largesse/retry.asis"', **DOWN),
    Row("apache", "Require all granted", retry, swap=[
        ("503 again.\n\tRequire all granted", "")], **DOWN),
    Row("apache", "SetHandler", retry, "SetHandler send-as-is", **DOWN),
    Row("apache", "SetEnvIfExpr", spread,
        PORT % ("([1-9])", "$4") + "\n\t" + PORT % ("0", "9"), **DOWN),
    Row("apache", "SetOutputFilter", spread, "SetOutputFilter INCLUDES",
        **DOWN),
    Row("apache", "Options", spread, "Options +Includes", **DOWN),
    Row("apache", "Cache-Control", back, "Cache-Control: no-store\n",
        env=CACHED, fronts=["stock"], **DOWN),
]

AT_ONCE = [("ServerName localhost", "ServerName localhost\nStartServers 16")]
MODULE = "LoadModule %s_module%s/usr/lib/apache2/modules/mod_%s.so"
APACHE_MAIN = [
    Row("apache", "mod_" + name, probe, MODULE % (
        name, "\t\t" if len(name) < 6 else "\t", name), **kw)
    for name, probe, kw in (
        ("mpm_event", starts, {}), ("authz_core", starts, {}),
        ("alias", starts, {}),
        ("asis", retry, DOWN), ("dir", answer("/", 200), {}),
        ("include", spread, DOWN), ("proxy", starts, {}),
        ("proxy_fcgi", starts, {}), ("setenvif", starts, {}))
] + [
    Row("apache", "ThreadsPerChild", crowd(410), "ThreadsPerChild 64",
        env=AT_ONCE),
    Row("apache", "MaxRequestWorkers", crowd(410), "MaxRequestWorkers 1024",
        env=AT_ONCE),
    Row("apache", "Directory /", answer("/x/passwd", 403), swap=[(
        "<Directory />\n\tRequire all denied\n</Directory>", "")],
        env=[("ServerName localhost", "ServerName localhost\n"
              'Alias "/x" "/etc"')]),
    Row("apache", "Directory demo", answer("/", 200), swap=[(
        '<Directory "demo">\n\tRequire all granted\n</Directory>', "")]),
    Row("apache", "DefaultRuntimeDir", file_of("cgisock*"),
        "DefaultRuntimeDir .", way="apache cgid"),
    Row("apache", "PidFile", file_of("apache2.pid"), "PidFile apache2.pid"),
    Row("apache", "ErrorLog", starts, "ErrorLog error.log"),
    Row("apache", "ServerName", silent_start("apache.log", "AH00558"),
        "ServerName localhost"),
    Row("apache", "DocumentRoot", answer("/", 200), "DocumentRoot demo"),
    Row("apache", "ForceType", answer("/demo.css", 200, "text/css"),
        "ForceType text/css"),
]

FCGID = "apache fcgid"
APACHE_FCGID = [
    Row("apache", "Alias, fcgid", at_once,
        'Alias "/events" "/usr/local/bin/largesse"', way=FCGID),
    Row("apache", "FcgidInitialEnv", at_once, "FcgidInitialEnv LARGESSE_DB "
        "/var/lib/largesse/events.db", way=FCGID),
    Row("apache", "SetHandler fcgid-script", at_once,
        "SetHandler fcgid-script", way=FCGID),
    Row("apache", "Options, fcgid", at_once, "Options +ExecCGI", way=FCGID),
    Row("apache", "Require all granted, fcgid", at_once, swap=[
        ("+ExecCGI\n\tRequire all granted", "+ExecCGI")], way=FCGID),
    Row("apache", "CGIPassAuth, fcgid", echoed(
        "HTTP_AUTHORIZATION", "Bearer x",
        headers=["Authorization: Bearer x"]), "CGIPassAuth On", way=FCGID,
        **ECHO),
    Row("apache", "FcgidOutputBufferSize", at_once,
        "FcgidOutputBufferSize 0", way=FCGID),
    Row("apache", "FcgidBusyTimeout", lives, swap=[
        ("FcgidBusyTimeout 86400", "FcgidBusyTimeout 1")], env=[
        ("FcgidOutputBufferSize 0",
         "FcgidOutputBufferSize 0\nFcgidBusyScanInterval 1")], way=FCGID,
        options=["--heartbeat", "500ms"]),
    Row("apache", "FcgidMaxProcessesPerClass", crowd(3), swap=[
        ("FcgidMaxProcessesPerClass 200", "FcgidMaxProcessesPerClass 2")],
        way=FCGID),
    Row("apache", "FcgidMaxRequestLen", echoed(
        "CONTENT_LENGTH", "200000", method="POST", body=bytes(200000)),
        "FcgidMaxRequestLen 1048576", way=FCGID, **ECHO),
]

CGID = "apache cgid"
APACHE_CGID = [
    Row("apache", "ScriptAlias", at_once,
        'ScriptAlias "/events" "/usr/local/bin/largesse"', way=CGID),
    Row("apache", "SetEnv", at_once,
        "SetEnv LARGESSE_DB /var/lib/largesse/events.db", way=CGID),
    Row("apache", "Require all granted, cgid", at_once, swap=[
        ("events.db\n\tRequire all granted", "events.db")], way=CGID),
    Row("apache", "CGIPassAuth, cgid", echoed(
        "HTTP_AUTHORIZATION", "Bearer x",
        headers=["Authorization: Bearer x"]), "CGIPassAuth On", way=CGID,
        **ECHO),
]


@each("row", APACHE + APACHE_MAIN + APACHE_FCGID + APACHE_CGID)
def test_apache_without(row):
    run(row)


def asked_from(y, digit):
    """From a port that ends so; somebody else may take it, so we try again."""
    while True:
        port = free_port()
        if port % 10 != digit:
            continue
        try:
            return port, *y.get("/events", source="127.0.0.1", port=port)
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise


def test_apache_says_when_to_come_back_to_every_port():
    """It goes by the digits of the port, and a number does not begin with 0."""
    with site("apache", **DOWN) as y:
        for digit in range(10):
            port, s, body = asked_from(y, digit)
            assert says_away(s, body), (port, body)
            assert 1000 <= s.retry <= 9999, (port, body)
