"""plot.py - the plots of the pages, as SVG written by hand.

They can be read on a light and on a dark background: a style sheet inside
each file has colours for both.
"""
import math
import os
from html import escape
from statistics import median

from lines import show
from many import STREAMS
from rows import SHARES, TLS, plain
from yard import BUILT

LOOKS = {   # name: (light, dark, dashes)
    'largesse/nginx': ('#1f6feb', '#6cb0ff', ''),
    'largesse/lighttpd': ('#0b8f6a', '#45d3a6', ''),
    'largesse/nginx, redis': ('#d0318a', '#ff7cc0', '6 3'),
    'nchan': ('#cf4a1a', '#ff9466', ''),
    'ceiling/nginx': ('#7d8590', '#9aa4b0', '2 4'),
    'ceiling/lighttpd': ('#7d8590', '#9aa4b0', '9 4'),
    'php': ('#8a4fc7', '#c79bf2', ''),
    'node': ('#a07800', '#e0bd4c', ''),
    'responder': ('#1f6feb', '#6cb0ff', ''),
    'web server': ('#cf4a1a', '#ff9466', ''),
}
# The colour is that of the peer without TLS.
LOOKS.update((name, LOOKS[plain(name)][:2] + (
    '2 4' if name.endswith('HAProxy') else '9 4',)) for name in TLS)
MEMORY_PEERS = ('nchan', 'ceiling/nginx', 'ceiling/lighttpd',
                'largesse/nginx', 'largesse/lighttpd')


def style():
    def sheet(column):
        return ''.join(
            f'.{css(name)}{{stroke:{looks[column]}}}'
            f'.{css(name)} circle{{fill:{looks[column]}}}'
            for name, looks in LOOKS.items())
    return ('<style>text{font:13px system-ui,sans-serif;fill:#1f2328}'
            '.title{font-size:15px;font-weight:600}.dim{fill:#59636e}'
            '.grid{stroke:#d1d9e0;stroke-width:1}'
            '.line{fill:none;stroke-width:2.2;stroke-linejoin:round}'
            '.line circle{stroke:none}'
            f'{sheet(0)}'
            '@media (prefers-color-scheme:dark){text{fill:#f0f6fc}'
            '.dim{fill:#9198a1}.grid{stroke:#3d444d}'
            f'{sheet(1)}}}</style>')


def css(name):
    return name.replace('/', '-').replace(', ', '-').replace(' ', '-')


def short(value):
    for unit, size in (('M', 1e6), ('k', 1e3)):
        if value >= size:
            return f'{value / size:g}{unit}'
    return f'{value:g}'


class Axis:
    """A range of values on a range of points; marks at round numbers."""

    def __init__(self, least, most, start, end, log=True):
        self.least, self.most, self.log = least, most, log
        self.start, self.end = start, end

    def at(self, value):
        value = min(max(value, self.least), self.most)
        if self.log:
            part = math.log(value / self.least) / math.log(
                self.most / self.least)
        else:
            part = (value - self.least) / (self.most - self.least)
        return self.start + part * (self.end - self.start)

    def marks(self):
        if not self.log:
            return [self.least + i * (self.most - self.least) / 4
                    for i in range(5)]
        powers = range(math.ceil(math.log10(self.least) - 1e-9),
                       math.floor(math.log10(self.most) + 1e-9) + 1)
        return [10.0 ** p for p in powers]


class Panel:
    """One chart: axes, grid, and a line for each peer."""

    def __init__(self, title, x, y, x_name, y_mark=short, x_mark=short):
        self.out = [f'<text class="title" x="{x.start}" y="{y.end - 14}">'
                    f'{escape(title)}</text>']
        self.x, self.y = x, y
        for value in y.marks():
            self.rule(x.start, y.at(value), x.end, y.at(value))
            self.text(x.start - 8, y.at(value) + 4, y_mark(value), 'end')
        for value in x.marks():
            self.rule(x.at(value), y.start, x.at(value), y.end)
            self.text(x.at(value), y.start + 19, x_mark(value), 'middle')
        self.text((x.start + x.end) / 2, y.start + 38, x_name, 'middle')

    def rule(self, x1, y1, x2, y2):
        self.out.append(f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" '
                        f'x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, x, y, text, anchor):
        self.out.append(f'<text class="dim" x="{x:.1f}" y="{y:.1f}" '
                        f'text-anchor="{anchor}">{escape(text)}</text>')

    def line(self, name, points, dots=False):
        at = [(self.x.at(px), self.y.at(py)) for px, py in points]
        path = ' '.join(f'{px:.1f},{py:.1f}' for px, py in at)
        circles = ''.join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.4"/>'
                          for px, py in at) if dots else ''
        self.out.append(
            f'<g class="line {css(name)}"><polyline points="{path}" '
            f'stroke-dasharray="{LOOKS[name][2]}"/>{circles}</g>')


