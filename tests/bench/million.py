#!/usr/bin/python3
"""million.py - what a million streams take, computed from what was measured.

usage: million.py [--streams N] [--cores N] [--memory GIB] [--events N]
                  [--within SECONDS] [--tls] [--results FILE]

Reads the rows `many` and `readers` of build/bench/results.json, and with --tls
also `crowd`.  Nobody ran a million streams: this is arithmetic, and it prints
what it assumes.
"""
import argparse
import json
import math
import os
import sys
from statistics import median

sys.dont_write_bytecode = True      # nothing of ours outside build/

from many import MISSED, STREAMS    # noqa: E402
from yard import BUILT    # noqa: E402

PEER = 'largesse/nginx'
REDIS = 'largesse/nginx, redis'
OVER_TLS = 'largesse/nginx, TLS'
BY_DELIVERY = ('total_us', 'last_ms', 'idle_percent')   # a heartbeat is one
MEMORY_PART = 0.7       # of a host's memory that is planned for
CPU_PART = 0.5          # of its cores that events may take
WIRE_BYTES = 300        # an event of 100 bytes with all headers, about
RETRY_S = 3             # a browser was told 1 to 3 s
CHECK_S = 5             # until a balancer knows that a host is gone
GIB = 1 << 30

ASSUMED = f"""\
What is assumed:

- Cores add up: a host of C cores does C times what the one core of the
  measurement did.  nginx and the responder shared that core; to send an
  event, and after its restart, the responder could use the clients', too.
- What a delivery costs over a network card is what it cost over loopback.
  There the receiver's half of TCP is in the figure, which a real host does not
  pay; it pays for the card instead.
- The kernel's memory is that of both ends of each connection, of which a host
  has one: it is too much.
- {MEMORY_PART:.0%} of the memory and {CPU_PART:.0%} of the cores are planned for.  A delivery \
has
  {WIRE_BYTES} bytes on the wire.
- Times to open and to come back lie on the line through what the least and
  the most streams took, also beyond them.
- All streams get the same events.
- A host more than needed is there, so that one may be lost.  Its browsers were
  told to come back after up to {RETRY_S} s; the balancer knows of the loss after
  {CHECK_S} s, and spreads them evenly.
- The log is on one Redis of one core, which every worker reads by itself, each
  event once.  Not in the model: the failover of Redis (streams stay open and
  wait for it), a Redis for many regions, publishing.\
"""


NO_TLS = '- There is no TLS.'
WITH_TLS = """\
- TLS adds to memory, to a delivery and to opening a stream what it added at
  9,900 streams.  Each stream that comes back makes a full handshake.\
"""


class Measured:
    """Medians over the rounds.  The row `many` is without TLS: with tls, what
    the row `crowd` took more over TLS is added."""

    def __init__(self, rows, tls=False):
        self.rows, self.tls = rows, tls
        measured = [n for n in STREAMS if self.values(f'last_ms_{n}')]
        if not measured:
            raise SystemExit('million: no row many: run bench.py --rows many')
        self.least, self.n = min(measured), max(measured)

    def values(self, figure, row='many', peer=PEER):
        by_round = self.rows.get(row, {}).get(peer, {})
        return [f[figure] for f in by_round.values() if figure in f]

    def get(self, figure, row='many', peer=PEER):
        values = self.values(figure, row, peer)
        if not values:
            raise SystemExit(f'million: no {figure} of the row {row} for '
                             f'{peer}: run bench.py --rows {row}' +
                             (' --tls' if row == 'crowd' else ''))
        return median(values)

    def of_crowd(self, figure):
        """Without TLS, and with it."""
        return [self.get(figure, 'crowd', peer) for peer in (PEER, OVER_TLS)]

    def most(self, figure):
        value = self.get(f'{figure}_{self.n}')
        if self.tls and figure in BY_DELIVERY:
            plain, tls = self.of_crowd('total_us')
            value *= tls / plain
        if self.tls and figure == 'after_bytes':
            plain, tls = self.of_crowd('after_bytes')
            value += tls - plain
        return value

    def handshakes(self, streams):
        """Seconds that they take one core."""
        plain, tls = self.of_crowd('connect_us') if self.tls else (0, 0)
        return (tls - plain) * streams / 1e6

    def seconds(self, figure, streams):
        """On the line through what the least and the most streams took."""
        last = self.most(figure)
        if self.least == self.n:
            return last * streams / self.n + self.handshakes(streams)
        first = self.get(f'{figure}_{self.least}')
        each = max(0.0, (last - first) / (self.n - self.least))
        return (max(0.0, first - each * self.least) + each * streams +
                self.handshakes(streams))


