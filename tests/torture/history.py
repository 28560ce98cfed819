"""history.py - what was in the log, and when: the truth that clients are
held against.

The log has lives.  A life begins when the log is made, or when another file
takes its place.  A log that is restored from a copy begins a life whose parent
is the life that was copied, with all of the parent's rows up to the copy's
newest.  So a row is born in one life, and lives on in the lives that were
copied from it.

A place is a life and an id.  The same number in two lives is the same place
only as far as the two share their rows: shared() says how far that is.

Pure: no file, no clock.  records.py fills it, and so do the tests.
"""

import bisect
import collections
import re

# topic as published; data begins with, or contains, #tag#
# end: it is a stream-end, with which its topic ends until a later row
Row = collections.namedtuple("Row", "life id topic tag uid end",
                             defaults=(False,))
# Rows of some topics were removed while older rows of others stayed.  how is
# pruned or folded; gone has ids by topic, kept what was folded into which.
Removal = collections.namedtuple("Removal", "start end life how gone kept")

NEVER = float("inf")
HARM_S = 5      # what was read meanwhile may come so late
RESTARTS = ("kill_responder", "term_responder", "upgrade", "many_restarts",
            "kill_worker", "flip_journal", "no_inotify", "no_rights",
            "lock_for_one")
NOTHING = "there is one process only"   # so no worker could be killed
SQLITE_ID = re.compile(r"(\d+)(?:-[0-9a-z]+)?$")
REDIS_ID = re.compile(r"(\d+)-(\d+)$")


class Life:
    def __init__(self, number, parent=None, upto=0, begun=0.0):
        self.number, self.parent, self.upto = number, parent, upto
        self.begun, self.over = begun, NEVER
        self.ids, self.rows = [], {}    # born here, in order
        self.holes = {}                 # id: when it was cut from the middle
        self.late = False               # its ids begin at the end of all ids
        self.damage = None              # what SQLite says of the file

    def add(self, row):
        if row.id not in self.rows:
            bisect.insort(self.ids, row.id)
        self.rows[row.id] = row

    def line(self):
        """This life and those it came from, each with how much is shared."""
        life, upto = self, NEVER
        while life is not None:
            yield life, upto
            upto = min(upto, life.upto)
            life = life.parent

    def between(self, low, high):
        """The rows of this life after low and before high, in order."""
        parts, top = [], high
        for life, upto in self.line():
            end = bisect.bisect_left(life.ids, min(top, upto + 1))
            start = bisect.bisect_right(life.ids, low)
            parts.append([life.rows[i] for i in life.ids[start:end]])
            if life.upto <= low:
                break
        return [row for part in reversed(parts) for row in part]


