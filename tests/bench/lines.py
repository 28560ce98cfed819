"""lines.py - the lines of the table: what was measured, and the goal for it.

A goal is compared with the median over the rounds.  A ratio is taken in each
round, whose peers ran minutes apart, and the median of these ratios counts.
"""
from statistics import median

from many import STREAMS
from rows import BOTH, SHARES

MIB = 1024 * 1024
HARM = ('largesse/nginx', 'largesse/nginx, redis')


class Goal:
    """figure OP bound, or figure / the other peer's figure OP bound."""

    def __init__(self, op, bound, against=None, ours=BOTH):
        self.op, self.bound = op, bound
        self.against = against      # a peer; 'ceiling' is the one behind
        self.ours = ours            # the same server

    def rival(self, our):
        if self.against == 'ceiling':
            return our.replace('largesse', 'ceiling')
        return self.against

    def holds(self, value):
        if self.op == '>=':
            return value >= self.bound
        return value <= self.bound

    def text(self, unit):
        sign = {'>=': 'at least', '<=': 'at most'}[self.op]
        if self.against:
            return f'{sign} {self.bound:g} x {self.against}'
        return f'{sign} {show(self.bound, unit)}'

    def values(self, figure, samples, our):
        """One value a round; empty when there was nothing to compare."""
        own = numbers(samples, our, figure)
        if not self.against:
            return list(own.values())
        other = numbers(samples, self.rival(our), figure)
        if not other:
            return []
        usual = median(other.values())
        return [v / other.get(r, usual) for r, v in own.items()
                if other.get(r, usual)]


class Line:
    def __init__(self, what, row, figure, unit, *goals):
        self.what, self.row, self.figure = what, row, figure
        self.unit, self.goals = unit, goals


def numbers(samples, peer, figure):
    """round -> value, of the rounds in which it could be measured."""
    return {r: s[figure] for r, s in samples.get(peer, {}).items()
            if figure in s}


def show(value, unit):
    if unit == '/s':
        return f'{value / 1e6:.2f}M/s' if value >= 1e6 else (
            f'{value / 1e3:.0f}k/s' if value >= 1e4 else f'{value:.0f}/s')
    if unit == 'MiB':
        return f'{value / MIB:.1f} MiB'
    if unit == 'B':
        return f'{value:,.0f} B'
    if unit == 'x':
        return f'{value:.2f} x'
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f'{value:.{digits}f} {unit}'.strip()


def many_lines(n):
    def line(what, figure, unit, *goals):
        return Line(what, 'many', f'{figure}_{n}', unit, *goals)
    ours = BOTH[:1]
    none = Goal('<=', 0, ours=ours)
    return (
        line(f'{n:,} streams: all open after', 'connect_s', 's'),
        line('told to come back later, times', 'turned_away', '', none),
        line('answered with a status other than 200', 'denied', '', none),
        line('not answered', 'unanswered', '', none),
        line('the worker with the most streams, to the mean', 'got_most', 'x',
             Goal('<=', 1.1, ours=ours)),
        line('that with the least', 'got_least', 'x',
             Goal('>=', 0.9, ours=ours)),
        line('memory an idle stream: all processes', 'stream_bytes', 'B'),
        line('responder', 'responder_bytes', 'B', Goal('<=', 256, ours=ours)),
        line('the kernel, both ends of each connection', 'kernel_bytes', 'B'),
        line('all processes after some events', 'after_bytes', 'B'),
        line('one event to all: median', 'p50_ms', 'ms'),
        line('its p99', 'p99_ms', 'ms', Goal('<=', 1.2, 'nchan', ours)),
        line('the last stream has it after', 'last_ms', 'ms'),
        line('CPU a delivery, all processes', 'total_us', 'us'),
        line('responder', 'responder_us', 'us'),
        line('idle: all processes, of a core', 'idle_percent', '%'),
        line('responder', 'idle_responder_percent', '%'),
        line('the responder is restarted, ten events are missed: all streams '
             'have them after', 'responder_s', 's'),
        line('the web server is restarted (nchan: all are open again after)',
             'web_s', 's'),
        line('lost', 'lost', '', none),
        line('repeated', 'repeated', '', none))


def browser_lines(share):
    name = f'_{share}' if share else ''
    what = (f'browsers with {share} streams on a connection of HTTP/2, 1,200 '
            'in all' if share else '1,200 streams over TLS, HTTP/1.1')
    return (
        Line(f'{what}: memory of the web server a stream', 'browsers',
             f'stream_bytes{name}', 'B'),
        Line('after some events', 'browsers', f'after_bytes{name}', 'B'),
        Line('one event to all: median', 'browsers', f'p50_ms{name}', 'ms'),
        Line('its p99', 'browsers', f'p99_ms{name}', 'ms'),
        Line('CPU a delivery, all processes', 'browsers', f'total_us{name}',
             'us'))


