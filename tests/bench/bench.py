#!/usr/bin/python3
"""bench.py - measures largesse against its peers and writes one table.

usage: bench.py [--quick] [--rounds N] [--rows A,B] [--peers A,B] [--tls]
       bench.py --more          more rounds, added to the last results
       bench.py --again         the table and plots of the last results

--tls: the rows that are measured over TLS, too, and of their peers those that
have TLS in front, beside the same without it.

Each round runs every row, and each row measures all its peers in turn.
Results go to build/bench: results.json, table.md and *.svg.  The program only
measures: no figure makes it fail.
"""
import argparse
import json
import os
import re
import resource
import signal
import sys
import time

sys.dont_write_bytecode = True      # nothing of ours outside build/

import harm     # noqa: E402
import many     # noqa: E402
import plot     # noqa: E402
import report   # noqa: E402
import rows     # noqa: E402
import runs     # noqa: E402
import storms   # noqa: E402
from rows import BOTH, CEILINGS, TLS, plain     # noqa: E402
from yard import BUILT, CLIENT_CPUS, Others, Trouble    # noqa: E402

ALL = ('nchan',) + CEILINGS + BOTH
REDIS = ('largesse/nginx, redis',)
RESUMABLE = ('resumable-stream', 'resumable-stream, each token',
             'resumable-stream, first reader')
NGINX = ('nchan', 'ceiling/nginx', 'largesse/nginx')
TLS_OURS = tuple(name for name in TLS if name.startswith('largesse'))


class Row:
    def __init__(self, measure, peers, quick=(), rounds=None):
        self.name = measure.__name__
        self.measure = measure
        self.peers = peers
        self.quick = quick      # peers of --quick; none: left out there
        self.rounds = rounds or {}  # at most so many: no goal asks for it


ROWS = (
    Row(rows.most, ALL + REDIS + ('node',) + TLS, ALL + REDIS, {'node': 1}),
    Row(rows.busy, ALL + ('node',) + TLS, ('nchan',) + BOTH, {'node': 1}),
    Row(rows.alone, ALL, ('ceiling/nginx', 'largesse/nginx')),
    Row(rows.one, ALL + REDIS + ('php', 'node') + TLS,
        ('nchan',) + BOTH + REDIS,
        {'php': 1, 'node': 1}),
    Row(rows.crowd, ALL + ('nchan, small pools',) + TLS, NGINX,
        {'nchan, small pools': 1}),
    Row(rows.resume, ALL + ('php',) + TLS_OURS, BOTH + ('php',), {'nchan': 1}),
    Row(rows.resume_many, CEILINGS + BOTH + ('php',), BOTH[:1]),
    Row(rows.storm, CEILINGS + BOTH + TLS_OURS, BOTH[:1]),
    Row(rows.browsers, TLS),
    Row(rows.stall, CEILINGS + BOTH, (), dict.fromkeys(CEILINGS, 1)),
    Row(storms.stalled, BOTH),
    Row(storms.storms, ('nchan',) + BOTH),
    Row(storms.reloads, BOTH[:1]),
    Row(rows.commits, BOTH, BOTH[:1]),
    Row(rows.post, ALL + ('largesse/nginx, kept',),
        ('nchan',) + CEILINGS[:1] + BOTH[:1]),
    Row(rows.scale, ('ceiling/nginx', 'largesse/nginx')),
    Row(rows.topic, BOTH[:1], BOTH[:1]),
    Row(runs.runs, BOTH + RESUMABLE, BOTH[:1] + RESUMABLE[:1]),
    Row(runs.history, BOTH + RESUMABLE[:1], BOTH[:1]),
    Row(many.many, ('nchan',) + BOTH[:1]),
    Row(many.readers, REDIS),
    Row(rows.streams, ALL, rounds=dict.fromkeys(ALL, 1)),
    Row(harm.harm, BOTH[:1] + REDIS, BOTH[:1] + REDIS),
)


def options():
    p = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    p.add_argument('--quick', action='store_true',
                   help='one round of the most telling rows')
    p.add_argument('--rounds', type=int)
    p.add_argument('--rows', help=', '.join(r.name for r in ROWS))
    p.add_argument('--peers')
    p.add_argument('--tls', action='store_true')
    p.add_argument('--more', action='store_true')
    p.add_argument('--again', action='store_true')
    o = p.parse_args()
    o.rounds = o.rounds or (1 if o.quick else 5)
    names = [r.name for r in ROWS]
    o.rows = o.rows.split(',') if o.rows else [
        r.name for r in ROWS if (set(r.peers) & set(TLS) if o.tls else
                                 r.quick or not o.quick)]
    o.peers = re.split(',(?! )', o.peers) if o.peers else []
    if o.tls:
        o.peers += TLS + tuple({plain(name) for name in TLS})
    for name in o.rows:
        if name not in names:
            p.error(f'no row {name}; there are {", ".join(names)}')
    return o


def chosen(row, o, number, samples):
    """The peers of a row in this round; each round starts with another.
    samples: what was measured before, by peer."""
    peers = row.quick if o.quick and row.quick else row.peers
    if o.peers:     # also those that --quick leaves out
        peers = [p for p in row.peers if p in o.peers]
    peers = [p for p in peers
             if len(samples.get(p, ())) < row.rounds.get(p, number)]
    turn = (number - 1) % len(peers) if peers else 0
    return list(peers[turn:]) + list(peers[:turn])


def brief(figures):
    return ' '.join(f'{k}={v:.4g}' if isinstance(v, float) else f'{k}={v}'
                    for k, v in figures.items()
                    if not isinstance(v, (list, dict)))


def measure(row, peer, quick):
    began, others = time.monotonic(), Others()
    try:
        figures = row.measure(peer, quick)
    except (Trouble, OSError) as e:
        figures = {'trouble': str(e) or repr(e)}
    figures['others'] = others.cores()
    print(f'{row.name:12} {peer:18} {time.monotonic() - began:5.1f} s  '
          f'{brief(figures)}', flush=True)
    return figures


def run(o):
    results, done = again() if o.more else ({}, 0)
    for number in range(done + 1, done + o.rounds + 1):
        for row in ROWS:
            if row.name not in o.rows:
                continue
            samples = results.setdefault(row.name, {})
            for peer in chosen(row, o, number, samples):
                samples.setdefault(peer, {})[number] = measure(
                    row, peer, o.quick)
        # A run that is stopped leaves the rounds that it had.
        report.write(results, number)
    return results, done + o.rounds


def again():
    with open(os.path.join(BUILT, 'results.json')) as f:
        saved = json.load(f)
    for samples in saved['rows'].values():
        for peer in samples:
            samples[peer] = {int(r): s for r, s in samples[peer].items()}
    return saved['rows'], saved['rounds']


def main():
    o = options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(BUILT, exist_ok=True)
    os.sched_setaffinity(0, CLIENT_CPUS)
    results, rounds = again() if o.again else run(o)
    print()
    print(report.write(results, rounds))
    for path in plot.write(results):
        print(os.path.relpath(path))


if __name__ == '__main__':
    sys.exit(main())
