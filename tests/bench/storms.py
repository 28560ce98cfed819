"""storms.py - the rows stalled, storms and reloads: clients that do not read,
and servers that are restarted and reloaded under streams.

Clients that are cut come back within a tenth of a second with their last id,
which is sooner than any browser.  An event that one of them lost or got twice
is counted, and so is every answer but 200: a browser gives up for good then.
"""
import threading
import time

from scene import Scene
from yard import Trouble, pss_bytes

AGAIN_MS = 100


def memory(s):
    """(responder, web server), in bytes."""
    return pss_bytes(s.peer.responder_pids()), pss_bytes(s.peer.web_pids())


def fill_buffers(s):
    """Until all on the way is full, those that do not read are sent what they
    have missed, like any that come back."""
    end, was = time.monotonic() + 120, 0
    while True:
        s.run(2, 2)
        now = memory(s)[1]
        if now - was < 1 << 20 or time.monotonic() > end:
            return
        was = now


def stalled(peer, quick):
    """8,000 streams get 2 events/s, without and with 800 that stopped reading
    20,000 events ago.  Then those read on.  All come from one address, which
    is not what its share is for."""
    fast, slow, behind = (800, 80, 20000) if quick else (8000, 800, 20000)
    seconds = 4 if quick else 15
    with Scene(peer, small=True, options=(
            '--stall', '3600', '--address-share', '0')) as s:
        s.fill(behind)
        s.open(fast, first=s.last + 1)
        s.run(2, 2)
        without = s.run(2, seconds)['p99_ms']
        s.open(slow, id=1, stall=1, again=AGAIN_MS)
        fill_buffers(s)
        first, with_ms = memory(s), []
        for _ in range(2):
            with_ms.append(s.run(2, seconds)['p99_ms'])
        last = memory(s)
        s.client.ask('wake 1')
        s.run(2, 2, each=False)
        done = s.client.ask(f'wait 1 {s.last} 120')
        s.report()
        if done['below']:
            raise Trouble(f'{done["below"]} of {slow} that stalled did not '
                          'get the last event')
        cuts = s.client.ask('group 1')['cuts']
        return {'fast': fast, 'stalled': slow, 'without_ms': without,
                'with_ms': max(with_ms), 'times': max(with_ms) / without,
                'responder_first': first[0], 'responder_last': last[0],
                'responder_grown': last[0] - first[0],
                'web_first': first[1], 'web_last': last[1],
                'web_grown': last[1] - first[1], 'cuts': cuts}


class Storm:
    """Clients that come back, and events that go on meanwhile."""

    def __init__(self, s, n):
        self.s, self.n = s, n
        s.open(n, first=1, again=AGAIN_MS)
        s.run(2, 1)
        s.client.ask('mark')

    def group(self):
        return self.s.client.ask('group 0')

    def after(self, what):
        """Seconds until the last is live again, after all were cut."""
        began, before = time.monotonic_ns(), self.group()
        what()
        wanted = before['connects'] + self.n
        got = self.s.client.ask(f'back 0 120 {wanted}')
        self.all_live(got)
        return (got['live_ns'] - began) / 1e9

    def after_reload(self, what):
        """The old workers may keep their streams, for a while or for good:
        seconds from when the first was cut, 0 if none is in 20 seconds."""
        before = self.group()
        what()
        end = time.monotonic() + 20
        while time.monotonic() < end and self.group()['cuts'] == before['cuts']:
            time.sleep(0.05)
        began, got, since = time.monotonic_ns(), None, time.monotonic()
        while time.monotonic() < end + 100 and time.monotonic() - since < 2:
            now = self.group()
            if now != got or now['live'] < self.n:
                got, since = now, time.monotonic()
            time.sleep(0.1)
        self.all_live(got)
        if got['cuts'] == before['cuts']:
            return 0.0
        return max(0.0, (got['live_ns'] - began) / 1e9)

    def all_live(self, got):
        if got['live'] < self.n:
            raise Trouble(f'{got["live"]} of {self.n} streams came back')

    def counts(self, last):
        """When all is over: what was lost, and what was refused."""
        done = self.s.client.ask(f'wait 0 {last} 60')
        got, group = self.s.client.ask('report'), self.group()
        for fault in ('torn', 'strange'):
            if got[fault]:
                raise Trouble(f'{got[fault]} {fault}')
        return {'lost': got['missing'] + done['below'],
                'repeated': got['repeated'], 'gaps': got['gaps'],
                'refused': group['denied'], 'cuts': group['cuts'],
                'unanswered': group['unanswered']}


def storms(peer, quick):
    """8,900 streams and 2 events/s.  The responder is restarted, then the web
    server, then the web server is told to reload.  In lighttpd those that come
    back meet those that are still closing, in one process with one limit of
    descriptors: it holds fewer."""
    most = 6000 if 'lighttpd' in peer else 8900
    with Scene(peer, small=True, held=peer != 'nchan') as s:
        storm = Storm(s, s.streams(most // 10 if quick else most))
        if peer == 'nchan':
            return nchan_reloads(storm)
        s.publisher.say(f'run 2 {45 if quick else 75}')
        figures = {'streams': storm.n}
        time.sleep(1)
        figures['responder_s'] = storm.after(s.peer.restart_responder)
        time.sleep(2)
        figures['web_s'] = storm.after(s.peer.restart_web)
        time.sleep(2)
        figures['reload_s'] = storm.after_reload(s.peer.reload_web)
        s.last = s.publisher.hear()['last']
        figures.update(storm.counts(s.last))
        return figures


def nchan_reloads(storm):
    """What nchan has in memory does not outlive a restart, so it is only
    reloaded.  The POST of that moment gets no answer, and nobody knows whether
    it was published: what was lost cannot be counted."""
    s, over = storm.s, threading.Event()

    def publish():
        first = s.last + 1
        while not over.is_set():
            publisher = s.peer.publisher(first=first)
            first += 2
            try:
                publisher.ask('run 2 1')
            except (Trouble, OSError):
                time.sleep(0.2)
            s.yard.end(publisher.p)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        took = storm.after_reload(s.peer.reload_web)
    finally:
        over.set()
        thread.join()
    group = storm.group()
    return {'streams': storm.n, 'reload_s': took, 'cuts': group['cuts'],
            'refused': group['denied'],
            'unanswered': group['unanswered']}


def reloads(peer, quick):
    """5,000 streams of which 1 % are cut a second, 2 events/s, and 20 reloads
    of the web server in a minute."""
    times, pause = (5, 2) if quick else (20, 3)
    with Scene(peer, small=True, held=True) as s:
        storm = Storm(s, 500 if quick else 5000)
        s.client.ask(f'churn 0 {storm.n / 100}')
        time.sleep(3)
        first, workers = pss_bytes(s.peer.web_pids()), []
        pss, began, before = [first], time.monotonic(), storm.group()
        s.publisher.say(f'run 2 {times * pause + 15}')
        for _ in range(times):
            s.peer.reload_web()
            for _ in range(pause):
                time.sleep(1)
                workers.append(len(s.peer.web_pids()) - 1)
                pss.append(pss_bytes(s.peer.web_pids()))
        after = storm.group()
        took = time.monotonic() - began
        s.last = s.publisher.hear()['last']
        left = len(s.peer.web_pids()) - 1
        s.client.ask('churn 0 0')
        return {'streams': storm.n, 'reloads': times, 'workers': max(workers),
                'workers_left': left, 'first_bytes': first,
                'most_bytes': max(pss), 'last_bytes':
                pss_bytes(s.peer.web_pids()),
                'connects_s': (after['connects'] - before['connects']) / took,
                **storm.counts(s.last)}
