"""harm.py - the row harm: strangers ask the worst that they may, on a log of
ten million rows, and another stream goes on to get its events.

The responder has a core of its own.  The web server, Redis, the strangers, the
publisher and the stream share the other one.  The stream is measured twice:
without the strangers and with them.
"""
import base64
import json
import os
import socket
import sqlite3
import subprocess
import threading
import time

from peers import LARGESSE, log_path
from scene import Scene
from yard import BUILT, CLIENT_CPUS, WWW, Talker, family

ROWS = {'largesse/nginx': 10_000_000, 'largesse/nginx, redis': 1_000_000}
TOPICS = 1000
RAW, WEB = 8, 64
STARTS = ('lastEventId=earliest', 'last=999999999', 'last=1',
          'since=10000d', 'since=1', 'lastEventId=1', 'lastEventId=no-uid',
          'lastEventId=order-1001', '')
NAMES = ('zzz*', 'zz@*', 't7*', 't*', 't500', 'none', '*',
         't1*&topic=zzz*&topic=t2*')


def questions(bad_token):
    """Every way to start, for every kind of topic; and what is refused."""
    lines = [f'GET /events?topic={name}&{start} - -'
             for start in STARTS for name in NAMES]
    lines += [f'GET /events?topic=secret {bad_token} -'] * 24
    lines += ['HEAD /events?topic=zzz*&lastEventId=earliest - -',
              f'HEAD /events?topic=secret {bad_token} -',
              'POST /events - topic=main&data=x',
              f'POST /events {bad_token} topic=main&data=x',
              'GET /events/health - -', 'DELETE /events - -']
    return '\n'.join(lines) + '\n'


def bad_token():
    """Looks like one of a good key, but its signature is none."""
    def part(what):
        raw = what if isinstance(what, bytes) else json.dumps(what).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b'=').decode()
    return '.'.join((part({'alg': 'RS256', 'typ': 'JWT'}),
                     part({'largesse': {'subscribe': ['*']},
                           'exp': 4102444800}),
                     part(b'\x01' + os.urandom(255))))


def public_key(yard):
    subprocess.run(['openssl', 'genpkey', '-quiet', '-algorithm', 'RSA', '-out',
                    yard.path('private.pem')], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run(['openssl', 'pkey', '-in', yard.path('private.pem'),
                    '-pubout', '-out', yard.path('public.pem')], check=True)


def fill_file(path, rows):
    log = sqlite3.connect(path)
    log.execute('PRAGMA synchronous = OFF')
    with log:
        log.execute(
            'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n '
            'WHERE i < ?) INSERT INTO events(topic, data, time) SELECT '
            "'t' || (i * 2654435761 % 4294967296 % ?), 'x' || i, i FROM n",
            (rows, TOPICS))
    log.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    log.close()


def fill_redis(path, rows):
    """As redis-cli XADD would: the commands, in one go."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        said = s.makefile('rb')
        for first in range(1, rows + 1, 10000):
            s.sendall(b''.join(
                b'XADD events * topic t%d data x%d\r\n' %
                (i * 2654435761 % 4294967296 % TOPICS, i)
                for i in range(first, first + 10000)))
            for _ in range(2 * 10000):
                said.readline()


class Pings:
    """How long Redis takes to answer somebody else's PING."""

    def __init__(self, path):
        self.took, self.over = [], False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over:
            began = time.monotonic()
            self.socket.sendall(b'PING\r\n')
            self.socket.recv(64)
            self.took.append(time.monotonic() - began)
            time.sleep(0.002)

    def p99_ms(self):
        self.over = True
        self.thread.join()
        self.socket.close()
        self.took.sort()
        return self.took[len(self.took) * 99 // 100] * 1e3


def longest_turn_ms(yard):
    """From /status, which only the server's configuration opens."""
    found = subprocess.run(
        [os.path.join(BUILT, 'harm'), 'status', yard.path('fcgi.sock')],
        check=True, stdout=subprocess.PIPE).stdout
    text = found[found.index(b'{'):found.rindex(b'}') + 1]
    return json.loads(text)['longest_turn_us'] / 1e3


def harm(peer, quick):
    """8 raw connections and 64 through nginx ask the worst."""
    rows = ROWS[peer] // (10 if quick else 1)
    seconds = 5 if quick else 20
    with Scene(peer) as s:
        p, on_redis = s.peer, 'redis' in peer
        public_key(s.yard)
        if on_redis:
            fill_redis(s.yard.path('redis.sock'), rows)
        else:
            fill_file(log_path(s.yard), rows)
        p.options += ['--key-file', s.yard.path('public.pem'), '--public', 'main',
                      '--public', 't*', '--public', 'z*', '--public', 'none']
        p.refresh()
        for pid in p.web_pids():
            os.sched_setaffinity(pid, CLIENT_CPUS)
        if on_redis:
            os.sched_setaffinity(p.redis.pid, CLIENT_CPUS)
        asker = Talker(s.yard, [
            os.path.join(BUILT, 'harm'),
            s.yard.put_text('questions', questions(bad_token())),
            s.yard.path('fcgi.sock'), str(p.port)])
        s.open(1, first=1)
        s.run(100, 1)
        figures = {'rows': rows}
        for name in ('without', 'with'):
            pings = on_redis and Pings(s.yard.path('redis.sock'))
            if name == 'with':
                asker.say(f'harm {RAW} {WEB} {seconds + 1}')
                time.sleep(0.5)
            figures[f'{name}_ms'] = s.run(100, seconds)['p99_ms']
            if pings:
                figures[f'ping_{name}_ms'] = pings.p99_ms()
        figures.update(asker.hear())
        figures['turn_ms'] = longest_turn_ms(s.yard)
        figures['more_ms'] = figures['with_ms'] - figures['without_ms']
        if on_redis:
            figures['ping_more_ms'] = (figures['ping_with_ms'] -
                                       figures['ping_without_ms'])
        return figures