class History:
    def __init__(self, engine="sqlite"):
        self.engine, self.web = engine, ""
        self.lives = []
        self.by_tag = {}        # the rows that were born with it
        self.by_uid = {}        # the same: a uid that was lost comes again
        self.twice = []         # rows whose tag was there already
        self.acks = {}          # tag: when its publisher was told
        self.begun = {}         # tag: when it was given to our writer
        self.failures = collections.Counter()   # what publishers were told
        self.by_topic = {}      # the rows of each topic, of all lives
        self.removals = []
        self.pruned = []        # (from, to): old rows were removed
        self.touched = []       # (from, to): the log's files were exchanged
        self.excuses = []       # (from, to, why): events may be late
        self.health = []        # (when, is it 200 and ok)
        self.gave_up = 0        # how often the web server ended by itself
        self.crashes = []       # (when, what)
        self.unfinished = []    # (when, who never got the last event)
        self.faults = []        # (from, to, name, what)

    def begin_life(self, parent=None, upto=0, begun=0.0):
        for life in self.lives:
            life.over = min(life.over, begun)
        self.lives.append(Life(len(self.lives), parent, upto, begun))
        return self.lives[-1]

    def void_life(self):
        """The newest has never been; the one before goes on.  Lives keep
        their numbers, so it stays in the list, empty and over."""
        self.lives[-1].begun = NEVER
        self.lives[-1].over = 0
        for life in reversed(self.lives):
            if life.begun != NEVER:
                life.over = NEVER
                return

    def add(self, life, id, topic, tag, uid=None, end=False):
        row = Row(life, id, topic, tag, uid, end)
        if row == life.rows.get(id):
            return row      # noted twice
        life.add(row)
        was = self.by_tag.setdefault(tag, [])
        if any(self.shared(old.life, life) >= old.id for old in was):
            self.twice.append(row)
        was.append(row)
        self.by_topic.setdefault(topic, []).append(row)
        if uid:
            self.by_uid.setdefault(uid, []).append(row)
        return row

    def shared(self, a, b):
        """Up to which id have two lives the same rows?"""
        ours = {life: upto for life, upto in a.line()}
        for life, upto in b.line():
            if life in ours:
                return min(upto, ours[life])
        return 0

    def is_hole(self, row, life, start, end):
        """Was this row of this life removed from the middle, there or, in
        this time, from a copy that has it, or what it is a copy of?"""
        copies = [other for other in self.lives_at(start, end, 0)
                  if self.shared(row.life, other) >= row.id]
        return any(row.id in one.holes for other in [life, *copies]
                   for one, _ in other.line())

    def was_cut(self, row, life, at):
        """Was it removed from the middle of this life by then?"""
        return any(one.holes.get(row.id, NEVER) <= at
                   for one, _ in life.line())

    def removed_from(self, life, low, at):
        """Was a row from this id on removed from this life by then?"""
        return any(id >= low and cut <= at for one, _ in life.line()
                   for id, cut in one.holes.items()) or any(
            r.life is life and r.start <= at and id >= low
            for r in self.removals for ids in r.gone.values() for id in ids)

    # --- topics that end

    def topic(self, name, life):
        """The rows that this topic ever had in this life, in order."""
        return sorted((row for row in self.by_topic.get(name, ())
                       if self.shared(row.life, life) >= row.id),
                      key=lambda row: row.id)

    def committed(self, row):
        """Between which two times it was."""
        return (self.begun.get(row.tag, row.life.begun),
                self.acks.get(row.tag, NEVER))

    def removal(self, row, start, end, life=None):
        """The first removal in this time that took this row, from this very
        life if one is named: a copy of it may be older than the removal."""
        for r in self.removals:
            if (life in (None, r.life) and r.start <= end and r.end >= start and
                    row.id in r.gone.get(row.topic, ()) and
                    self.shared(row.life, r.life) >= row.id):
                return r
        return None

    def may_be_gone(self, row, start, end):
        return self.removal(row, start, end) is not None or any(
            a <= end and b >= start for a, b in self.pruned)

    def folds(self, row):
        """(removal, the tags before its own) for each time that others were
        folded into this row."""
        for r in self.removals:
            if row.id in r.kept and self.shared(row.life, r.life) >= row.id:
                ids = set(r.kept[row.id])
                yield r, [one.tag for one in self.topic(
                    row.topic, r.life) if one.id in ids]

    def number(self, text):
        """The number of an id on the wire; None: it is a uid, or nothing."""
        if self.engine == "redis":
            m = REDIS_ID.match(text or "")
            return (int(m[1]) << 64) + int(m[2]) if m else None
        m = SQLITE_ID.match(text or "")
        return int(m[1]) if m else None

    def responder_began(self, at):
        """When at the latest the responder of this time had begun."""
        return max([min(end, at) for start, end, name, what in self.faults
                    if start <= at and what != NOTHING and (
                        name in RESTARTS or
                        "responder down" in (what or "") or
                        what == "started meanwhile")],
                   default=0.0)

    def is_ghostly(self, row, slack):
        """A POST with a uid is sent again until it is answered.  If what it
        wrote was pruned before it was noted, it is written once more.  In
        SQLite a trigger notes all."""
        begun, ack = self.begun.get(row.tag), self.acks.get(row.tag, NEVER)
        return (row.uid is not None and begun is not None and
                self.engine == "redis" and any(
                    begun <= end and start <= min(begun + slack, ack)
                    for start, end in self.pruned))

    def is_harmed(self, at, how="overwritten"):
        """Were random bytes in the log, or was it cut short?  Nobody but the
        model knows."""
        return any(start <= at <= end + HARM_S and name == "harm_and_mend" and
                   how in (what or "") for start, end, name, what
                   in self.faults)

    def is_written_over(self, start, end):
        """Was a copy written into the log's file?  Who opens it meanwhile sees
        some of both."""
        return any(a <= end and b >= start and "cp over" in (what or "")
                   for a, b, _, what in self.faults)

    def lives_at(self, start, end, slack):
        return [life for life in self.lives
                if life.begun <= end + slack and life.over >= start - slack]

    def places(self, text, start, end, slack):
        """Which places an id can mean that was sent in this time."""
        n = self.number(text)
        if n is None:
            return {(row.life, row.id) for row in self.by_uid.get(text, ())}
        return {(life, n) for life in self.lives_at(start, end, slack)}
