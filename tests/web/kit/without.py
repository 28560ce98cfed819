"""without.py - shows what a directive is for by leaving it out.

A Row is a line of a table in deploy/*/README.md.  Its probe checks a site with
the shipped configuration, which must be well, and then a site without the
directive, which must fail.  Both have the same surroundings, in which the
directive is needed: a setting further up, a tier in front, a responder that is
down.
"""

import contextlib
import resource

from probes import LONG, SHORT, starts
from ways import site


@contextlib.contextmanager
def few_descriptors(n):
    """What we start now may have n descriptors, unless it raises that."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


# --- surroundings that several rows have

HERE = "include events.conf;"
POST = dict(method="POST", body=b"data=x")
DOWN = dict(how="none")
ECHO = dict(echo=True)
SLOW = dict(options=["--heartbeat", "1500ms"])

# A cache further up, with a lock, for everything that may be cached.
CACHED = [("types {", "proxy_cache_path tmp-cache keys_zone=z:1m; types {"),
          ("location / { proxy_pass", "location / { proxy_cache z; "
           "proxy_cache_valid 200 1m; proxy_pass")]


class Row:
    """cut: what is left out; swap: what is put in its place; env: the
    surroundings; the rest goes to Site."""

    def __init__(self, server, name, probe, cut=(), swap=(), env=(),
                 way=None, few=None, **kw):
        self.name = "%s: %s" % (server, name)
        self.way = way or server
        self.few = few              # descriptors of a server
        self.probe, self.env, self.kw = probe, list(env), kw
        self.cut = [cut] if isinstance(cut, str) else list(cut)
        self.swap = list(swap)

    def __str__(self):
        return self.name

    def site(self, without):
        # The directive is cut first: the surroundings may change its lines.
        edits = self.swap + self.env if without else self.env
        cut = self.cut if without else ()
        with few_descriptors(self.few) if self.few else (
                contextlib.nullcontext()):
            return site(self.way, cut=cut, edits=edits, **self.kw)


well = set()    # rows that were well as shipped


def run(row):
    what = repr((row.way, row.probe.__qualname__, row.env, row.few,
                 sorted(row.kw.items())))
    if what not in well:
        with row.site(False) as y:
            assert row.probe(y, LONG), "not even as it is shipped"
        well.add(what)
    try:
        y = row.site(True)
    except RuntimeError:
        assert row.probe is starts, "it does not even start"
    else:
        with y:
            assert not row.probe(y, SHORT), "it is well without it"