def legend(names, left, right):
    """In two lines above the titles, if one has no room for them."""
    out, x, y = [], left, 22
    for name in names:
        wide = 50 + 7.4 * len(name)
        if x + wide > right:
            x, y = left, 44
        out.append(f'<g class="line {css(name)}"><line x1="{x}" y1="{y}" '
                   f'x2="{x + 26}" y2="{y}" '
                   f'stroke-dasharray="{LOOKS[name][2]}"/></g>'
                   f'<text x="{x + 32}" y="{y + 4}">{escape(name)}</text>')
        x += wide
    return out


def save(name, title, width, height, parts):
    path = os.path.join(BUILT, name)
    with open(path, 'w') as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" '
                f'viewBox="0 0 {width} {height}" width="{width}" '
                f'height="{height}" role="img"><title>{escape(title)}'
                f'</title>{style()}{"".join(parts)}</svg>\n')
    return path


def histogram(by_round):
    """delay -> deliveries, of all rounds together."""
    total = {}
    for figures in by_round.values():
        for ms, count in figures.get('histogram', ()):
            total[ms] = total.get(ms, 0) + count
    return sorted(total.items())


def shares(by_round):
    """Points (delay, share of deliveries that came within it)."""
    bars = histogram(by_round)
    whole, sum_, points = sum(c for _, c in bars), 0, []
    for ms, count in bars:
        sum_ += count
        points.append((ms, sum_ / whole))
    return points


def delays(results):
    title = 'Delay from commit to receipt: share of deliveries within'
    panels, names = [], []
    for i, (row, what, least, most) in enumerate((
            ('one', 'One stream: deliveries within', 0.1, 200),
            ('crowd', 'One event to 9,900: deliveries within', 1, 1000))):
        left = 62 + i * 440
        panel = Panel(what, Axis(least, most, left, left + 360),
                      Axis(0, 1, 330, 86, log=False), 'milliseconds from commit to receipt',
                      lambda v: f'{v:.0%}')
        for name, by_round in results.get(row, {}).items():
            shown = name in LOOKS and name not in TLS
            points = shares(by_round) if shown else []
            if points:
                panel.line(name, points)
                names += [] if name in names else [name]
        panels += panel.out
    return save('delays.svg', title, 880, 390, legend(
        [n for n in LOOKS if n in names], 62, 870) + panels)


def against_streams(results, file, title, figure, least, most, mark):
    panel = Panel(title, Axis(100, 10000, 80, 740),
                  Axis(least, most, 350, 86), 'streams', mark)
    names = []
    for name, by_round in results.get('streams', {}).items():
        for figures in by_round.values():
            points = [(int(n), f[figure]) for n, f in figures.items()
                      if n.isdigit()]
            if points and name not in names:
                panel.line(name, points, dots=True)
                names.append(name)
    return save(file, title, 780, 410, legend(
        [n for n in LOOKS if n in names], 80, 770) + panel.out)


def middle(by_round, figure):
    values = [f[figure] for f in by_round.values() if figure in f]
    return median(values) if values else None


def lines(panel, by_peer, figures, names):
    """A line for each peer through its figures, which are (x, name of the
    figure); the names of those that are not in names."""
    drawn = []
    for name, by_round in by_peer.items():
        points = [(x, middle(by_round, figure)) for x, figure in figures]
        points = [(x, value) for x, value in points if value is not None]
        if name in LOOKS and points:
            panel.line(name, points, dots=True)
            drawn.append(name)
    return [name for name in drawn if name not in names]


def of_many(results):
    """How cost grows with streams."""
    title = 'From 10,000 to 100,000 streams on one machine'
    panels, names = [], []
    for i, (what, figure, most, mark) in enumerate((
            ('CPU a delivery of one event to all', 'total_us', 40,
             lambda v: f'{v:g} us'),
            ('Memory a stream, all server processes', 'after_bytes', 16000,
             lambda v: f'{v / 1000:g} kB'),
            ('The last stream has the event after', 'last_ms', 4000,
             lambda v: f'{v / 1000:g} s'),
            ('All streams are open after', 'connect_s', 40,
             lambda v: f'{v:g} s'))):
        left, top = 70 + i % 2 * 440, 86 + i // 2 * 330
        panel = Panel(what, Axis(10000, 100000, left, left + 350),
                      Axis(0, most, top + 230, top, log=False), 'streams',
                      mark)
        names += lines(panel, results['many'], [
            (n, f'{figure}_{n}') for n in STREAMS], names)
        panels += panel.out
    return save('many.svg', title, 880, 720, legend(
        [n for n in LOOKS if n in names], 70, 870) + panels)


