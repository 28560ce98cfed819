"""test_haproxy.py - what each directive of deploy/haproxy is for."""

import socket

from hosts import Site
from probes import (bare_of_nobody, behind_dies, behind_is_down,
                    behind_is_down_for_forms, forwarded, health_of_nobody,
                    noticed, post_to_nobody, prompt, retry, silent_start,
                    spread_behind)
from tap import each
from without import ECHO, Row, run
from yard import ROOT

FIRST = "haproxy, nginx"
# Otherwise it tries for three seconds before it gives up.
SOON = [("timeout connect 5s", "timeout connect 5s\n\tretries 0")]
KNOWN = ("if { nbsrv eq 0 }", "if { nbsrv eq 9 }")
HAPROXY = [
    Row("haproxy", "mode http", forwarded, "\tmode http", way=FIRST, **ECHO),
    Row("haproxy", "option forwardfor", forwarded, "option forwardfor",
        way=FIRST, **ECHO),
    Row("haproxy", "option http-no-delay", prompt, "option http-no-delay",
        way=FIRST),
    Row("haproxy", "option abortonclose", noticed(0), "option abortonclose",
        way=FIRST, how="standin"),
    *[Row("haproxy", line, silent_start("front.log", "missing timeouts"),
          line, way=FIRST) for line in (
        "timeout connect 5s", "timeout client 60s", "timeout server 60s")],
    Row("haproxy", "use_backend", behind_is_down, way=FIRST, env=SOON,
        cut="use_backend events if { path_reg ^/events/?$ } "
        "{ method GET HEAD } !{ query -m reg (^|&)start=bare(&|$) }"),
    Row("haproxy", "use_backend, for forms", behind_is_down_for_forms,
        way=FIRST, env=SOON, cut="use_backend events if { path /events/stream "
        "} { method GET HEAD POST } !{ query -m reg (^|&)start=bare(&|$) }"),
    Row("haproxy", "use_backend, for streams", post_to_nobody, way=FIRST,
        env=SOON, swap=[(" { method GET HEAD }", "")]),
    Row("haproxy", "use_backend, not for health", health_of_nobody,
        way=FIRST, env=SOON,
        swap=[("path_reg ^/events/?$", "path_beg /events")]),
    Row("haproxy", "use_backend, not for bare", bare_of_nobody, way=FIRST,
        env=SOON, swap=[
            (" !{ query -m reg (^|&)start=bare(&|$) }", "")]),
    Row("haproxy", "http-request return", spread_behind, way=FIRST, env=SOON,
        swap=[KNOWN]),
    Row("haproxy", "http-request set-var", spread_behind, way=FIRST, env=SOON,
        cut="http-request set-var(txn.retry) rand(9000),add(1000)"),
    Row("haproxy", "check", spread_behind, way=FIRST, env=SOON,
        cut=" check inter 1s fall 1"),
    Row("haproxy", "errorfile 502", behind_dies, way=FIRST, how="silent",
        cut="errorfile 502 /etc/haproxy/retry.http"),
    Row("haproxy", "errorfile 503", behind_is_down, way=FIRST, env=SOON,
        cut="errorfile 503 /etc/haproxy/retry.http"),
    Row("haproxy", "errorfile 504", retry, way=FIRST, how="silent",
        cut="errorfile 504 /etc/haproxy/retry.http",
        env=[("timeout server 60s", "timeout server 1s")]),
]


@each("row", HAPROXY)
def test_haproxy_without(row):
    run(row)


def test_haproxy_log_without_the_query():
    """In the format that deploy/auth.md names."""
    assert "`%HM %HP`" in (ROOT / "deploy/auth.md").read_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log:
        log.bind(("127.0.0.1", 0))
        log.settimeout(60)
        lines = "\tlog 127.0.0.1:%d local0\n\tlog-format \"%%HM %%HP.\"\n"
        with Site("nginx", fronts=["haproxy"], edits=[("defaults\n", (
                "defaults\n" + lines % log.getsockname()[1]))]) as y:
            y.get("/events/health?access_token=secret&sign=secret")
            said = ""
            while "GET" not in said:    # first it may tell of its checks
                said = log.recv(4096).decode()
    assert "GET /events/health." in said and "secret" not in said, said
