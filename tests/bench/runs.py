"""runs.py - the rows of streams that end: many runs at once, and one that is
opened late.

A run is an answer of a language model, token by token, with one reader.
"""
import json
import socket
import sqlite3
import subprocess
import time

from peers import LARGESSE, WWW, log_path
from scene import Scene
from yard import Trouble

TOKENS_S = 50       # of each run
JOINED_S = 20       # rows of a run, when tokens are joined for 50 ms
COMMIT_MS = 10      # the publisher commits what is due, together
FEW = 300
RUN_TOKENS = 40000
DONE = 'done@'      # data of the end of a run


def runs(peer, quick):
    """2,000 runs at once of 50 tokens a second, joined for 50 ms: each has a
    topic and a reader of its own.  And 300, which resumable-stream can do."""
    seconds = 2 if quick else 4
    if not peer.startswith('largesse'):
        return at_once(peer, seconds)
    figures = at_once(peer, seconds)
    few = at_once(peer, seconds, FEW)
    figures.update(few_us=few['total_us'], few_p50_ms=few['p50_ms'],
                   few_p99_ms=few['p99_ms'])
    return figures


def at_once(peer, seconds, count=None):
    with Scene(peer, small=True) as s:
        count, rate = count or s.peer.runs, s.peer.rows_s
        s.peer.make_runs(count)
        s.open(count, s.peer.run_target, first=1)
        s.publisher.ask(f'runs {count} {rate} 1 {COMMIT_MS}')
        s.wait(0, rate)
        s.client.ask('mark')
        web, own = s.cpu()
        said = s.publisher.ask(f'runs {count} {rate} {seconds} {COMMIT_MS}')
        s.wait(0, said['last'])
        web2, own2 = s.cpu()
        got = s.report(rate * seconds)
    took = (got['last_ns'] - said['began_ns']) / 1e9
    tokens = count * TOKENS_S * seconds
    figures = {
        'runs': count, 'rows_s': got['deliveries'] / took,
        'p50_ms': got['p50_ms'], 'p99_ms': got['p99_ms'],
        'max_ms': got['max_ms'],
        'rows_a_read': got['deliveries'] / got['reads'],
        'web_us': (web2 - web) / tokens / 1e3,
        'responder_us': (own2 - own) / tokens / 1e3,
        'producer_us': said['cpu_us'] / tokens,
        'client_busy': got['client_cpu_us'] / took / 1e6,
        'histogram': got['histogram']}
    figures['total_us'] = sum(figures[f'{part}_us'] for part in (
        'web', 'responder', 'producer'))
    if not peer.startswith('largesse'):     # it can do no more
        figures['few_us'] = figures['total_us']
    return figures


# --- a run that is opened late ------------------------------------------------

def chunk(i):
    """As clients of language models have them: 100 bytes for a token."""
    text = json.dumps({'type': 'text-delta', 'id': '0', 'delta': f'word{i} '})
    return text[:-1] + ' ' * (98 - len(text)) + ' }'


def joined(i):
    """The same for what comes in 50 ms."""
    return chunk(i)[:-2] + 'word word word }'


def word(i):
    return f'w{i % 1000} '


def fill(path, data, rows):
    """Ten runs, which were written at the same time."""
    log = sqlite3.connect(path, isolation_level=None)
    log.execute('BEGIN IMMEDIATE')
    log.executemany(
        'INSERT INTO events(topic, data) VALUES(?, ?)',
        ((f'run/{run}', data(i)) for i in range(rows) for run in range(10)))
    log.execute("INSERT INTO events(topic, event, data) "
                f"VALUES('run/0', 'stream-end', '{DONE}')")
    log.execute('COMMIT')
    log.close()


def opened(s, target, last):
    """ms from the connect to the last bytes, and how many came."""
    began, size, tail = time.monotonic(), 0, b''
    with socket.create_connection(('127.0.0.1', s.peer.port), 10) as c:
        c.sendall(f'GET {target} HTTP/1.1\r\nHost: localhost\r\n'
                  '\r\n'.encode())
        while last not in tail:
            part = c.recv(1 << 20)
            if not part:
                raise Trouble(f'the stream ended after {size} bytes')
            size += len(part)
            tail = tail[-len(last):] + part
        return (time.monotonic() - began) * 1e3, size


def late(s, name, target, last, least):
    """Figures of opening a run seven times: medians, and CPU of all."""
    times = []
    web, own = s.cpu()
    for _ in range(7):
        ms, size = opened(s, target, last)
        if size < least:
            raise Trouble(f'{size} bytes came, not {least}')
        times.append(ms)
    web2, own2 = s.cpu()
    return {f'{name}_ms': sorted(times)[3],
            f'{name}_cpu_ms': (web2 + own2 - web - own) / 7e6}


def history(peer, quick):
    """One of ten runs of 40,000 tokens each is opened by who has nothing of
    it: until its last byte.  A row a token, chunks or words; or joined for
    50 ms; or folded."""
    if not peer.startswith('largesse'):
        with Scene(peer) as s:
            s.peer.make_runs(1)
            s.publisher.ask(f'burst {RUN_TOKENS}')
            return late(s, 'chunks', '/run/0', f'@n={RUN_TOKENS} '.encode(),
                        RUN_TOKENS * 100)
    figures = {}
    for data, name, rows in (
            (chunk, 'chunks', RUN_TOKENS), (word, 'words', RUN_TOKENS),
            (joined, 'joined', RUN_TOKENS * JOINED_S // TOKENS_S)):
        # One client asks for far more than its share here.
        with Scene(peer, options=('--address-share', '0')) as s:
            fill(log_path(s.yard), data, rows)
            s.peer.refresh()
            how = ('/events?topic=run/0&lastEventId=earliest', DONE.encode(),
                   rows * len(data(0)))
            figures.update(late(s, name, *how))
            if data is word and fold(s):
                figures.update(late(s, 'folded', *how))
    return figures


def fold(s):
    """False: this largesse cannot fold."""
    if subprocess.run([LARGESSE, 'fold', '--help'], check=False,
                      capture_output=True).returncode:
        return False
    subprocess.run([LARGESSE, 'fold', log_path(s.yard), 'run/0'], check=True,
                   user=WWW, group=WWW, stdout=subprocess.DEVNULL,
                   extra_groups=[] if WWW else None)
    log = sqlite3.connect(f'file:{log_path(s.yard)}?mode=ro', uri=True)
    rows = log.execute("SELECT count(*) FROM events WHERE topic = 'run/0'")
    if rows.fetchone()[0] != 2:
        raise Trouble('the run has more than one row and its end')
    log.close()
    return True
