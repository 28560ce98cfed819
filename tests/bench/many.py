"""many.py - the rows `many`, of 10,000, 30,000 and 100,000 streams, and
`readers`, of what Redis pays for each process that reads from it.

nginx and the responder get as many processes as their limit of descriptors
asks for, all on one core, and the clients are on the other.  A client that is
turned away or cut comes back as an EventSource does, when it was told to.
"""
import os
import time

from scene import Scene
from yard import Trouble, cpu_ns, pss_bytes

STREAMS = (10000, 30000, 100000)
QUICK = (10000,)
MISSED = 10
# Of the kernel and all processes, about, so that a small machine says so.
STREAM_BYTES = 60000


def many(peer, quick):
    """Opened, held, idle, one event to all, and both servers restarted under
    all of them while ten events are published."""
    figures, troubles = {}, []
    for n in QUICK if quick else STREAMS:
        try:
            one = at(peer, n, quick)
        except Trouble as e:
            one = {'trouble': str(e)}
        if 'trouble' in one:
            troubles.append(f'{n} streams: {one.pop("trouble")}')
        figures.update((f'{name}_{n}', value) for name, value in one.items())
    if troubles:
        figures['trouble'] = '; '.join(troubles)
    return figures


def at(peer, n, quick):
    there = meminfo_bytes('MemAvailable')
    if there < n * STREAM_BYTES:
        raise Trouble(f'{n} streams take {n * STREAM_BYTES >> 20} MiB, and '
                      f'{there >> 20} MiB are free')
    ours = peer.startswith('largesse')
    with Scene(peer, small=True, many=n, held=ours,
               options=('--address-share', '0') if ours else ()) as s:
        figures = opened(s, n)
        figures.update(idle(s, 16 if quick else 32))
        s.free_responder()
        figures.update(one_event(s, 3 if quick else 5))
        figures['after_bytes'] = (pss_bytes(s.peer.pids()) - s.base) / n
        if ours:
            figures['responder_s'] = missed(
                s, s.peer.end_responder, s.peer.start_responder)
            s.free_responder()
            figures['web_s'] = missed(s, s.peer.end_web, s.peer.start_web)
            figures.update(harm(s))
        else:
            try:
                figures['web_s'] = forgotten(s, n)
            except Trouble as e:    # the others count nevertheless
                figures['trouble'] = f'the web server is restarted: {e}'
        return figures


def meminfo_bytes(name):
    with open('/proc/meminfo') as f:
        for line in f:
            if line.startswith(name + ':'):
                return int(line.split()[1]) * 1024
    raise Trouble(f'{name} is not told')


def descriptors(pids):
    return {pid: len(os.listdir(f'/proc/{pid}/fd')) for pid in pids}


def spread(before, after):
    """The most and the least that one process got, to the mean of all that
    got any: a parent has none."""
    got = [n - before[pid] for pid, n in after.items()
           if n - before.get(pid, n) > 1]
    mean = sum(got) / len(got)
    return sorted(got), max(got) / mean, min(got) / mean


def opened(s, n):
    """Time, memory, and who has the streams."""
    web, own = s.peer.web_pids(), s.peer.responder_pids()
    web_base, own_base = pss_bytes(web), pss_bytes(own)
    s.base = web_base + own_base
    web_had, own_had = descriptors(web), descriptors(own)
    slab = meminfo_bytes('Slab')
    got = s.open(n, again=0, within=180)
    figures = {'streams': n, 'connect_s': got['seconds'],
               'turned_away': got['turned_away'],
               'unanswered': got['unanswered'], 'denied': got['denied'],
               'web_workers': len(web) - 1,
               # Of all on the machine, so of both ends of a connection.
               'kernel_bytes': (meminfo_bytes('Slab') - slab) / n,
               'web_bytes': (pss_bytes(web) - web_base) / n}
    figures['stream_bytes'] = figures['web_bytes']
    (figures['web_got'], figures['web_most'],
     figures['web_least']) = spread(web_had, descriptors(web))
    if own:
        figures['workers'] = max(1, len(own) - 1)
        figures['responder_bytes'] = (pss_bytes(own) - own_base) / n
        figures['stream_bytes'] += figures['responder_bytes']
        (figures['got'], figures['got_most'],
         figures['got_least']) = spread(own_had, descriptors(own))
    return figures


