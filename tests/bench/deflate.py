#!/usr/bin/python3
"""deflate.py - what it would gain to compress events once for all streams.

Not a part of `make bench`: it needs neither the responder nor a web server.
It renders events of some kinds as largesse does, compresses them in the ways
in which many streams could share the compressed bytes, unpacks them again to
see that they are right, and prints how many times smaller they are.

usage: deflate.py [--level 1-9] [--cpu] [KIND...]

  flush   each flush is a block of its own (a full flush of zlib); a stream
          can begin with any of them
  epoch   blocks refer to what was sent since the last full flush, which
          comes after 64 KB; a stream can begin only there, and what it gets
          before is not compressed (the column does not count that)
  primer  blocks refer to 4 KB of typical events, which every stream gets at
          its start and after each 28 KB, as a comment.  A deflate block names
          a distance back from where it is, so a stream that comes later also
          gets a comment of as many zeros as the others are ahead of it.
  own     a compressor for each stream, which is what `gzip on` of nginx does;
          this cannot be shared

The columns `wire` count what a flush of its own also needs on the way to the
client: a chunk of HTTP/1.1, records of TLS 1.3, packets of TCP on Ethernet.
"""
import argparse
import json
import random
import time
import zlib
from pydoc_data.topics import topics as TEXTS   # real English, in any Python

EPOCH = 64 * 1024
PRIMER = 4096
REACH = 32 * 1024           # how far back a deflate block can refer
BATCHES = (1, 4, 16, 64, 1000)
EVENTS = {1: 400, 4: 800, 16: 1600, 64: 3200, 1000: 4000}
SEGMENT, PACKET = 1448, 66  # bytes of TCP content; Ethernet, IPv4, TCP
TLS_RECORD, TLS = 16384, 22
ENGLISH = ' '.join(' '.join(TEXTS[name] for name in sorted(TEXTS)).split())


# --- events -----------------------------------------------------------------

def text(rng, size):
    """About so many bytes of English, from the beginning of a word."""
    at = ENGLISH.index(' ', rng.randrange(len(ENGLISH) - 9999)) + 1
    return ENGLISH[at:at + size].strip()


def compact(value):
    return json.dumps(value, separators=(',', ':'))


def tick100(rng, n):
    return compact({'sym': rng.choice('AAPL MSFT NVDA AMZN SAP'.split()),
                    'bid': round(rng.uniform(100, 500), 2),
                    'ask': round(rng.uniform(100, 500), 2),
                    'vol': rng.randrange(10 ** 6),
                    't': 1790000000000 + n * 137 + rng.randrange(100),
                    'seq': 48000 + n})


def tick300(rng, n):
    def number():
        return round(rng.gauss(50, 20), 3)
    return compact({'device': f'sensor-{rng.randrange(40):03}',
                    'site': rng.choice(['north', 'south', 'harbour']),
                    'time': f'2026-11-29T09:{n // 60 % 60:02}:{n % 60:02}.'
                            f'{rng.randrange(1000):03}Z',
                    'temperature': number(), 'humidity': number(),
                    'pressure': number(), 'battery': rng.randrange(100),
                    'position': {'lat': round(rng.uniform(47, 55), 6),
                                 'lon': round(rng.uniform(6, 15), 6)},
                    'status': rng.choice(['ok', 'ok', 'ok', 'warning']),
                    'rssi': -rng.randrange(40, 99)})


def chat(rng, _):
    return compact({'from': rng.choice('ada bob eve joe kim mia'.split()),
                    'text': text(rng, 80)})


def delta(rng, n):
    del rng
    words = ENGLISH[5000:].split(' ', n % 3000 + 1)
    return compact({
        'id': 'chatcmpl-AzR8vQ2mLk0pXw71TbYc3NdGfHs9E',
        'object': 'chat.completion.chunk', 'created': 1790000000,
        'model': 'gpt-4o-mini-2024-07-18',
        'system_fingerprint': 'fp_0705bf87c0',
        'choices': [{'index': 0, 'delta': {'content': ' ' + words[n % 3000]},
                     'logprobs': None, 'finish_reason': None}]})


def html(rng, n):
    """A Turbo stream: one to four kilobytes of list items."""
    items = ''.join(
        f'  <li id="message_{n * 20 + i}" class="message message--unread">\n'
        f'    <a class="message__author" href="/users/{rng.randrange(9999)}">'
        f'{text(rng, 14)}</a>\n'
        f'    <time datetime="2026-11-29T09:{n % 60:02}:{i:02}Z">{i} minutes '
        f'ago</time>\n    <p class="message__body">{text(rng, 120)}</p>\n'
        f'  </li>\n' for i in range(rng.randint(3, 11)))
    return (f'<turbo-stream action="append" target="messages"><template>\n'
            f'{items}</template></turbo-stream>')


def table(rng, n):
    """Ten kilobytes of prices, of which a tenth has changed."""
    prices = rng.__dict__.setdefault('prices', [None] * 128)
    for i, old in enumerate(prices):
        if old is None or rng.random() < 0.1:
            bid = round(rng.uniform(1, 900), 2)
            sym = f'{chr(65 + i % 26)}{chr(65 + i * 7 % 26)}X{i}'
            prices[i] = {'sym': sym,
                         'bid': bid, 'ask': round(bid * 1.002, 2),
                         'last': round(bid * 1.001, 2),
                         'chg': round(rng.gauss(0, 3), 2),
                         'vol': rng.randrange(10 ** 6)}
    return compact({'time': 1790000000 + n, 'prices': prices})


KINDS = {'tick, 100 B': ('tick', tick100), 'tick, 300 B': ('tick', tick300),
         'chat, 80 B': (None, chat), 'token delta': (None, delta),
         'HTML, 1-4 KB': (None, html), 'table, 10 KB': ('prices', table)}


