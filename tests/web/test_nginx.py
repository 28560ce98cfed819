"""test_nginx.py - what each directive of deploy/nginx is for."""

from probes import (answer, at_once, back, backlog, crowd, discreet, echoed,
                    bare, file_of, health, private_socket, quiet, retry,
                    retry_form, software, spread, starts, status_here, status_host,
                    status_page, too_many, topics, worker_a_core)
from tap import each
from without import CACHED, DOWN, ECHO, HERE, POST, SLOW, Row, run

GUARD = ("if ($largesse_asked !~ ^((GET|HEAD)/?|(GET|HEAD|POST)/stream)$) "
         "{ return 503; }")
JITTER = [("if ($request_id ~ ([1-9])\\D*(\\d)\\D*(\\d)\\D*(\\d)) {", ""),
          ("set $largesse_retry $1$2$3$4;\n\t}", "set $largesse_retry 1000;")]

NGINX = [
    Row("nginx", "location", answer("/events.html", 404, "text/html"),
        swap=[("location ~ ^/events(?<largesse_path>/.*)?$ {",
               'location /events { set $largesse_path "";')]),
    Row("nginx", "fastcgi_pass", at_once,
        "\tfastcgi_pass unix:/run/largesse/largesse.sock;\n\n"),
    Row("nginx", "fastcgi_buffering off", at_once, "fastcgi_buffering off;",
        env=[(HERE, "fastcgi_ignore_headers X-Accel-Buffering;" + HERE)]),
    Row("nginx", "fastcgi_read_timeout", quiet, "fastcgi_read_timeout 60s;",
        env=[(HERE, "fastcgi_read_timeout 1s;" + HERE)], **SLOW),
    Row("nginx", "fastcgi_pass_header", at_once,
        "fastcgi_pass_header X-Accel-Buffering;", fronts=["stock"]),
    Row("nginx", "REQUEST_METHOD", at_once,
        "fastcgi_param REQUEST_METHOD $request_method;"),
    Row("nginx", "QUERY_STRING", topics,
        "fastcgi_param QUERY_STRING $query_string;"),
    Row("nginx", "PATH_INFO", health,
        "fastcgi_param PATH_INFO $largesse_path;"),
    Row("nginx", "REMOTE_ADDR", echoed("REMOTE_ADDR", "127.0.0.1"),
        "fastcgi_param REMOTE_ADDR $remote_addr;", **ECHO),
    Row("nginx", "access_log off", discreet,
        'if ($args ~* "access_token|(^|[&;])(sign=|[^=&;]*%)") { access_log off; }'),
    Row("nginx", "access_log off, retry", discreet,
        swap=[("\taccess_log off;\n\n\t# Only", "\n\t# Only")], **DOWN),
    Row("nginx", "SERVER_PROTOCOL", echoed("SERVER_PROTOCOL", "HTTP/1.1"),
        "fastcgi_param SERVER_PROTOCOL $server_protocol;", **ECHO),
    Row("nginx", "SERVER_SOFTWARE", software,
        "fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;", **ECHO),
    Row("nginx", "REQUEST_SCHEME", echoed("REQUEST_SCHEME", "http"),
        "fastcgi_param REQUEST_SCHEME $scheme;", **ECHO),
    Row("nginx", "error_page, refused", retry,
        "error_page 502 503 504 = @largesse_retry;", **DOWN),
    Row("nginx", "error_page, closed", retry,
        "error_page 502 503 504 = @largesse_retry;", how="closing"),
    Row("nginx", "error_page, silent", retry,
        swap=[("error_page 502 503 504", "error_page 502 503")],
        env=[("fastcgi_read_timeout 60s", "fastcgi_read_timeout 1s")],
        how="silent"),
    Row("nginx", "error_page, too many", too_many,
        swap=[("error_page 502 503 504", "error_page 502 504")],
        env=[("types {", "limit_conn_zone $server_port zone=c:1m; "
              "limit_conn c 1; types {")]),
    Row("nginx", "error_page, for streams", answer("/events", 503, **POST),
        GUARD, **DOWN),
    Row("nginx", "error_page, for forms", retry_form,
        swap=[("|(GET|HEAD|POST)/stream", "")], **DOWN),
    Row("nginx", "error_page, not for health", answer("/events/health", 503),
        GUARD, **DOWN),
    Row("nginx", "error_page, not for bare", bare,
        'if ($args ~ "(^|&)start=bare(&|$)") { return 503; }', **DOWN),
    Row("nginx", "$request_id", spread, swap=JITTER, **DOWN),
    Row("nginx", "default_type", retry, "default_type text/event-stream;",
        **DOWN),
    Row("nginx", "add_header Cache-Control", back,
        "add_header Cache-Control no-store;", env=CACHED, fronts=["stock"],
        **DOWN),
]

# --- nginx, nginx.conf

ONE = ("worker_processes auto;", "worker_processes 1;")
NGINX_MAIN = [
    Row("nginx", "worker_processes", worker_a_core,
        "worker_processes auto;"),
    Row("nginx", "user", private_socket, "user www-data;"),
    Row("nginx", "worker_connections", crowd(300),
        "worker_connections 17500;", env=[ONE]),
    Row("nginx", "worker_rlimit_nofile", crowd(450),
        "worker_rlimit_nofile 18000;", env=[ONE], few=700),
    Row("nginx", "types", answer("/demo.css", 200, "text/css"),
        "text/css css;"),
    Row("nginx", "backlog", backlog(4096), " backlog=4096"),
    Row("nginx", "root", answer("/", 200, "text/html", b"EventSource"),
        "root demo;"),
] + [Row("nginx", line.split()[0], file_of(line.split()[1][:-1]), line)
     for line in (
         "pid nginx.pid;", "error_log error.log;", "access_log access.log;",
         "client_body_temp_path tmp-body;", "proxy_temp_path tmp-proxy;",
         "fastcgi_temp_path tmp-fastcgi;", "scgi_temp_path tmp-scgi;",
         "uwsgi_temp_path tmp-uwsgi;")]

# --- nginx, site-h2.conf

H2 = dict(h2=True)
NGINX_H2 = [
    Row("nginx", "ssl_certificate", starts, swap=[
        ("\tssl_certificate /etc", "\t#/etc")], **H2),
    Row("nginx", "ssl_certificate_key", starts, swap=[
        ("\tssl_certificate_key ", "\t#")], **H2),
]


NGINX_STATUS = [
    Row("nginx", "LARGESSE_STATUS", status_here,
        "fastcgi_param LARGESSE_STATUS on;", status=True),
    Row("nginx", "$host", status_host,
        swap=[('$host !~ "^(', '$host !~ "^(.*|')], status=True),
    Row("nginx", "location, page", status_page, swap=[
        ("location = /status.html {", "location = /no {")], status=True),
    Row("nginx", "root, page", status_page, "root /usr/share/largesse;",
        status=True),
    Row("nginx", "default_type, page", status_page,
        swap=[("largesse;\n\t\tdefault_type text/html;", "largesse;")],
        env=[("\t\ttext/html html;\n", "")], status=True),
]


@each("row", NGINX + NGINX_STATUS)
def test_nginx_without(row):
    run(row)


@each("row", NGINX_MAIN + NGINX_H2)
def test_nginx_conf_without(row):
    run(row)