def bars(left, top, unit, values):
    """One for each (name, value); none where the value is None."""
    out = []
    most = max([v for _, v in values if v is not None], default=1)
    for i, (name, value) in enumerate(values):
        y = top + 22 + i * 23
        out.append(f'<text x="{left + 160}" y="{y + 4}" text-anchor="end">'
                   f'{escape(name)}</text>')
        if value is None:
            continue
        right = left + 168 + 200 * value / most
        out.append(
            f'<g class="line {css(name)}"><line x1="{left + 168}" y1="{y}" '
            f'x2="{right:.1f}" y2="{y}" style="stroke-width:12" '
            f'stroke-opacity="{0.55 if name in TLS else 1}"/></g>'
            f'<text class="dim" x="{right + 6:.1f}" y="{y + 4}">'
            f'{escape(show(value, unit))}</text>')
    return out


def beside_tls(results):
    """Six lines of the table, as bars: each peer without TLS and with it."""
    title = 'Without TLS and with it'
    names = []
    for name in TLS:
        names += [n for n in (plain(name), name) if n not in names]
    names.sort(key=list(LOOKS).index)
    names.sort(key=lambda n: list(LOOKS).index(plain(n)))
    out = []
    for i, (what, row, figure, unit) in enumerate((
            ('Most deliveries a second to 1,000 streams',
             'most', 'rate', '/s'),
            ('CPU a delivery, 400 events/s to 1,000 (nchan: 100)',
             'busy', 'total_us', 'us'),
            ('One stream, from commit or POST to receipt: median',
             'one', 'p50_ms', 'ms'),
            ('One event to 9,900 streams (lighttpd: 8,900): p99',
             'crowd', 'p99_ms', 'ms'),
            ('Memory of a stream after ten events',
             'crowd', 'after_bytes', 'B'),
            ('CPU of the servers for opening a stream',
             'crowd', 'connect_us', 'us'))):
        left, top = 20 + i % 2 * 470, 34 + i // 2 * 226
        out.append(f'<text class="title" x="{left}" y="{top}">'
                   f'{escape(what)}</text>')
        out += bars(left, top, unit, [
            (name, middle(results.get(row, {}).get(name, {}), figure))
            for name in names])
    return save('tls.svg', title, 950, 706, out)


def of_browsers(results):
    """What HTTP/2 does to many streams of one browser."""
    title = 'Streams that share connections of HTTP/2, 1,200 in all, over TLS'
    panels, names = [], []
    for i, (what, figure, most, mark) in enumerate((
            ('Memory of the web server a stream', 'after_bytes', 50000,
             lambda v: f'{v / 1000:g} kB'),
            ('One event to all: p99', 'p99_ms', 100, lambda v: f'{v:g} ms'))):
        left = 70 + i * 440
        panel = Panel(what, Axis(1, 100, left, left + 350),
                      Axis(0, most, 320, 90, log=False),
                      'streams on a connection', mark)
        names += lines(panel, results['browsers'], [
            (share or 1, f'{figure}_{share}' if share else figure)
            for share in (0,) + SHARES], names)
        panels += panel.out
    return save('browsers.svg', title, 880, 380, legend(
        [n for n in LOOKS if n in names], 70, 870) + panels)


def write(results):
    """The plots of which there is something to show; their paths."""
    paths = []
    if 'one' in results or 'crowd' in results:
        paths.append(delays(results))
    if any(name in results.get('crowd', {}) for name in TLS):
        paths.append(beside_tls(results))
    if 'browsers' in results:
        paths.append(of_browsers(results))
    if 'many' in results:
        paths.append(of_many(results))
    if 'streams' in results:
        paths.append(against_streams(
            results, 'deliveries.svg',
            'Deliveries a second on one core, p99 within 0.5 s', 'rate',
            1e4, 2e7, short))
        paths.append(against_streams(
            results, 'memory.svg', 'Memory of all server processes, idle',
            'bytes', 1e5, 1e9, lambda v: short(v).replace('M', ' MB')
            .replace('1000 MB', '1 GB').replace('k', ' kB')))
    return paths
