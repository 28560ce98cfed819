"""test_lighttpd.py - what each directive of deploy/lighttpd is for."""

from probes import (answer, at_once, back, bare, crowd, discreet, file_of,
                    processes, retry, retry_form, soon, spread, starts,
                    status_here, status_host, status_page, user)
from tap import each
from without import CACHED, DOWN, POST, Row, run
from yard import LOAD

PAGE = '$HTTP["url"] =~ "^/events(/|/stream)?$" {'
FORMAT = r'accesslog.format = "%h %V %u %t \"%m %U %H\" %>s %b"'

LOGGED = ('include "events.conf"', 'server.modules += ( "mod_accesslog" )\n'
          'accesslog.filename = "access.log"\ninclude "events.conf"')
LIGHTTPD = [
    Row("lighttpd", "mod_fastcgi", at_once,
        'server.modules += ( "mod_fastcgi" )'),
    Row("lighttpd", "condition", answer("/events.html", 404, "text/html"),
        swap=[('$HTTP["url"] =~ "^/events(/|$)" {',
               '$HTTP["url"] =~ "^/" {')]),
    Row("lighttpd", "server.stream-response-body", at_once,
        "server.stream-response-body = 2"),
    Row("lighttpd", "accesslog.format", discreet,
        swap=[("harm.\n\t" + FORMAT, "harm.")], env=[LOGGED]),
    Row("lighttpd", "accesslog.format, retry", discreet, swap=[
        ("page.\n\t" + FORMAT, "page.")], env=[LOGGED], **DOWN),
    Row("lighttpd", "socket", starts,
        '"socket" => "/run/largesse/largesse.sock",'),
    Row("lighttpd", "check-local", at_once,
        swap=[('"check-local" => "disable",', "")]),
    Row("lighttpd", "disable-time", soon, swap=[
        ('"disable-time" => 0', '"disable-time" => 1')], how="listen",
        program=LOAD),
    Row("lighttpd", "LARGESSE_STATUS", status_here,
        'setenv.add-environment = ( "LARGESSE_STATUS" => "on" )',
        status=True),
    Row("lighttpd", "host", status_host,
        swap=[('$HTTP["host"] =~ "^(', '$HTTP["host"] =~ "^(.*|')],
        status=True),
    Row("lighttpd", "server.document-root, page", status_page,
        'server.document-root = "/usr/share/largesse"', status=True),
    Row("lighttpd", "error-handler", retry,
        'server.error-handler = "/events-retry"', **DOWN),
    Row("lighttpd", "error-handler, for streams",
        answer("/events", 503, **POST),
        swap=[('$HTTP["request-method"] =~ "^(GET|HEAD)$" {',
               '$HTTP["url"] =~ "^/" {')], **DOWN),
    Row("lighttpd", "error-handler, for forms", retry_form,
        swap=[('$HTTP["url"] == "/events/stream"', '$HTTP["url"] == "/x"')],
        **DOWN),
    Row("lighttpd", "error-handler, not for health",
        answer("/events/health", 503),
        swap=[(PAGE, '$HTTP["url"] =~ "^/events" {')], **DOWN),
    Row("lighttpd", "error-handler, not for bare", bare,
        swap=[('!~ "(^|&)start=bare(&|$)"', '!~ "x=y"')], **DOWN),
    Row("lighttpd", "alias.url", retry, swap=[
        ('alias.url = (\n\t\t"/events-retry"', 'alias.url = (\n\t\t"/no"')],
        **DOWN),
    Row("lighttpd", "ssi.extension", spread,
        'ssi.extension = ( ".shtml" )', **DOWN),
    Row("lighttpd", "ssi.content-type", retry,
        'ssi.content-type = "text/event-stream"', **DOWN),
    Row("lighttpd", "Cache-Control", back,
        'setenv.add-response-header = ( "Cache-Control" => "no-store" )',
        env=CACHED, fronts=["stock"], **DOWN),
]

LIGHTTPD_MAIN = [
    Row("lighttpd", "server.username", user,
        'server.username = "www-data"'),
    Row("lighttpd", "server.max-fds", crowd(2000), "server.max-fds = 18000"),
    Row("lighttpd", "server.max-connections", crowd(330),
        "server.max-connections = 8000",
        env=[("server.max-fds = 18000", "server.max-fds = 900")]),
    Row("lighttpd", "server.errorlog", file_of("error.log"),
        'server.errorlog = var.CWD + "/error.log"'),
    Row("lighttpd", "server.document-root", starts,
        'server.document-root = var.CWD + "/demo"'),
    Row("lighttpd", "index-file.names", answer("/", 200, "text/html"),
        'index-file.names = ( "index.html" )'),
    Row("lighttpd", "mimetype.assign", answer("/demo.css", 200, "text/css"),
        '".css" => "text/css; charset=utf-8",'),
]

BIN = "lighttpd bin-path"
LIGHTTPD_BIN = [
    Row("lighttpd", "bin-path", at_once, '"bin-path" => '
        '"/usr/local/bin/largesse",', way=BIN),
    Row("lighttpd", "bin-environment", at_once, '"LARGESSE_DB" => '
        '"/var/lib/largesse/events.db"', way=BIN),
    Row("lighttpd", "max-procs", processes(1), '"max-procs" => 1,',
        way=BIN),
    Row("lighttpd", "check-local, bin-path", at_once,
        swap=[(',\n\n\t\t\t# There is no', "\n\t\t\t# There is no"),
              ('"check-local" => "disable"', "")], way=BIN),
    Row("lighttpd", "stream-response-body, bin-path", at_once,
        "server.stream-response-body = 2", way=BIN),
    Row("lighttpd", "accesslog.format, bin-path", discreet, swap=[
        ("= 2\n\t" + FORMAT, "= 2")], env=[LOGGED], way=BIN),
]

CGI = "lighttpd cgi"
LIGHTTPD_CGI = [
    Row("lighttpd", "stream-response-body, cgi", at_once,
        "server.stream-response-body = 1", way=CGI),
    Row("lighttpd", "alias.url, cgi", at_once,
        'alias.url = ( "/events" => "/usr/local/bin/largesse" )', way=CGI),
    Row("lighttpd", "accesslog.format, cgi", discreet, FORMAT, env=[LOGGED],
        way=CGI),
    Row("lighttpd", "cgi.assign", at_once, 'cgi.assign = ( "" => "" )',
        way=CGI),
    Row("lighttpd", "setenv.add-environment", at_once,
        '"LARGESSE_DB" => "/var/lib/largesse/events.db"', way=CGI),
]


@each("row", LIGHTTPD + LIGHTTPD_MAIN + LIGHTTPD_BIN + LIGHTTPD_CGI)
def test_lighttpd_without(row):
    run(row)
