"""test_metrics.py - /events/metrics is as Prometheus wants it, and what deploy/metrics
asks for is there.

promtool itself is asked by tests/long/test_promtool.py.
"""

import json
import re
import subprocess

from client import Stream
from fronts import DEPLOY
from hosts import Site
from tap import each
from yard import ROOT, end_process, until

PAGE = DEPLOY / "metrics/README.md"
ALERTS = (DEPLOY / "metrics/alerts.yml").read_text()
GRAFANA = json.loads((DEPLOY / "metrics/grafana.json").read_text())
SAMPLE = re.compile(r"^([a-z_:][a-z0-9_:]*)(\{(.*)\})? (\S+)$")
# Of promtool's linter: a unit that is no base unit, also if it is cut short.
UNITS = re.compile(
    r"_(s|ms|us|ns|sec|kb|mb|gb|tb|pb|b|milliseconds|microseconds|nanoseconds|"
    r"minutes|hours|days|weeks|kilobytes|megabytes|gigabytes|bits|percent)(_|$)")


def get(y, name):
    s = Stream(("127.0.0.1", y.status_port), "/events/" + name,
               headers=["Accept: */*"])
    assert s.status == 200, s.status
    return s.rest().decode()


def busy():
    """A site with a stream that was sent an event, and one that has ended."""
    y = Site(status=True)
    y.stream().started().close()
    s = y.stream().started()
    y.insert("one")
    s.next_event()
    until("one has ended", lambda: json.loads(get(y, "status"))["ended"]["left"])
    return y


def families(text):
    """The type of each family, and of each the samples: name, labels, value."""
    types, samples, told = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            told, words = line.split(" ", 3)[2:]
            assert told not in types and len(words) > 5, line
        elif line.startswith("# TYPE "):
            name, types[told] = line.split(" ")[2:]
            assert name == told, line
            samples[told] = []
        else:
            name, _, labels, value = SAMPLE.match(line).groups()
            ends = ("_bucket", "_sum", "_count")
            assert name == told or (types[told] == "histogram" and name in
                                    [told + end for end in ends]), line
            assert (name, labels) not in [s[:2] for s in samples[told]], line
            samples[told].append((name, labels, float(value)))
    return types, samples


def test_metrics_are_as_prometheus_wants_them():
    with busy() as y:
        text = get(y, "metrics")
    types, samples = families(text)
    assert len(types) > 40
    for name, kind in types.items():
        assert kind in ("counter", "gauge", "histogram"), name
        assert (kind == "counter") == name.endswith("_total"), name
        assert not UNITS.search(name.removesuffix("_total")), name
        assert not re.search("_(counter|gauge|histogram|bucket|sum|count)$", name)
        assert samples[name], name
        if kind != "histogram":
            continue
        buckets = [v for n, _, v in samples[name] if n.endswith("_bucket")]
        count = [v for n, _, v in samples[name] if n.endswith("_count")]
        les = [float(re.match(r'le="(.+)"$', labels)[1]) for n, labels, _ in
               samples[name] if n.endswith("_bucket")]
        assert buckets == sorted(buckets) and les == sorted(les), name
        assert les[-1] == float("inf") and buckets[-1] == count[0] > 0, name


def queries():
    """What the alerts and the dashboard ask for, and who asks."""
    for name, expr in re.findall(
            r"alert: (\w+)\n\s+expr: (.+)", ALERTS):
        yield name, expr
    for panel in GRAFANA["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in GRAFANA["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def test_alerts_and_dashboard_name_metrics_that_there_are():
    with busy() as y:
        _, samples = families(get(y, "metrics"))
    there = {s[0] for family in samples.values() for s in family}
    labels = {word for family in samples.values() for s in family if s[1]
              for word in re.findall(r"(\w+)=", s[1])}
    limits = {s[1] for s in samples["largesse_limit"]}
    asked = list(queries())
    assert len(asked) > 20
    for who, query in asked:
        names = set(re.findall(r"\blargesse_\w+", query))
        assert (names or query.startswith("up{")) and names <= there, (
            who, names - there)
        for word in re.findall(r"[{,](\w+)(?:=~|=)", query):
            assert word in labels | {"instance", "job"}, (who, word)
        for word in re.findall(r"max_streams\w*", query):
            assert 'name="%s"' % word in limits, (who, word)


def test_there_are_five_alerts_and_the_page_has_them():
    names = re.findall(r"alert: (\w+)", ALERTS)
    assert len(set(names)) == 5
    table = re.findall(r"^\| `(Largesse\w+)` \|", PAGE.read_text(), re.M)
    assert table == names
    for name in re.findall(r"`(largesse_[a-z_]+)", PAGE.read_text()):
        with_it = name in ALERTS or name in json.dumps(GRAFANA)
        assert with_it or name == "largesse_store_trouble", name


def test_dashboard_has_a_panel_for_each_number():
    ids = [p["id"] for p in GRAFANA["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for p in GRAFANA["panels"]:
        at = p["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, p["title"]
        taken |= cells


def test_page_looks_for_the_figures():
    """The first line of deploy/metrics/README.md, as it is pasted."""
    line = re.search(r"^\t(curl .+)$", PAGE.read_text(), re.M)[1]
    with Site(status=True) as y:
        y.stream().started()
        ran = subprocess.run(line.replace("8082", str(y.status_port)),
                             shell=True, text=True, capture_output=True,
                             timeout=60)
    assert "\nlargesse_streams 1\n" in ran.stdout, ran.stdout + ran.stderr


# --- reasons ------------------------------------------------------------------

def manual():
    """The reasons of the manual, in its order."""
    text = (ROOT / "fcgi/largesse-events.5").read_text()
    part = text.split("REASONS: the words")[1].split("\n.El")[0]
    return re.findall(r"^\.It Li (\S+)$", part, re.M)


@each("where", ["status", "metrics", "page"])
def test_reasons_are_the_same_words_everywhere(where):
    if where == "page":
        text = (DEPLOY / "www/status.html").read_text()
        part = re.search(r"const REASONS = \{(.*?)\};", text, re.S)[1]
        found = [a or b for a, b in re.findall(
            r'(?:^|[,\s])(?:"([a-z-]+)"|([a-z]+)): "', part)]
    else:
        with Site(status=True) as y:
            text = get(y, where)
        found = (list(json.loads(text)["ended"]) if where == "status" else
                 re.findall(r'^largesse_ended_total\{reason="(.+)"\}', text,
                            re.M))
    assert found == manual() and len(found) == 14, (found, manual())


def test_the_error_log_has_these_words_too():
    with Site(status=True) as y:
        y.stream().started().close()
        until("it has ended", lambda: json.loads(
            get(y, "status"))["ended"]["left"] == 1)
        y.stream().started()
        end_process(y.responder)
        said = (y.dir / "responder.log").read_text()
    line = re.search(r"stopped: streams ended: (.+)$", said, re.M)[1]
    told = dict(reversed(part.split()) for part in line.split(", "))
    assert set(told) <= set(manual()) and told["left"] == "1", line
    assert sum(map(int, told.values())) == 2, line