def limits(m, want):
    """What allows how many streams a host, by name."""
    stream = m.most('after_bytes') + m.most('kernel_bytes')
    sent = m.most('total_us') / 1e6 * want.events
    held = m.most('idle_percent') / 100 / m.n   # by heartbeats
    return {
        'memory': want.memory * GIB * MEMORY_PART / stream,
        'processor time': CPU_PART * want.cores / (sent + held),
        f'an event at the last stream within {want.within:g} s':
            want.within * 1e3 / m.most('last_ms') * m.n * want.cores}


def plan(m, want):
    """Figures of the whole, in the order in which they are printed."""
    found = limits(m, want)
    why = min(found, key=found.get)
    needed = math.ceil(want.streams / found[why])
    hosts = needed + 1
    each = want.streams / hosts
    after = want.streams / needed       # when one is lost
    a_core = each / want.cores
    responders = max(1, math.ceil(
        want.cores * m.most('responder_us') / m.most('total_us')))
    workers = hosts * responders
    read_us = m.get('read_us', 'readers', REDIS)
    event_us = m.get('redis_us_1', 'readers', REDIS) + read_us * (workers - 1)
    lost = CHECK_S + RETRY_S + m.seconds(
        'connect_s', (after - each) / want.cores)
    gib = (m.most('after_bytes') + m.most('kernel_bytes')) / GIB
    return (
        ('hosts, one of them to spare', f'{hosts}'),
        ('what decides how many streams a host has', why),
        ('streams a host; when one is lost', f'{each:,.0f}; {after:,.0f}'),
        ('processes a host: nginx; responder (`--workers`)',
         f'{want.cores}; {responders}'),
        ('descriptors a process: nginx; responder',
         f'{2 * after / want.cores:,.0f}; {after / responders:,.0f}'),
        ('memory a host: processes; with the kernel',
         f'{after * m.most("after_bytes") / GIB:.1f} GiB; '
         f'{after * gib:.1f} GiB'),
        ('memory in all, with the kernel', f'{want.streams * gib:.0f} GiB'),
        (f'events a second to all: {want.events:g}; processor time a host',
         f'{each * want.events * m.most("total_us") / 1e6:.1f} of '
         f'{want.cores} cores'),
        ('on the wire, a host',
         f'{each * want.events * WIRE_BYTES * 8 / 1e9:.2f} Gbit/s'),
        ('processor time for heartbeats, nobody publishing',
         f'{m.most("idle_percent") / 100 / m.n * each:.2f} of {want.cores} '
         'cores'),
        ('reads of Redis an event', f'{workers}'),
        ('processor time of Redis an event; events a second at most',
         f'{event_us / 1e3:.1f} ms; {1e6 / event_us:,.0f}'),
        ('an event is at the last stream after',
         f'{m.most("last_ms") / 1e3 / m.n * a_core:.1f} s'),
        (f'a responder is restarted, {MISSED} events are missed: all of its '
         'host have them after', f'{m.seconds("responder_s", a_core):.0f} s'),
        ('an nginx is restarted: the same',
         f'{m.seconds("web_s", a_core):.0f} s'),
        ('a host is lost: all of its streams are open elsewhere after',
         f'{lost:.0f} s'),
        ('all hosts are started at once: all are open after',
         f'{m.seconds("connect_s", a_core) + RETRY_S:.0f} s'))


def options():
    p = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    p.add_argument('--streams', type=int, default=1000000)
    p.add_argument('--cores', type=int, default=8, help='of a host')
    p.add_argument('--memory', type=float, default=32, help='of a host, GiB')
    p.add_argument('--events', type=float, default=1,
                   help='a second, to all streams')
    p.add_argument('--within', type=float, default=1,
                   help='seconds until the last stream has an event')
    p.add_argument('--tls', action='store_true')
    p.add_argument('--results', default=os.path.join(BUILT, 'results.json'))
    return p.parse_args()


def main():
    want = options()
    with open(want.results) as f:
        m = Measured(json.load(f)['rows'], want.tls)
    print(f'{want.streams:,} streams on hosts of {want.cores} cores and '
          f'{want.memory:g} GiB, from what {m.n:,} streams took on one core:\n')
    print('| | |\n|---|---|')
    for what, value in plan(m, want):
        print(f'| {what} | {value} |')
    print(f'\n{ASSUMED}\n{WITH_TLS if want.tls else NO_TLS}')


if __name__ == '__main__':
    sys.exit(main())
