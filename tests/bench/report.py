"""report.py - prints the table of results, as Markdown and on the terminal."""
import json
import os
import platform
import subprocess
from statistics import median

from lines import LINES, numbers, show
from peers import PEERS
from yard import BUILT


def cell(values, unit):
    """Median and, of several rounds, least and most."""
    values = list(values)
    if not values:
        return ''
    middle = show(median(values), unit)
    if len(values) == 1 or min(values) == max(values):
        return middle
    return f'{middle} [{show(min(values), unit)} - {show(max(values), unit)}]'


def ratio(values):
    text = f'{median(values):.2f}'
    if len(values) > 1:
        text += f' [{min(values):.2f} - {max(values):.2f}]'
    return text


def verdicts(line, samples):
    """One sentence for each goal of the line."""
    said = []
    for goal in line.goals:
        judged = []
        for our in goal.ours:
            values = goal.values(line.figure, samples, our)
            if not values:
                continue
            word = 'met' if goal.holds(median(values)) else '**missed**'
            how = f' at {ratio(values)}' if goal.against else ''
            judged.append(f'{our.split("/")[1]} {word}{how}')
        said.append(f'{goal.text(line.unit)}: '
                    f'{", ".join(judged) or "not measured"}')
    return '; '.join(said)


def machine():
    cpu = 'unknown CPU'
    with open('/proc/cpuinfo') as f:
        for text in f:
            if text.startswith('model name'):
                cpu = text.split(':', 1)[1].strip()
                break
    with open('/proc/meminfo') as f:
        gib = int(f.readline().split()[1]) / 1024 / 1024
    packages = subprocess.run(
        ['dpkg-query', '-W', '-f', '${Package} ${Version}, ', 'nginx',
         'libnginx-mod-nchan', 'lighttpd', 'php8.2-fpm'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        check=False).stdout
    return (f'{os.cpu_count()} x {cpu}, {gib:.0f} GiB, Linux '
            f'{platform.release()}; {packages.rstrip(", ")}')


def table(results, rounds):
    shown = [name for name in PEERS if any(
        name in samples for samples in results.values())]
    lines = ['| what | ' + ' | '.join(shown) + ' | goal |',
             '|---' * (len(shown) + 2) + '|']
    for line in LINES:
        samples = results.get(line.row, {})
        cells = [cell(numbers(samples, name, line.figure).values(), line.unit)
                 for name in shown]
        if any(cells):
            lines.append(f'| {line.what} | ' + ' | '.join(cells) +
                         f' | {verdicts(line, samples)} |')
    lines += ['', f'{rounds} interleaved rounds; median [least - most].  '
              'Server side on core 0, client and publisher on core 1; for '
              'one event to 9,900 the responder may use both.',
              machine() + '.', quiet(results)]
    return '\n'.join(lines + troubles(results)) + '\n'


def quiet(results):
    """Was the machine ours alone?"""
    others = [s['others'] for samples in results.values()
              for by_round in samples.values() for s in by_round.values()
              if 'others' in s]
    if not others:
        return ''
    disturbed = sum(o > 0.1 for o in others)
    return (f'Other processes took {median(others):.0%} of a core (median; '
            f'at most {max(others):.0%}); more than 10 % in {disturbed} of '
            f'{len(others)} measurements.')


def troubles(results):
    """What could not be measured is said, not left out."""
    said = []
    for row, samples in results.items():
        for peer, by_round in samples.items():
            for r, figures in by_round.items():
                if 'trouble' in figures:
                    said.append(f'- {row}, {peer}, round {r}: '
                                f'{figures["trouble"].splitlines()[0]}')
    return ['', 'What went wrong:', ''] + said if said else []


def write(results, rounds):
    """results.json and table.md; returns the table."""
    text = table(results, rounds)
    with open(os.path.join(BUILT, 'results.json'), 'w') as f:
        json.dump({'machine': machine(), 'rounds': rounds,
                   'rows': results}, f)
    with open(os.path.join(BUILT, 'table.md'), 'w') as f:
        f.write(text)
    return text