LINES = (
    Line('most deliveries/s, 1,000 streams, p99 within 150 ms', 'most',
         'rate', '/s', Goal('>=', 6, 'nchan'), Goal('>=', 0.9, 'ceiling')),
    Line('its p99', 'most', 'p99_ms', 'ms', Goal('<=', 150)),
    Line('400 events/s to 1,000 streams (nchan 100, node 60): CPU a delivery',
         'busy', 'total_us', 'us', Goal('<=', 0.35, 'nchan')),
    Line('its p99', 'busy', 'p99_ms', 'ms', Goal('<=', 60)),
    Line('50 events/s to 1,000 streams, not gathered: CPU a delivery, '
         'responder alone', 'alone', 'responder_us', 'us',
         Goal('<=', 1.25, 'ceiling')),
    Line('the same, all processes', 'alone', 'total_us', 'us'),
    Line('one event to 9,900 streams (lighttpd 8,900): p99', 'crowd',
         'p99_ms', 'ms', Goal('<=', 1.1, 'nchan'),
         Goal('<=', 1.1, 'ceiling')),
    Line('its median', 'crowd', 'p50_ms', 'ms'),
    Line('one stream, commit or POST to receipt: median', 'one', 'p50_ms',
         'ms', Goal('<=', 1.5, 'nchan')),
    Line('its p99', 'one', 'p99_ms', 'ms', Goal('<=', 2)),
    Line('later than 100 ms', 'one', 'over_100ms', '', Goal('<=', 0)),
    Line('memory an idle stream at 9,900: responder', 'crowd',
         'responder_bytes', 'B', Goal('<=', 256)),
    Line('all processes', 'crowd', 'stream_bytes', 'B',
         Goal('<=', 1, 'nchan', BOTH[:1]), Goal('<=', 0.5, 'nchan', BOTH[1:])),
    Line('all processes after 10 events', 'crowd', 'after_bytes', 'B'),
    Line('resume of one stream 100,000 behind', 'resume', 'events_s', '/s',
         Goal('>=', 1.3e6)),
    Line('100 streams 100,000 behind', 'resume_many', 'events_s', '/s',
         Goal('>=', 1.5e6)),
    Line('the responder grows by', 'resume_many', 'grown_bytes', 'MiB',
         Goal('<=', 16 * MIB)),
    Line('storm: 9,880 streams 100 behind, to opening as many fresh',
         'storm', 'times_fresh', 'x', Goal('<=', 4)),
    Line('live events meanwhile: p99', 'storm', 'p99_ms', 'ms',
         Goal('<=', 250)),
    Line('9,900 streams opened (lighttpd 8,900)', 'crowd', 'connect_s', 's',
         Goal('<=', 1.15, 'ceiling')),
    Line('CPU of all processes for each of them', 'crowd', 'connect_us', 'us'),
    Line("one stalled among 1,000: the others' p99 to that without",
         'stall', 'times', 'x', Goal('<=', 1.1)),
    Line("800 stalled among 8,000: the others' p99 to that without",
         'stalled', 'times', 'x', Goal('<=', 1.1)),
    Line('the responder grows meanwhile by', 'stalled', 'responder_grown',
         'MiB', Goal('<=', 1 * MIB)),
    Line('the web server', 'stalled', 'web_grown', 'MiB',
         Goal('<=', 4 * MIB)),
    Line('8,900 streams (lighttpd: 6,000), the responder is restarted: '
         'the last is live after', 'storms', 'responder_s', 's'),
    Line('the web server is restarted', 'storms', 'web_s', 's'),
    Line('the web server is reloaded', 'storms', 'reload_s', 's'),
    Line('lost', 'storms', 'lost', '', Goal('<=', 0)),
    Line('repeated', 'storms', 'repeated', '', Goal('<=', 0)),
    Line('refused for good', 'storms', 'refused', '', Goal('<=', 0)),
    Line('20 reloads of nginx in a minute, 5,000 streams: workers at most',
         'reloads', 'workers', '', Goal('<=', 12, ours=BOTH[:1])),
    Line('their memory at first', 'reloads', 'first_bytes', 'MiB'),
    Line('at most', 'reloads', 'most_bytes', 'MiB'),
    Line('lost', 'reloads', 'lost', '', Goal('<=', 0, ours=BOTH[:1])),
    Line('30,000 commits/s: taken', 'commits', 'commits_s', '/s',
         Goal('>=', 29500)),
    Line('the reader has the last one after', 'commits', 'lag_ms', 'ms',
         Goal('<=', 250)),
    Line('p99', 'commits', 'p99_ms', 'ms'),
    Line('the largest WAL', 'commits', 'wal_bytes', 'MiB',
         Goal('<=', 16 * MIB)),
    Line('POSTs/s of one event, one connection in turn, on the disk',
         'post', 'one_s', '/s', Goal('>=', 1, 'nchan')),
    Line('CPU a POST, all processes', 'post', 'one_us', 'us'),
    Line('the same from 32 connections', 'post', 'many_s', '/s',
         Goal('>=', 1, 'nchan')),
    Line('CPU a POST, all processes', 'post', 'many_us', 'us'),
    Line('events/s in POSTs of 100 from 32 connections (nchan: of one)',
         'post', 'batch_s', '/s', Goal('>=', 10, 'nchan')),
    Line('the same (nchan: of one, from one connection)', 'post', 'issue_s',
         '/s', Goal('>=', 10, 'nchan')),
    Line('the same, to POSTs of one from as many connections', 'post',
         'batch_times', 'x', Goal('>=', 10)),
    Line('CPU an event, all processes', 'post', 'batch_us', 'us'),
    Line('--synchronous normal: POSTs/s, one connection', 'post',
         'normal_one_s', '/s', Goal('>=', 1, 'nchan')),
    Line('32 connections', 'post', 'normal_many_s', '/s',
         Goal('>=', 1, 'nchan')),
    Line('events/s in batches', 'post', 'normal_batch_s', '/s',
         Goal('>=', 10, 'nchan')),
    Line('40,000 deliveries/s to 100, 1,000, 9,900: dearest to cheapest, all',
         'scale', 'total_spread', 'x', Goal('<=', 1.25)),
    Line('responder alone', 'scale', 'responder_spread', 'x'),
    Line('a topic with one stream: CPU of the responder among 9,899 others '
         'to among 9', 'topic', 'times', 'x', Goal('<=', 1.2)),
    Line('strangers ask the worst that they may: the longest turn', 'harm',
         'turn_ms', 'ms', Goal('<=', 10, ours=HARM)),
    Line("another stream's p99, more than without them", 'harm', 'more_ms',
         'ms', Goal('<=', 10, ours=HARM)),
    Line('PING of Redis, p99, more than without them', 'harm',
         'ping_more_ms', 'ms', Goal('<=', 20, ours=HARM[1:])),
    Line('2,000 runs of 50 tokens a second, joined for 50 ms, one reader each '
         '(resumable-stream: 300, each token: 100): p99', 'runs', 'p99_ms',
         'ms', Goal('<=', 100)),
    Line('its median', 'runs', 'p50_ms', 'ms'),
    Line('rows a second', 'runs', 'rows_s', '/s'),
    Line('CPU a token: all', 'runs', 'total_us', 'us',
         Goal('<=', 0.1, 'resumable-stream'),
         Goal('<=', 0.1, 'resumable-stream, each token')),
    Line('web server (resumable-stream: Redis)', 'runs', 'web_us', 'us'),
    Line('responder (resumable-stream: node)', 'runs', 'responder_us', 'us'),
    Line('producer', 'runs', 'producer_us', 'us'),
    Line('300 runs: CPU a token, all', 'runs', 'few_us', 'us',
         Goal('<=', 0.1, 'resumable-stream'),
         Goal('<=', 0.1, 'resumable-stream, each token')),
    Line('one of ten runs of 40,000 tokens is opened, a row a token, 100 '
         'bytes: the last byte after', 'history', 'chunks_ms', 'ms',
         Goal('<=', 50)),
    Line('CPU of all', 'history', 'chunks_cpu_ms', 'ms'),
    Line('a row a word', 'history', 'words_ms', 'ms', Goal('<=', 50)),
    Line('CPU of all', 'history', 'words_cpu_ms', 'ms'),
    Line('joined for 50 ms: 16,000 rows', 'history', 'joined_ms', 'ms',
         Goal('<=', 50)),
    Line('CPU of all', 'history', 'joined_cpu_ms', 'ms'),
    Line('folded: one event', 'history', 'folded_ms', 'ms'),
    Line('idle, 9,900 streams: responder, of a core', 'crowd',
         'idle_percent', '%', Goal('<=', 0.5)),
    Line('Redis: CPU for each process that reads an event', 'readers',
         'read_us', 'us'),
) + tuple(line for share in (0,) + SHARES for line in browser_lines(share)) + (
    tuple(line for n in STREAMS for line in many_lines(n)))
