#!/usr/bin/python3
"""soak.py - the same load for an hour: does anything grow, is anything lost?

usage: soak.py [--minutes 60] [--streams 5000] [--rate 4] [--churn 1]
               [--peer largesse/nginx] [--every 5] [--name soak]

A steady rate of events goes to all streams, and so many percent of the streams
are cut a second and come back with their last id.  Memory and descriptors of
all processes go to build/bench/NAME.csv every few seconds, and a plot of them
to NAME.svg.  The verdict comes at the end, and also on SIGTERM and SIGINT: then
it is about the time that there was.  The exit status is 1 if anything was lost,
repeated or refused, or if something grew.

The log keeps its newest 20,000 rows, so that it does not grow, either.
"""
import argparse
import csv
import os
import resource
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True      # nothing of ours outside build/

import plot     # noqa: E402
from peers import LARGESSE, log_path    # noqa: E402
from scene import Scene     # noqa: E402
from yard import (BUILT, CLIENT_CPUS, WWW, Others, Trouble,     # noqa: E402
                  family, pss_bytes)

COLUMNS = ('seconds', 'responder_bytes', 'web_bytes', 'client_bytes',
           'responder_fds', 'web_fds', 'client_fds', 'live', 'connects', 'cuts',
           'unanswered', 'denied', 'deliveries', 'missing', 'repeated',
           'gaps', 'torn', 'strange', 'p50_ms', 'p99_ms', 'max_ms', 'wal_bytes',
           'log_bytes', 'others')
SUMS = ('deliveries', 'missing', 'repeated', 'gaps', 'torn', 'strange')
FAULTS = ('missing', 'repeated', 'gaps', 'torn', 'strange', 'denied')
# What may not grow from the second quarter of the time to the last: by more
# than 3 % and by more than this.
FLAT = (('responder_bytes', 512 * 1024), ('web_bytes', 2 << 20),
        ('responder_fds', 100), ('web_fds', 200), ('wal_bytes', 8 << 20))


def options():
    p = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    p.add_argument('--minutes', type=float, default=60)
    p.add_argument('--streams', type=int, default=5000)
    p.add_argument('--rate', type=float, default=4, help='events a second')
    p.add_argument('--churn', type=float, default=1,
                   help='percent of the streams cut a second')
    p.add_argument('--peer', default='largesse/nginx')
    p.add_argument('--every', type=float, default=5, help='seconds')
    p.add_argument('--name', default='soak')
    return p.parse_args()


def descriptors(pids):
    return sum(len(os.listdir(f'/proc/{pid}/fd')) for pid in pids)


def size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


class Soak:
    def __init__(self, s, o):
        self.s, self.o = s, o
        self.rows, self.stopped = [], False
        self.others = Others()
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self.stop)

    def stop(self, *_):
        """The round that runs ends first."""
        self.stopped = True

    def look(self):
        """One row: what the processes hold now, what came since the last."""
        s, client = self.s, family(self.s.client.p.pid)
        own, web = s.peer.responder_pids(), s.peer.web_pids()
        row = {'seconds': round(time.monotonic() - self.began, 1),
               'responder_bytes': pss_bytes(own), 'web_bytes': pss_bytes(web),
               'client_bytes': pss_bytes(client),
               'responder_fds': descriptors(own), 'web_fds': descriptors(web),
               'client_fds': descriptors(client),
               'others': round(self.others.cores(), 2)}
        if s.peer.durable and 'redis' not in s.peer_name:
            row['wal_bytes'] = s.peer.wal_bytes()
            row['log_bytes'] = size(log_path(s.yard))
        row.update(s.client.ask('group 0'))
        row.update(s.client.ask('report'))
        s.client.ask('mark')
        self.others = Others()
        return {name: row.get(name, '') for name in COLUMNS}

    def run(self):
        s, o = self.s, self.o
        s.open(o.streams, first=1, again=1000)
        s.run(o.rate, 2)
        s.client.ask(f'churn 0 {o.streams * o.churn / 100}')
        s.client.ask('mark')
        path = os.path.join(BUILT, o.name + '.csv')
        self.began = time.monotonic()
        end = self.began + o.minutes * 60
        with open(path, 'w', newline='') as f:
            out = csv.DictWriter(f, COLUMNS)
            out.writeheader()
            while time.monotonic() < end and not self.stopped:
                s.last = s.publisher.ask(f'run {o.rate} {o.every}')['last']
                self.rows.append(self.look())
                out.writerow(self.rows[-1])
                f.flush()
        s.client.ask('churn 0 0')
        s.last = s.publisher.ask('burst 1')['last']
        done = s.client.ask(f'wait 0 {s.last} 60')
        self.rows.append(self.look())
        self.rows[-1]['missing'] += done['below']
        return path