def idle(s, seconds):
    """CPU while nobody publishes, over more than one heartbeat."""
    time.sleep(2)
    before, began = s.cpu(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    web, own = ((b - a) / 1e7 / took for a, b in zip(before, s.cpu()))
    figures = {'idle_web_percent': web, 'idle_percent': web + own}
    if s.peer.responder:
        figures['idle_responder_percent'] = own
    return figures


def one_event(s, times):
    """One event to all, and again when all have it; the first is not counted,
    as it meets buffers that nothing was sent through."""
    s.run(1, 1)
    s.client.ask('mark')
    web, own = s.cpu()
    lasts = []
    for _ in range(times):
        said = s.publisher.ask('run 1 1')
        s.last = said['last']
        done = s.wait(0, s.last, 60)
        lasts.append((done['reached_ns'] - said['began_ns']) / 1e6)
    got = s.report(times)
    web2, own2 = s.cpu()
    n = got['deliveries']
    figures = {name: got[name] for name in ('p50_ms', 'p99_ms', 'histogram')}
    figures.update(last_ms=sorted(lasts)[times // 2],
                   web_us=(web2 - web) / n / 1e3,
                   total_us=(web2 + own2 - web - own) / n / 1e3)
    if s.peer.responder:
        figures['responder_us'] = (own2 - own) / n / 1e3
    return figures


def missed(s, end, start):
    """Seconds from the end of a server until all streams have the events that
    were published before it was there again."""
    s.client.ask('mark')
    began = time.monotonic_ns()
    end()
    s.last = s.publisher.ask(f'burst {MISSED}')['last']
    start()
    done = s.client.ask(f'wait 0 {s.last} 180')
    if done['below']:
        raise Trouble(f'{done["below"]} streams did not come back')
    got = s.client.ask('report')
    for name, value in (('lost', got['missing']),
                        ('repeated', got['repeated'])):
        s.harm[name] = s.harm.get(name, 0) + value
    if not got['least'] == got['most'] == MISSED:
        raise Trouble(f'{got["least"]} to {got["most"]} events a stream')
    for fault in ('torn', 'bad_ids', 'gaps', 'strange'):
        if got[fault]:
            raise Trouble(f'{got[fault]} {fault}')
    return (done['reached_ns'] - began) / 1e9


def forgotten(s, n):
    """The same for nchan, which has its events in memory and forgets them:
    seconds until all streams are open again."""
    began = time.monotonic_ns()
    s.peer.restart_web()
    end, got = time.monotonic() + 60, {'open': 0}
    while got['open'] < n:
        if time.monotonic() > end:
            raise Trouble(f'{n - got["open"]} of {n} streams did not come '
                          f'back in 60 s, workers died {deaths(s)} times')
        time.sleep(0.1)
        got = s.client.ask('group 0')
    took = (time.monotonic_ns() - began) / 1e9
    s.publisher = s.peer.publisher(first=s.last + 1)
    s.run(1, 1)
    return took


def readers(peer, quick):
    """What Redis pays for an event that one process reads, and thirty."""
    figures = {}
    for workers in (1, 30):
        with Scene(peer, options=('--workers', str(workers))) as s:
            s.open(workers * 3, first=1)
            s.run(20, 1)
            redis = [s.peer.redis.pid]
            before = cpu_ns(redis)
            events = s.run(20, 2 if quick else 5)['events']
            figures[f'redis_us_{workers}'] = (
                cpu_ns(redis) - before) / events / 1e3
    figures['read_us'] = (figures['redis_us_30'] - figures['redis_us_1']) / 29
    return figures


def deaths(s):
    """Of nginx's workers, by a signal that nobody sent."""
    with open(s.yard.path('error.log'), errors='replace') as f:
        return sum(' exited on signal ' in line for line in f)


def harm(s):
    group = s.client.ask('group 0')
    return {**s.harm, 'away_again': group['turned_away'],
            'connects': group['connects'], 'cuts': group['cuts']}
