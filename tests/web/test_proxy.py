"""test_proxy.py - nginx in front of another server; the client's address."""

from probes import (address, answer, at_once, bare_of_nobody, behind_is_down,
                    behind_is_down_for_forms, discreet, discreet_behind,
                    echoed, forwarded, held_back, quiet, told_apart,
                    used_again)
from tap import each
from ways import site
from without import ECHO, SLOW, Row, run

THERE = "include proxy.conf;"
BEFORE = "nginx, lighttpd"
# upstream.conf, one worker, because each keeps its own connections, and a log in
# which each connection has its number.
KEPT = dict(way="nginx, nginx", options=["--max-age", "200ms"], env=[
    ("worker_processes auto;", "worker_processes 1;"),
    ("proxy_pass http://127.0.0.1:8081;", "proxy_pass http://largesse_site;"),
    ("types {", "include upstream.conf; types {"),
    ("access_log access.log;", 'log_format numbers "$connection $request"; '
     "access_log access.log numbers;")])
PROXY = [
    Row("proxy", "Connection", used_again, "proxy_set_header Connection '';",
        **KEPT),
    Row("proxy", "keepalive", used_again, "keepalive 64;", **KEPT),
    Row("proxy", "proxy_http_version, kept", used_again,
        "proxy_http_version 1.1;", **KEPT),
    Row("proxy", "location", answer("/events.html", 404, "text/html",
                                    b"nginx"), way=BEFORE,
        swap=[("location ~ ^/events(?<largesse_path>/.*)?$ {",
               'location /events { set $largesse_path "";')]),
    Row("proxy", "proxy_pass", at_once, way=BEFORE,
        cut="proxy_pass http://127.0.0.1:8081;"),
    Row("proxy", "proxy_http_version", told_apart, way=BEFORE,
        cut="proxy_http_version 1.1;", how="standin"),
    Row("proxy", "proxy_buffering off", held_back, way=BEFORE,
        cut="proxy_buffering off;", how="standin",
        env=[(THERE, "proxy_ignore_headers X-Accel-Buffering;" + THERE)]),
    Row("proxy", "proxy_pass_header", at_once, way=BEFORE,
        cut="proxy_pass_header X-Accel-Buffering;",
        fronts=["nginx", "stock"]),
    Row("proxy", "proxy_read_timeout", quiet, way=BEFORE,
        cut="proxy_read_timeout 60s;",
        env=[(THERE, "proxy_read_timeout 1s;" + THERE)], **SLOW),
    Row("proxy", "Host", echoed("HTTP_HOST", "localhost"), way=BEFORE,
        cut="proxy_set_header Host $http_host;", **ECHO),
    Row("proxy", "X-Forwarded-For", forwarded, way=BEFORE,
        cut="proxy_set_header X-Forwarded-For $remote_addr;", **ECHO),
    Row("proxy", "access_log off", discreet, way=BEFORE,
        cut='if ($args ~* "access_token|(^|[&;])(sign=|[^=&;]*%)") { access_log off; }'),
    Row("proxy", "access_log off, retry", discreet_behind, way=BEFORE,
        swap=[("_retry {\n\taccess_log off;", "_retry {")]),
    Row("proxy", "error_page", behind_is_down, way=BEFORE,
        cut="error_page 502 503 504 = @largesse_site_retry;"),
    Row("proxy", "error_page, for forms", behind_is_down_for_forms,
        way=BEFORE, swap=[("|(GET|HEAD|POST)/stream", "")]),
    Row("proxy", "error_page, not for bare", bare_of_nobody, way=BEFORE,
        cut='if ($args ~ "(^|&)start=bare(&|$)") { return 503; }'),
]

# --- the address, behind a front

INCLUDE = {
    "nginx": ("include events.conf;",
              "include behind.conf; include events.conf;"),
    "lighttpd": ('include "events.conf"',
                 'include "behind.conf"\ninclude "events.conf"'),
    "apache": ("Include events.conf", "LoadModule remoteip_module /usr/lib/"
               "apache2/modules/mod_remoteip.so\nInclude behind.conf\n"
               "Include events.conf"),
}
BEHIND = [Row(inner, line.split()[0] + (", haproxy" if "ha" in way else ""),
              address, line, way=way, env=[INCLUDE[inner]], **ECHO)
          for inner, way, line in (
    ("nginx", "nginx, nginx", "set_real_ip_from 127.0.0.1;"),
    ("nginx", "nginx, nginx", "real_ip_header X-Forwarded-For;"),
    ("nginx", "haproxy, nginx", "real_ip_header X-Forwarded-For;"),
    ("lighttpd", "nginx, lighttpd",
     'extforward.forwarder = ( "127.0.0.1" => "trust" )'),
    ("apache", "nginx, apache", "RemoteIPHeader X-Forwarded-For"),
    ("apache", "nginx, apache", "RemoteIPInternalProxy 127.0.0.1"))]


@each("way", ["haproxy, nginx", "nginx, nginx", "nginx, lighttpd",
              "nginx, apache"])
def test_limit_of_an_address_holds(way):
    """A client cannot choose its address, in whatever lines it sends it."""
    limits = ["--max-streams-per-address", "1", "--trusted-proxy", "127.0.0.1"]
    with site(way, options=limits) as y:
        y.stream(source="127.0.0.3").started()
        for headers in ([], ["X-Forwarded-For: 192.0.2.1"],
                        ["X-Forwarded-For: 192.0.2.2",
                         "X-Forwarded-For: 192.0.2.3"],
                        ["X-Real-IP: 192.0.2.4", "Forwarded: for=192.0.2.5"]):
            s, body = y.get("/events", source="127.0.0.3", headers=headers,
                            timeout=20)
            assert s.status == 200 and b"stream-start" not in body, headers
        y.stream(source="127.0.0.4").started()


@each("row", PROXY)
def test_proxy_without(row):
    run(row)


@each("row", BEHIND)
def test_behind_without(row):
    run(row)
