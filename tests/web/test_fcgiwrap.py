"""test_fcgiwrap.py - what each directive of deploy/fcgiwrap is for."""

import select
import socket

from client import request
from probes import (answer, at_once, bare_when_down, discreet, quiet,
                    responder_is_down)
from tap import each
from ways import site
from without import HERE, SLOW, Row, run

WRAP = [
    Row("fcgiwrap", "location", answer("/events.html", 404, "text/html"),
        swap=[("location ~ ^/events(?<largesse_path>/.*)?$ {",
               'location /events { set $largesse_path "";')]),
    Row("fcgiwrap", "fastcgi_pass", at_once,
        "fastcgi_pass unix:/run/fcgiwrap.socket;"),
    Row("fcgiwrap", "SCRIPT_FILENAME", at_once,
        "fastcgi_param SCRIPT_FILENAME /usr/local/bin/largesse;"),
    Row("fcgiwrap", "LARGESSE_DB", at_once,
        "fastcgi_param LARGESSE_DB /var/lib/largesse/events.db;"),
    Row("fcgiwrap", "GATEWAY_INTERFACE", at_once,
        "fastcgi_param GATEWAY_INTERFACE CGI/1.1;"),
    Row("fcgiwrap", "NO_BUFFERING", at_once,
        "fastcgi_param NO_BUFFERING 1;"),
    Row("fcgiwrap", "fastcgi_buffering off", at_once,
        "fastcgi_buffering off;",
        env=[(HERE, "fastcgi_ignore_headers X-Accel-Buffering;" + HERE)]),
    Row("fcgiwrap", "fastcgi_read_timeout", quiet,
        "fastcgi_read_timeout 60s;",
        env=[(HERE, "fastcgi_read_timeout 1s;" + HERE)], **SLOW),
    Row("fcgiwrap", "fastcgi_pass_header", at_once,
        "fastcgi_pass_header X-Accel-Buffering;", fronts=["stock"]),
    Row("fcgiwrap", "access_log off", discreet,
        'if ($args ~* "access_token|(^|[&;])(sign=|[^=&;]*%)") { access_log off; }'),
    Row("fcgiwrap", "access_log off, retry", discreet, swap=[
        ("_retry {\n\taccess_log off;", "_retry {")], env=[
        ("NO_BUFFERING 1;", "NO_BUFFERING 1;\n\treturn 502;")]),
    Row("fcgiwrap", "error_page", responder_is_down,
        "error_page 502 503 504 = @largesse_retry;"),
    Row("fcgiwrap", "error_page, not for bare", bare_when_down,
        'if ($args ~ "(^|&)start=bare(&|$)") { return 503; }'),
]


@each("row", WRAP)
def test_fcgiwrap_without(row):
    run(row)


def test_fcgiwrap_keeps_a_worker_for_each_stream():
    """fcgiwrap has eight workers here: a ninth request waits for one."""
    with site("fcgiwrap", options=["--heartbeat", "500ms"]) as y:
        streams = [y.stream().started() for _ in range(8)]
        with socket.create_connection(y.address, 20) as ninth:
            ninth.sendall(request("/events/health"))
            assert not select.select([ninth], [], [], 1)[0]
            streams[0].close()
            assert b" 200 OK\r\n" in ninth.recv(4096)
