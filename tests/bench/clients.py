"""clients.py - one client that is several processes.

A process may have so many descriptors, and an address so many ports to one
port of the server.  So every process here has a part of the streams, and
addresses of its own.  Commands and answers are those of load.c.
"""
import math
import resource

from yard import Talker, Trouble

ROOM = 0.85             # of its descriptors that a process gives to streams
SUMS = ('asked', 'open', 'refused', 'live', 'connects', 'cuts', 'unanswered',
        'turned_away', 'denied', 'below', 'ended', 'torn', 'bad_ids', 'gaps',
        'strange', 'client_cpu_us', 'deliveries', 'bytes', 'reads', 'missing',
        'repeated', 'over_100ms')
LATEST = ('opened_ns', 'reached_ns', 'live_ns', 'last_ns', 'most', 'max_ms',
          'last_p50_ms', 'last_max_ms')
EARLIEST = ('began_ns', 'first_ns', 'least', 'events_to_all')
PERCENTILES = (('p50_ms', 0.5), ('p90_ms', 0.9), ('p99_ms', 0.99),
               ('p999_ms', 0.999))


def processes(streams, a_stream=1):
    """How many processes hold so many streams of so many descriptors."""
    each = resource.getrlimit(resource.RLIMIT_NOFILE)[0] * ROOM / a_stream
    return math.ceil(streams / each)


def shares(whole, parts):
    """Nearly equal, the larger first."""
    return [whole // parts + (i < whole % parts) for i in range(parts)]


def percentile(bars, part):
    """Of a histogram [(ms, count)]."""
    want, sum_ = part * sum(count for _, count in bars), 0
    for ms, count in bars:
        sum_ += count
        if sum_ > want:
            return ms
    return bars[-1][0]


def joined(answers):
    """One answer of all.  `last_p50_ms` is exact if there was one event."""
    whole = {}
    for names, how in ((SUMS, sum), (LATEST, max), (EARLIEST, min)):
        for name in names:
            values = [a[name] for a in answers if name in a]
            if values:
                whole[name] = how(values)
    whole['group'] = answers[0].get('group')
    bars = {}
    for answer in answers:
        for ms, count in answer.get('histogram', ()):
            bars[ms] = bars.get(ms, 0) + count
    if bars:
        whole['histogram'] = sorted(bars.items())
        for name, part in PERCENTILES:
            whole[name] = percentile(whole['histogram'], part)
    return whole


class Clients:
    def __init__(self, yard, words, streams):
        """words: those of load."""
        self.talkers = [Talker(yard, words + [f'127.0.{1 + i}.1'])
                        for i in range(processes(streams))]

    def say(self, command):
        words = command.split(' ')
        if words[0] in ('back', 'churn'):   # they count streams of all
            raise Trouble(f'several clients know no {words[0]}')
        parts = [command] * len(self.talkers)
        if words[0] == 'open':
            parts = [' '.join([words[0], str(share)] + words[2:])
                     for share in shares(int(words[1]), len(self.talkers))]
        for talker, part in zip(self.talkers, parts):
            talker.say(part)

    def hear(self):
        return joined([talker.hear() for talker in self.talkers])

    def ask(self, command):
        self.say(command)
        return self.hear()
