"""scene.py - one peer, its client and its publisher, and what they cost.

Every row uses a Scene.  It publishes events to the streams, and says what
arrived, how late it was, and what it cost.  An event that is missing or wrong
raises Trouble: a figure counts only if every stream got every event in order.
"""
import os

from peers import PEERS
from yard import ALL_CPUS, Trouble, Yard, cpu_ns

FAULTS = ('missing', 'repeated', 'torn', 'bad_ids', 'gaps', 'strange')


class Scene:
    def __init__(self, peer_name, **how):
        self.peer_name = peer_name
        self.how = how

    def __enter__(self):
        self.yard = Yard().__enter__()
        try:
            self.peer = PEERS[self.peer_name](self.yard, **self.how)
            self.client = self.peer.client()
            self.publisher = self.peer.publisher()
        except BaseException:
            self.yard.__exit__()
            raise
        self.last = 0       # number of the last event published
        self.harm = {}      # what was lost and repeated so far
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.yard.errors(), flush=True)
        self.yard.__exit__()

    def streams(self, wanted):
        return min(wanted, self.peer.most_streams)

    def fill(self, count):
        """So many events in the log before anyone looks."""
        rows = 1000 if self.peer.durable else 1
        self.last = self.publisher.ask(f'burst {count} {rows}')['last']

    def open(self, n, target=None, **keys):
        """Opens a group; all must be let in.  Its `seconds` are added."""
        words = ''.join(f' {k}={v}' for k, v in keys.items())
        got = self.client.ask(f'open {n} {target or self.peer.target}{words}')
        if got['refused']:
            raise Trouble(f'{got["refused"]} of {n} streams refused')
        got['seconds'] = (got['opened_ns'] - got['began_ns']) / 1e9
        return got

    def wait(self, group, number, seconds=30):
        got = self.client.ask(f'wait {group} {number} {seconds}')
        if got['below'] or got['ended']:
            raise Trouble(f'{got["below"]} of {got["open"]} streams did not '
                          f'get event {number}; {got["ended"]} ended')
        return got

    def report(self, each=None):
        """What was received since the mark; each: by every stream."""
        got = self.client.ask('report')
        for fault in FAULTS:
            if got[fault]:
                raise Trouble(f'{got[fault]} {fault}')
        if each is not None and not got['least'] == got['most'] == each:
            raise Trouble(f'{got["least"]} to {got["most"]} events a stream, '
                          f'not {each}')
        return got

    def run(self, rate, seconds, group=0, each=True):
        """Publishes and waits for the last stream; returns the report, with
        the costs of a delivery and the deliveries a second added."""
        self.client.ask('mark')
        web, own = self.cpu()
        said = self.publisher.ask(f'run {rate} {seconds}')
        self.last = said['last']
        self.wait(group, self.last)
        events = said['last'] - said['first'] + 1
        got = self.report(events if each else None)
        web2, own2 = self.cpu()
        n = got['deliveries']
        took = (got['last_ns'] - said['began_ns']) / 1e9
        got.update(rate=n / took, web_us=(web2 - web) / n / 1e3,
                   responder_us=(own2 - own) / n / 1e3,
                   total_us=(web2 + own2 - web - own) / n / 1e3,
                   events=events, client_busy=got['client_cpu_us'] / took / 1e6,
                   publisher_busy=said['cpu_us'] / took / 1e6)
        return got

    def cpu(self):
        return cpu_ns(self.peer.web_pids()), cpu_ns(self.peer.responder_pids())

    def free_responder(self):
        """Lets the responder use both cores."""
        for pid in self.peer.responder_pids():
            os.sched_setaffinity(pid, ALL_CPUS)
