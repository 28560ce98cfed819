"""records.py - what a run writes down, and how it is read again.

A run has a directory.  history.jsonl says what was done to the log and what
was in it; journal-NAME.jsonl what a publisher began and what it was told;
client-NAME.jsonl what a client saw.  Each line is one JSON list: a word, a
time, and more.  Times are of the machine's steady clock, which all processes
share.  A line is written with one write, so that a process may be killed at
any time.
"""

import json
import os
import re
import threading

from history import NEVER, History, Removal

END = "stream-end"
TAG = re.compile(r"#([a-z][a-z0-9-]*\.\d+)#(?: (\d+) )?")


class Writer:
    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        self.lock = threading.Lock()

    def __call__(self, *entry):
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        with self.lock:
            os.write(self.fd, line.encode())


def lines(path):
    """The entries of a file; the last one may be half written."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            try:
                yield json.loads(line)
            except ValueError:
                continue


def parts_of(data):
    """The tags of the events that were folded into this one, but for the last,
    and the data of the last."""
    tags, at = [], 0
    while True:
        m = TAG.match(data, at)
        if m is None or m[2] is None or at + int(m[2]) >= len(data):
            return tags, data[at:]
        tags.append(m[1])
        at += int(m[2])


def tag_of(data):
    """The tag in an event's data, and whether the data is whole."""
    m = TAG.search(data)
    if m is None:
        return None, False
    return m[1], m[2] is None or len(data) == int(m[2])


def make_data(tag, length):
    """Data that says how long it is.  It has line ends within."""
    head = "#%s# %d " % (tag, length)
    rest = max(0, length - len(head))
    return head + ("0123456789\n" * (rest // 11 + 1))[:rest]


def load_history(folder, engine):
    h = History(engine)
    for kind, *entry in lines(folder / "history.jsonl"):
        if kind == "life":
            at, parent, upto = entry
            h.begin_life(None if parent is None else h.lives[parent],
                         upto, at)
        elif kind == "void":
            h.void_life()
        elif kind == "rows":
            life = h.lives[entry[0]]
            for id, topic, tag, uid, *end in entry[1]:
                h.add(life, id, topic, tag, uid, *end)
        elif kind == "holes":
            life, ids, at = entry
            h.lives[life].holes.update(dict.fromkeys(ids, at))
        elif kind == "late":
            h.lives[entry[0]].late = True
        elif kind == "removed":
            start, end, life, how, gone, kept = entry
            h.removals.append(Removal(start, end, h.lives[life], how,
                                      dict(gone), dict(kept)))
        elif kind == "pruned":
            h.pruned.append((entry[0], entry[1] or NEVER))
        elif kind == "touched":
            h.touched.append(tuple(entry))
        elif kind == "excuse":
            h.excuses.append(tuple(entry))
        elif kind == "health":
            h.health.append((entry[0], entry[1]))
        elif kind == "damage":
            h.lives[entry[0]].damage = entry[1]
        elif kind == "gave up":
            h.gave_up += 1
        elif kind == "crash":
            h.crashes.append(tuple(entry))
        elif kind == "unfinished":
            h.unfinished.append(tuple(entry))
        elif kind == "fault":
            h.faults.append(tuple(entry))
    for path in sorted(folder.glob("journal-*.jsonl")):
        for kind, at, *entry in lines(path):
            if kind == "done":
                for tag in entry[0]:
                    h.acks.setdefault(tag, at)
            elif kind == "begun":
                h.begun.update((tag, at) for tag in entry[0])
            elif kind == "failed":
                h.failures[entry[2]] += 1
    return h


def load_clients(folder, only=()):
    """(name, topics, fast, entries) of each client."""
    for path in sorted(folder.glob("client-*.jsonl")):
        name = path.stem.partition("-")[2]
        if only and name not in only:
            continue
        entries = lines(path)
        _, topics, fast = next(entries)
        yield name, topics, fast, entries