def rendered(kind, n, data):
    name = f'event: {kind}\n' if kind else ''
    return (f'id: {4711000 + n}\n{name}data: '
            + data.replace('\n', '\ndata: ') + '\n\n').encode()


def flushes(kind, make, batch, first=0):
    rng = random.Random(batch + first)
    count = EVENTS[batch] if make is not table else max(EVENTS[batch] // 8,
                                                        batch)
    rows = [rendered(kind, n, make(rng, n))
            for n in range(first, first + count)]
    return [b''.join(rows[i:i + batch]) for i in range(0, len(rows), batch)]


# --- ways to compress -------------------------------------------------------

def stored(content):
    """Blocks that are not compressed, aligned to bytes."""
    parts = [content[i:i + 65535] for i in range(0, len(content), 65535)]
    return b''.join(b'\0' + len(p).to_bytes(2, 'little')
                    + (len(p) ^ 65535).to_bytes(2, 'little') + p
                    for p in parts)


def block(content, level, history=b''):
    """A block that refers to nothing but itself and this history."""
    if history:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9,
                                  zlib.Z_DEFAULT_STRATEGY, history)
    else:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
    packed = packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH)
    return min(packed, stored(content), key=len)


def by_flush(parts, level, _):
    return [block(part, level) for part in parts], b''.join(parts)


def by_epoch(parts, level, _, most=EPOCH):
    packed, since, packer = [], most, None
    for part in parts:
        if since >= most:
            packer, since = zlib.compressobj(level, zlib.DEFLATED, -15, 9), 0
        packed.append(packer.compress(part)
                      + packer.flush(zlib.Z_SYNC_FLUSH))
        since += len(part)
    return packed, b''.join(parts)


def by_own(parts, level, _):
    return by_epoch(parts, level, None, float('inf'))


def by_primer(parts, level, primer):
    """A block refers to itself and to the primer, at the right distance."""
    packed, plain, ahead = [], [], REACH
    for part in parts:
        before = b''
        if ahead + len(primer) + 300 > REACH:
            before, ahead = block(primer, level), 0
            plain.append(primer)
        if len(primer) + ahead + len(part) < REACH:
            history = primer + bytes(ahead)     # no event has a zero
            packed.append(before + block(part, level, history))
        else:
            packed.append(before + block(part, level))
        plain.append(part)
        ahead += len(part)
    return packed, b''.join(plain)


WAYS = {'flush': by_flush, 'epoch': by_epoch, 'primer': by_primer,
        'own': by_own}


def primer_of(kind, make):
    rows = b''.join(rendered(kind, n, make(random.Random(n), n))
                    for n in range(900, 960))[:PRIMER]
    return b':' + rows.replace(b'\n', b' ') + b'\n'


def latecomer(kind, make, level):
    """A stream that comes later than the primer unpacks the same blocks."""
    primer, parts = primer_of(kind, make), flushes(kind, make, 1)
    fit, ahead = 0, 0
    while len(primer) + ahead + len(parts[fit]) + 300 < REACH:
        ahead += len(parts[fit])
        fit += 1
    packed, _ = by_primer(parts[:fit], level, primer)
    late = fit // 2
    filler = b':' + bytes(sum(map(len, parts[:late])) - 2) + b'\n'
    blocks = [block(primer, level), block(filler, level), *packed[late:]]
    got = zlib.decompressobj(-15).decompress(b''.join(blocks))
    assert got == primer + filler + b''.join(parts[late:fit])


# --- the table --------------------------------------------------------------

def on_the_wire(size):
    size += len(f'{size:x}') + 4
    size += -(-size // TLS_RECORD) * TLS
    return size + -(-size // SEGMENT) * PACKET


def wire(parts):
    return sum(on_the_wire(len(part)) for part in parts)


def times(what, *args, runs=5):
    best = float('inf')
    for _ in range(runs):
        began = time.process_time()
        what(*args)
        best = min(best, time.process_time() - began)
    return best


def row(name, batch, level, cpu):
    kind, make = KINDS[name]
    parts, primer = flushes(kind, make, batch), primer_of(kind, make)
    plain = sum(map(len, parts))
    cells = [name, batch, round(plain / len(parts))]
    wires = []
    for way in WAYS.values():
        packed, content = way(parts, level, primer)
        assert zlib.decompressobj(-15).decompress(b''.join(packed)) == content
        cells.append(f'{plain / sum(map(len, packed)):.1f}')
        wires.append(wire(parts) / wire(packed))
    cells += [f'{w:.1f}' for w in wires[:3]]
    if cpu:
        cells += [f'{times(by_flush, parts, lv, b"") / len(parts) * 1e6:.0f}'
                  for lv in (1, 6)]
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--level', type=int, default=6)
    parser.add_argument('--cpu', action='store_true',
                        help='also us a flush, at level 1 and 6')
    parser.add_argument('kind', nargs='*', help='words of kinds')
    args = parser.parse_args()
    heads = ['events', 'a flush', 'plain B', *WAYS, 'wire: flush', 'epoch',
             'primer'] + ['us, level 1', 'us, level 6'] * args.cpu
    print('| ' + ' | '.join(heads) + ' |\n' + '|---' * len(heads) + '|')
    for name, (kind, make) in KINDS.items():
        if args.kind and not any(word in name for word in args.kind):
            continue
        latecomer(kind, make, args.level)
        for batch in BATCHES:
            print('| ' + ' | '.join(map(str, row(name, batch, args.level,
                                                 args.cpu))) + ' |')


if __name__ == '__main__':
    main()
