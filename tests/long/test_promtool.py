"""test_promtool.py - promtool of Debian's Prometheus finds nothing to complain of.

The package is not installed, so nothing of it is started: the program is taken
out of it.
"""

import pathlib
import re
import subprocess
import tempfile

from client import Stream
from fronts import DEPLOY
from hosts import Site
from yard import ROOT

KEPT = ROOT / "build/long/promtool"
PAGE = (DEPLOY / "metrics/README.md").read_text()

# What the alerts have to say, as promtool tests rules: the alert, the series,
# and after how many minutes it is to be there.
CASES = [
    ("LargesseDown", {'up{job="largesse"%s}': "1 1 0x20"}, 5),
    ("LargesseLogNotRead", {"largesse_store_healthy{%s}": "1 1 0x20"}, 5),
    ("LargesseEventsLate", {
        'largesse_delay_seconds_bucket{le="1"%s}': "0+90x40",
        'largesse_delay_seconds_bucket{le="5"%s}': "0+100x40",
        'largesse_delay_seconds_bucket{le="+Inf"%s}': "0+100x40"}, 30),
    ("LargesseAlmostFull", {
        "largesse_streams{%s}": "950x20",
        'largesse_limit{name="max_streams"%s}': "1000x20",
        'largesse_limit{name="max_topics"%s}': "16x20"}, 10),
    ("LargesseClientsMissEvents", {
        "largesse_gaps_total{%s}": "0+1x90",
        "largesse_opened_total{%s}": "0+10x90"}, 80),
]
WELL = {
    'up{job="largesse"%s}': "1x90", "largesse_store_healthy{%s}": "1x90",
    'largesse_delay_seconds_bucket{le="1"%s}': "0+100x90",
    'largesse_delay_seconds_bucket{le="5"%s}': "0+100x90",
    'largesse_delay_seconds_bucket{le="+Inf"%s}': "0+100x90",
    "largesse_streams{%s}": "500x90",
    'largesse_limit{name="max_streams"%s}': "1000x90",
    "largesse_gaps_total{%s}": "0 3x90", "largesse_opened_total{%s}": "0+10x90"}


def promtool(*args, **kw):
    program = KEPT / "usr/bin/promtool"
    if not program.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        KEPT.chmod(0o755)
        subprocess.run(["apt-get", "download", "prometheus"], cwd=KEPT,
                       check=True, capture_output=True, timeout=600)
        deb = next(KEPT.glob("prometheus_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(deb), str(KEPT)], check=True)
        deb.unlink()
    ran = subprocess.run([str(program), *args], text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def test_promtool_finds_nothing_in_the_metrics():
    with Site(status=True) as y:
        s = y.stream().started()
        y.insert("one")
        s.next_event()
        text = Stream(("127.0.0.1", y.status_port),
                      "/events/metrics").rest().decode()
    assert promtool("check", "metrics", input=text) == ""


def test_promtool_takes_the_files_as_the_page_copies_them():
    """The lines of deploy/metrics/README.md, but for the reload."""
    with tempfile.TemporaryDirectory() as d:
        (pathlib.Path(d) / "prometheus.yml").write_text(
            (DEPLOY / "metrics/prometheus.yml").read_text())
        copy, check, _ = re.search(r"((?:^\t(?:sudo|promtool).*\n){3})", PAGE,
                                   re.M)[1].replace("\t", "").splitlines()
        subprocess.run(copy.replace("sudo ", "").replace("/etc/prometheus", d),
                       shell=True, check=True, cwd=ROOT)
        said = promtool(*check.replace("/etc/prometheus", d).split()[1:])
    assert "5 rules found" in said


def no_alert(series, minutes):
    """One case of promtool's, as YAML: no alert fires.  It names those that do."""
    lines = ["  - interval: 1m", "    input_series:"]
    for s, values in series.items():
        s = (s % (',instance="a"' if "=" in s else 'instance="a"'))
        lines += ["      - series: '%s'" % s, "        values: '%s'" % values]
    lines.append("    alert_rule_test:")
    for alert in re.findall(r"alert: (\w+)",
                            (DEPLOY / "metrics/alerts.yml").read_text()):
        lines += ["      - eval_time: %dm" % minutes,
                  "        alertname: " + alert]
    return "\n".join(lines)


def test_each_alert_comes_when_it_should_and_else_not():
    promtool("check", "rules", str(DEPLOY / "metrics/alerts.yml"))
    for name, series, minutes in [*CASES, (None, WELL, 80)]:
        with tempfile.TemporaryDirectory() as d:
            path = pathlib.Path(d) / "test.yml"
            path.write_text("rule_files:\n  - %s\ntests:\n%s\n" % (
                DEPLOY / "metrics/alerts.yml",
                no_alert(series, minutes)))
            ran = subprocess.run([str(KEPT / "usr/bin/promtool"), "test",
                                  "rules", str(path)], text=True,
                                 capture_output=True, timeout=60)
        fired = re.findall(r"alertname: (\w+)", ran.stdout + ran.stderr)
        assert fired == ([name] if name else []), (
            name, ran.stdout + ran.stderr)