def total(rows, name):
    """The report counts since the mark, the group since it was opened."""
    if name in SUMS:
        return sum(r[name] for r in rows)
    return rows[-1][name]


def mean(rows, name):
    values = [r[name] for r in rows if r[name] != '']
    return sum(values) / len(values) if values else 0


def grown(rows, name, slack):
    """From the second quarter to the last, if that is too much."""
    n = len(rows) // 4
    if n == 0:
        return 0
    before, after = mean(rows[n:2 * n], name), mean(rows[-n:], name)
    by = after - before
    return by if by > slack and by > before * 0.03 else 0


def show(name, value):
    return (f'{value / 2**20:.1f} MiB' if name.endswith('_bytes')
            else f'{value:g}')


def verdict(rows, o, stopped):
    minutes = rows[-1]['seconds'] / 60
    bad = [f'{total(rows, name)} {name}' for name in FAULTS
           if total(rows, name)]
    bad += [f'{name} grew by {show(name, grown(rows, name, slack))}'
            for name, slack in FLAT if grown(rows, name, slack)]
    if stopped and minutes < o.minutes - 0.1:
        print(f'stopped after {minutes:.1f} of {o.minutes:g} minutes; this is '
              'about the time that there was')
    print(f'{o.peer}: {minutes:.1f} minutes, {o.streams} streams, '
          f'{o.rate:g} events/s, {o.churn:g} % cut a second: '
          f'{total(rows, "deliveries")} deliveries, '
          f'{rows[-1]["connects"]} connects; lost '
          f'{total(rows, "missing")}, repeated {total(rows, "repeated")}, '
          f'gaps {total(rows, "gaps")}, refused {rows[-1]["denied"]}')
    print('| what | first | last | least | most |\n|---|---|---|---|---|')
    for name in ('responder_bytes', 'web_bytes', 'client_bytes',
                 'responder_fds', 'web_fds', 'client_fds', 'wal_bytes',
                 'log_bytes', 'p50_ms', 'p99_ms'):
        values = [r[name] for r in rows if r[name] != '']
        if values:
            print(f'| {name} | ' + ' | '.join(show(name, v) for v in (
                values[0], values[-1], min(values), max(values))) + ' |')
    print(f'other processes took {mean(rows, "others"):.2f} cores')
    print('NOT WELL: ' + '; '.join(bad) if bad else
          'well: nothing lost, nothing repeated, nothing grew')
    return 1 if bad else 0


def draw(rows, o):
    """Memory and descriptors against minutes."""
    end = max(rows[-1]['seconds'] / 60, 0.1)
    parts = []
    for i, (what, names, unit) in enumerate((
            ('Memory, MiB', ('responder_bytes', 'web_bytes'), 2 ** 20),
            ('Descriptors', ('responder_fds', 'web_fds'), 1))):
        most = max(max(r[n] for r in rows) for n in names) / unit * 1.1
        left = 80 + i * 440
        panel = plot.Panel(
            what, plot.Axis(0, end, left, left + 340, log=False),
            plot.Axis(0, most, 330, 86, log=False), 'minutes',
            lambda v: f'{v:.0f}', lambda v: f'{v:.3g}')
        for name, column in zip(('responder', 'web server'), names):
            panel.line(name, [(r['seconds'] / 60, r[column] / unit)
                              for r in rows])
        parts += panel.out
    title = f'{o.streams} streams for {end:.0f} minutes'
    return plot.save(o.name + '.svg', title, 880, 390, plot.legend(
        ['responder', 'web server'], 80, 870) + parts)


def keep_rows(s):
    subprocess.run([LARGESSE, 'init', log_path(s.yard), '--keep-rows',
                    '20000'], check=True, user=WWW, group=WWW,
                   stdout=subprocess.DEVNULL, extra_groups=[] if WWW else None)


def main():
    o = options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.makedirs(BUILT, exist_ok=True)
    os.sched_setaffinity(0, CLIENT_CPUS)
    with Scene(o.peer, small=True) as s:
        if s.peer.durable and 'redis' not in o.peer:
            keep_rows(s)
        soak = Soak(s, o)
        try:
            path = soak.run()
        except Trouble as e:
            print(f'NOT WELL: {e}')
            return 1
        status = verdict(soak.rows, o, soak.stopped)
        print(os.path.relpath(path))
        print(os.path.relpath(draw(soak.rows, o)))
        return status


if __name__ == '__main__':
    sys.exit(main())
