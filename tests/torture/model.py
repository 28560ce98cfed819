"""model.py - what each client should have seen, and what is wrong with what
it saw.

A client follows some topics from a place.  Between two events that it got one
after the other, also on two connections, no event of its topics may lie,
unless a stream-gap was told between the two.  After a gap it gets the first
event behind the place that the gap named.  Nothing comes twice.  While a
stream is open and read, it is not silent for MUTE_S seconds although an event
is due, or /health is not 200.

A client is told that its topics have ended, by 204 or, with start=bare, by the
end of the answer, only if it has all of them, and the newest event of each was
a stream-end.  And it is told within MUTE_S seconds.  Rows of a run that were
removed are owed to nobody who was told by a gap, and to nobody who came later.
What was folded comes with all of its events, each of them once; those that a
client has come again only if it was told.

The model knows nothing of how the program works: it has the history of the log
and the record of one client, and no more.
"""

import collections
import fnmatch
import re

from history import NEVER, NOTHING, RESTARTS

MUTE_S = 5
SLACK_S = 5     # the responder may notice so late that the log was replaced
BLIND_S = 20    # longer than any fault that keeps it from the log

KINDS = ("lost untold", "repeated", "out of order", "foreign", "wrong topic",
         "damaged", "published twice", "false gap", "mute",
         "an end that was not the end", "an end not told", "crashed",
         "unfinished")
Finding = collections.namedtuple("Finding", "kind client at what")


class Counts:
    def __init__(self):
        self.deliveries = self.connects = self.resumes = self.gaps = 0
        self.unseen = 0         # events of a life that ended unnoted
        self.moved = 0          # places whose uid was published again
        self.harmed = 0         # events of a file that was written into
        self.ends = self.folded = 0
        self.statuses = collections.Counter()

    def add(self, other):
        for name, value in vars(other).items():
            if name == "statuses":
                self.statuses.update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


def matcher(topics):
    """topics as in the query: exact names, prefix*, or *."""
    pattern = re.compile("|".join(fnmatch.translate(t) for t in topics))
    return lambda topic: pattern.match(topic) is not None


class Walk:
    """One client's record, from its beginning to its end."""

    def __init__(self, history, name, topics, fast, alone):
        self.h, self.name, self.fast = history, name, fast
        self.alone = alone      # each connection is served by a new process
        self.on_topics(0.0, topics)
        self.counts, self.findings = Counts(), []
        self.places = None      # (life, id) that it may be at; None: nowhere
        self.gap = None         # told, and no event since
        self.seen = set()
        self.again = set()      # of those: they may come once more
        self.stepped = {}       # of those that were removed: when
        self.ghosts = set()     # tags of which one more may have come
        self.level_at = 0.0     # when it surely was in a life that there is
        self.opened = self.reads = 0.0
        self.came_with = None   # the id with which it came back
        self.began = False      # an event came on this connection
        self.told_at = 0.0      # nobody owes it what was removed before
        self.fresh = set()      # what came since then
        self.threw = False      # it was told to forget what it had of a run
        self.bare, self.begins, self.status = False, None, None
        self.empty = 0          # streams that ended and had nothing

    def find(self, kind, at, what):
        self.findings.append(Finding(kind, self.name, at, what))

    def step(self, entry):
        kind, at, *rest = entry
        getattr(self, "on_" + kind)(at, *rest)

    def on_topics(self, at, topics):
        self.topics, self.wants = topics, matcher(topics)
        self.exact = bool(topics) and not any("*" in t for t in topics)

    def on_open(self, at, last_id, begins=None, bare=False):
        self.opened, self.reads = at, None
        self.begins, self.bare, self.status = begins, bare, None
        self.counts.connects += 1
        self.came_with, self.began = last_id, False
        if last_id:
            self.counts.resumes += 1
            if self.gap is not None:
                self.forget_behind(self.gap)
            return
        self.places, self.gap = None, None
        self.seen, self.again, self.stepped = set(), set(), {}
        self.told_at, self.fresh, self.empty = at, set(), 0
        self.threw = False

    def on_status(self, at, status):
        self.counts.statuses[status] += 1
        self.status, self.answered = status, at
        if status == 204:
            self.on_over(at, self.opened)
        elif status == 410 and not any(self.gap_has_cause(at, reason)
                                       for reason in ("pruned", "unknown")):
            self.find("false gap", at, "410, asked %s" % self.came_with)

    def on_start(self, at, id):
        self.reads = at
        if self.places is None:
            self.places = self.h.places(id, self.opened, at, SLACK_S)
            self.level_at = self.opened
            self.told_at = at
        elif self.places:
            self.move_with_uid(at)
            self.forget_unknowable(at)
            self.step_back(at, id)

    def step_back(self, at, id):
        """The row that it came back with was removed, and it was told the id
        of the one before."""
        low = self.h.number(id)
        gone = {row: self.h.removal(row, 0, at) for row in self.seen
                if low is not None and row.id > low and
                (row.life, row.id) in self.places}
        gone = {row: r.start for row, r in gone.items() if r}
        self.stepped.update(gone)
        if gone:
            self.places = {(life, min(id, low)) for life, id in self.places}

    def may_be_back(self, row, at):
        """Does a copy bring back what it has stepped back from?"""
        n = self.h.number(self.came_with)
        return row in self.stepped and n is not None and n < row.id and any(
            life.begun >= self.stepped[row] and
            self.h.shared(row.life, life) >= row.id
            for life in self.h.lives_at(self.opened, at, SLACK_S))

    def forget_unknowable(self, at):
        """A row that was removed from the middle of this life has left its
        number and nothing else, so a client that has the number of another
        life's row is believed (largesse-events(5), BUGS).  So it is if no row
        here got that number, and a later one was removed.  And so is a client
        that has a number alone, as of a gap before which no row is left."""
        n = self.h.number(self.came_with)
        lives = self.h.lives_at(self.opened, at, 0)
        if n is None or any(self.h.shared(life, now) >= id
                            for life, id in self.places for now in lives):
            return
        alone = self.came_with.isdigit() and any(
            life.between(n - 1, NEVER_ID) for life in lives)
        if alone or any(self.left_its_number(life, n, at) for life in lives):
            self.places = set()

    def left_its_number(self, life, n, at):
        """Was the row of this number removed?  Without one, it looks so."""
        row = next(iter(life.between(n - 1, n + 1)), None)
        if row is None:
            return self.h.removed_from(life, n, at)
        return (self.h.is_hole(row, life, life.begun, at) or
                self.h.removal(row, life.begun, at) is not None)

    def move_with_uid(self, at):
        """A uid says nothing of the life that its event was in.  If the log
        was restored, and the event published again, the uid stands for its
        new place (largesse-events(5), What an id says), and the client cannot be told."""
        new = {(row.life, row.id)
               for row in self.h.by_uid.get(self.came_with, ())
               for life in self.h.lives_at(self.opened, at, SLACK_S)
               if self.h.shared(row.life, life) >= row.id} - self.places
        self.places |= new
        self.counts.moved += bool(new)

    def on_gap(self, at, reason, asked, id):
        self.counts.gaps += 1
        if reason != "too-large" and not self.gap_has_cause(at, reason):
            self.find("false gap", at, "%s, asked %s, goes on after %s" % (
                reason, asked, id))
        if reason == "pruned" and not self.began:
            self.forget_removed(at, id)
        self.forget_unread(at)
        self.told_at, self.fresh = at, set()
        self.threw = self.threw or reason == "folded"
        twice, self.gap = self.gap, id
        self.places = self.h.places(id, self.opened, at, SLACK_S)
        self.level_at = self.reads = at
        if reason == "unknown":
            self.forget_others(at)
        if twice is not None:
            self.forget_behind(twice)
        if reason == "unknown" and (self.h.is_harmed(at, "") or self.alone and
                                    self.h.is_written_over(self.opened, at)):
            self.forget_behind(id)  # what was cut off comes back

    def forget_others(self, at):
        """It came back with an id that this log never had, to a responder
        that may never have seen the log it is from.  If that log comes back,
        nobody knows that its rows were sent before."""
        lives = self.h.lives_at(self.opened, at, 0)
        self.again.update(row for row in self.seen if not all(
            self.h.shared(row.life, life) >= row.id for life in lives))

    def forget_removed(self, at, id):
        """It came back with the id of a row of another log, and this one had
        a row of that number that was removed: nobody knows that it was not the
        same.  So it gets what there is, and some of that it may have had when
        this log was there before."""
        lives = self.h.lives_at(self.opened, at, 0)
        if not any(self.h.shared(life, now) >= n
                   for life, n in self.places or () for now in lives):
            self.forget_behind(id)

    def forget_unread(self, at):
        """A responder knows of the log what was in it since it began, and a
        CGI program begins with its connection.  If a client is told of a gap
        because another copy is there, with rows that were in the log before
        that, nobody knows that those were sent.  Of the rows that were there
        when it began it knows a few.  Up to which the first copies part, their
        times tell; of a third copy they do not."""
        began = self.opened if self.alone else self.h.responder_began(at)
        known = [life for life in self.h.lives_at(began, at, 0)
                 if life.begun <= max(began, self.level_at)]
        upto = {life: self.marked_upto(life, began, at) for life in known}
        self.again.update(row for row in self.seen if not any(
            self.h.shared(row.life, life) >= row.id and (
                life is known[-1] or row.id <= upto[life] or not began or
                self.came(row) >= began)
            for life in known))

    def came(self, row):
        """The earliest time at which it can have come into the log."""
        ack = self.h.acks.get(row.tag)
        return self.h.begun.get(
            row.tag, row.life.begun if ack is None else ack - SLACK_S)

    def marked_upto(self, life, began, at):
        """Of the rows that were there when it began, the newest is one of
        those that it knows.  If that is there now, it knows all before."""
        old = [row for row in life.between(0, NEVER_ID)
               if self.came(row) < began]
        if old and any(self.h.shared(old[-1].life, now) >= old[-1].id and
                       not self.h.is_hole(old[-1], now, now.begun, at)
                       for now in self.h.lives_at(at, at, 0)):
            return old[-1].id
        return 0

    def forget_behind(self, id):
        """The log was replaced again before any event was sent, or the client
        went and came back.  Its place is the one that the first gap named, and
        of what came before that gap nothing is known any more."""
        low = self.h.number(id)
        if low is not None:
            self.again.update(row for row in self.seen if row.id > low)

    def gap_has_cause(self, at, reason):
        low = min((id for _, id in self.places or ()), default=0)
        removed = {r.how for r in self.h.removals if r.start <= at and
                   any(self.wants(topic) and max([*ids, *r.kept]) >= low
                       for topic, ids in r.gone.items())}
        if reason == "folded":
            return "folded" in removed
        pruned = (any(a <= at for a, _ in self.h.pruned) or
                  any(life.late for life in
                      self.h.lives_at(self.opened, at, SLACK_S)) or
                  "pruned" in removed or reason == "unknown" and removed)
        if reason == "pruned":
            return pruned
        since = self.level_since()
        if any(a <= at and (b >= since or self.is_blind(b, since, at))
               for a, b in self.h.touched):
            return True
        return reason == "unknown" and pruned

    def level_since(self):
        """A client that reads slowly, or stood still with its web server, sees
        a gap, or an event, long after it was sent."""
        return min(self.level_at, self.opened) - SLACK_S

    def is_blind(self, start, since, at):
        """It cannot notice what it cannot read, and said so.  Of several
        workers one may be blind."""
        return (since - start < BLIND_S and
                self.excused_until(start, at) >= since)

    def on_event(self, at, id, tag, whole, parts=()):
        self.counts.deliveries += 1
        self.began, self.empty = True, 0
        born = self.h.by_tag.get(tag, ())
        if (all(row.life.begun > at for row in born) and
                self.died_unseen(at, tag)):
            self.counts.unseen += 1
            self.places = set()
            return
        rows = [r for r in born if r.life.begun <= at and (
            id == r.uid if r.uid else self.h.number(id) == r.id)]
        if not self.is_real(at, id, tag, born, rows, whole):
            return
        if len(born) == 1 and tag not in self.ghosts and self.h.is_ghostly(
                born[0], SLACK_S):
            # it may be one that was pruned at once, and was sent again since
            self.ghosts.add(tag)
            self.counts.unseen += 1
            self.places = set()
            return
        if not self.wants(rows[0].topic):
            self.find("wrong topic", at, "%s is of %s" % (tag, rows[0].topic))
        if parts:
            self.on_folded(at, rows[-1], parts)
        else:
            self.has_text(at, rows[-1])
        new = [row for row in rows
               if row not in self.seen or row in self.again or
               self.may_be_back(row, at)]
        if new:
            self.follow(at, new)
        else:
            self.find("repeated", at, "%s (%s) came again" % (tag, id))
        self.is_late(at, tag, rows[-1].life)
        self.reads = at     # a stream that has much to send is not mute
        self.seen.update(self.first_of(new))
        self.fresh.update(rows)
        self.again.difference_update(rows)
        for row in rows:
            self.stepped.pop(row, None)
        self.places = {(row.life, row.id) for row in rows}
        self.gap = None
        if self.is_of_now(at, rows):
            self.level_at = at

    def on_folded(self, at, row, parts):
        """The text of several events, of which it may have had some."""
        self.counts.folded += 1
        folds = [r.start for r, tags in self.h.folds(row)
                 if r.start <= at and (tags == parts or self.h.pruned and
                                     tags[-len(parts):] == parts)]
        if not folds:
            self.find("damaged", at, "%s (%d) has the text of %s" % (
                row.tag, row.id, ", ".join(parts)))
            return
        had = [one for one in self.h.topic(row.topic, row.life)
               if one.tag in parts and one in self.seen]
        if had and (min(folds) > self.told_at or self.fresh & set(had)):
            self.find("repeated", at, "%s came again in %s, and it was told "
                      "of no fold" % (had[0].tag, row.tag))
        self.seen.update(one for tag in parts for one in self.h.by_tag[tag])

    def has_text(self, at, row):
        """Did the text of those that were folded into it come, too?  What came
        before it was told of a fold was thrown away."""
        now = self.h.lives_at(self.opened, at, SLACK_S)
        for r, tags in self.h.folds(row):
            had = {one.tag for one in (
                self.fresh if self.threw else self.seen)}
            if (r.end < self.opened and now == [r.life] and
                    not had.issuperset(tags)):
                self.find("lost untold", at, "%s (%d) came without %s" % (
                    row.tag, row.id, ", ".join(tags)))
                return

    def on_id(self, at, id):
        """An end, of which a client with start=bare gets the id alone."""
        n = self.h.number(id)
        rows = (self.h.by_uid.get(id, ()) if n is None else
                [life.rows[n] for life in self.h.lives if n in life.rows])
        now = self.h.lives_at(self.opened, at, SLACK_S)
        ends = [row for row in rows if row.end and
                self.h.committed(row)[0] <= at and
                any(self.h.shared(row.life, life) >= row.id for life in now)]
        if ends:
            self.on_event(at, id, ends[-1].tag, True)
        else:
            self.find("foreign", at, "%s is the id of no end" % id)

    def is_of_now(self, at, rows):
        """Or was it on its way while the log was replaced?"""
        return any(self.h.shared(row.life, life) >= row.id for row in rows
                   for life in self.h.lives_at(at, at, 0))

    def first_of(self, rows):
        """Of rows of one uid, which was given again after the log had
        forgotten it, only the first has come now."""
        return sorted(rows, key=lambda row: (row.life.number, row.id))[:1]

    def died_unseen(self, at, tag):
        """What was given to our writer, or to Redis, may be committed after
        the rows of a life were noted, and before they were taken away."""
        begun = self.h.begun.get(tag)
        return begun is not None and any(
            begun <= b and a <= min(at, begun + SLACK_S * 2)
            for a, b in self.h.touched + self.h.pruned)

    def is_real(self, at, id, tag, born, rows, whole):
        if not born:
            self.find("foreign", at, "%s (%s) was never committed" % (tag, id))
        elif not rows:
            self.find("foreign", at, "%s has the id %s, its row is %s" % (
                tag, id, born[-1].uid or born[-1].id))
        elif not whole and self.h.is_harmed(at):
            self.counts.harmed += 1
        elif not whole:
            self.find("damaged", at, "%s (%s) has other data" % (tag, id))
        return bool(rows)

    def follow(self, at, rows):
        """May this event come now?  It is one of these rows, and one of these
        places is the one that the client is at."""
        if not self.places:
            return      # the place was one that this history does not know
        least = None
        for row in rows:
            for life, id in self.places:
                low = min(id, self.h.shared(life, row.life))
                if row.id <= low:
                    continue
                missing = self.missing(row, low, at)
                if least is None or len(missing) < len(least):
                    least = missing
        if least and self.h.is_harmed(at):
            self.counts.harmed += len(least)
        elif least:
            self.find("lost untold", at, "%d before %s (%d): %s" % (
                len(least), rows[0].tag, rows[0].id, ", ".join(
                    "%s (%d)" % (r.tag, r.id) for r in least[:4])))
        elif least is None:
            self.find("out of order", at, "%s (%d) after place %s%s" % (
                rows[0].tag, rows[0].id, max(id for _, id in self.places),
                ", of a gap" if self.gap else ""))

    def missing(self, row, low, at):
        """What an index does not have nobody can find by it: in a file that
        SQLite calls damaged nothing is owed."""
        since = self.level_since()
        return [r for r in row.life.between(low, row.id)
                if self.wants(r.topic) and
                not self.h.is_hole(r, row.life, since, at) and
                not self.h.removal(r, 0, self.told_at) and
                not r.life.damage and r not in self.seen]

    # --- muteness

    def excused_until(self, start, end):
        """The last moment in this time at which being late was no fault."""
        last = start
        for a, b, _ in self.h.excuses:
            if a <= end and b >= start:
                last = max(last, min(b, end))
        for t, ok in self.h.health:
            if start - 1 <= t <= end and not ok:
                last = max(last, t)
        return last

    def is_late(self, at, tag, life):
        ack = self.h.acks.get(tag)
        if not self.fast or ack is None or self.reads is None:
            return
        due = max(ack, self.reads, life.begun)
        if at - due > MUTE_S:
            due = self.excused_until(due, at)
        if at - due > MUTE_S:
            self.find("mute", at, "%s came after %.1f s" % (tag, at - due))

    def on_end(self, at, how):
        """What was due long ago and has not come by the end of a stream?"""
        reads, self.reads = self.reads, None
        if (self.bare and how == "end" and self.status == 200 and
                not self.was_cut_at_once(at)):
            self.on_over(at, max(self.opened, min(at, reads or at) - LOOK_S))
        self.is_told(at, reads, how)
        if not self.fast or reads is None or not self.places:
            return
        now = self.h.lives_at(at - MUTE_S, at, 0)
        if len(now) != 1:
            return      # replaced just now
        for row in self.owed(now[0]):
            ack = self.h.acks.get(row.tag)
            if ack is None:
                continue
            due = max(ack, reads, now[0].begun)
            if at - due > MUTE_S:
                due = self.excused_until(due, at)
            if at - due > MUTE_S:
                self.find("mute", at, "%s (%d) had not come %.1f s after its "
                          "commit" % (row.tag, row.id, at - due))
            return

    def owed(self, life):
        # of several places that it may be at, the one that is owed least
        low = max(min(id, self.h.shared(at, life)) for at, id in self.places)
        for row in life.between(low, NEVER_ID):
            if (self.wants(row.topic) and row not in self.seen and
                    not self.h.is_hole(row, life, life.begun, NEVER) and
                    not self.h.removal(row, 0, NEVER)):
                yield row

    # --- ends

    def on_over(self, at, since):
        """It was told that its topics have ended.  Was there a moment since
        then at which they had, and it had all of them?"""
        self.counts.ends += 1
        lives = self.h.lives_at(since, at, SLACK_S)
        places = [(None, None)] if self.places is None else self.places
        if self.places == set() or self.h.is_harmed(at, ""):
            return
        if self.exact and not (self.places is None and self.begins) and any(
                self.had_ended(life, id and min(
                    id, self.h.shared(born, life)), since, at)
                for life in lives for born, id in places):
            return
        self.find("an end that was not the end", at, "%s, of %s, at %s%s" % (
            self.status, ", ".join(self.topics),
            max(id for _, id in places) if self.places else "no place",
            ", from " + self.begins if self.begins else ""))

    def was_cut_at_once(self, at):
        """lighttpd finishes an answer that was cut before any of it had been
        passed on, as if it were whole; all of it comes at once."""
        if self.h.web != "lighttpd" or at - self.answered > 0.005:
            return False
        gaps = self.h.touched + self.h.pruned + [
            (r.start, r.end) for r in self.h.removals]
        return any(a <= at and b >= self.opened - SLACK_S
                   for a, b in gaps) or any(
            name in RESTARTS and what != NOTHING and
            start <= at and end + 1 >= self.opened
            for start, end, name, what in self.h.faults)

    def had_ended(self, life, place, since, at):
        return all(self.topic_had_ended(self.h.topic(topic, life), life, place,
                                        since, at) for topic in self.topics)

    def topic_had_ended(self, rows, life, place, since, at):
        """place: it has had what is up to there; None: it wants nothing of
        what there was."""
        after = None    # the next that was not removed
        for row in reversed(rows):
            begun, _ = self.h.committed(row)
            if (row.end and begun <= at and
                    (place is None or row.id <= place) and
                    (after is None or
                     self.h.committed(after)[1] >= since) and
                    not self.h.removal(row, 0, since - SLACK_S, life)):
                return True
            if not (self.h.removal(row, 0, at) or
                    self.h.was_cut(row, life, at)):
                after = row
        return False

    def is_told(self, at, reads, how):
        """Had its topics ended, and had it all, long before this stream
        ended?"""
        lives = self.h.lives_at(at - MUTE_S, at, 0)
        if (not self.exact or not self.fast or not self.places or
                self.status != 200 or len(lives) != 1 or
                any(self.h.committed(row)[0] <= at
                    for row in self.owed(lives[0]))):
            return
        ended = self.ended_at(lives[0], at)
        if ended is None:
            return
        if how == "end" and not self.bare and not self.began and (
                ended + MUTE_S < self.opened):
            start = self.opened - 1
            self.empty += self.excused_until(start, at) == start
            if self.empty == MANY:
                self.find("an end not told", at, "%s had ended, and it came "
                          "back %d times" % (", ".join(self.topics), MANY))
        if reads is None:
            return
        due = max(ended, reads, lives[0].begun)
        if at - due > MUTE_S:
            due = self.excused_until(due, at)
        if at - due > MUTE_S:
            self.find("an end not told", at, "%s had ended %.1f s before" % (
                ", ".join(self.topics), at - due))

    def ended_at(self, life, at):
        """Since when all of its topics surely have ended, and still have at
        this time."""
        ended = 0.0
        for topic in self.topics:
            rows = [row for row in self.h.topic(topic, life)
                    if self.h.committed(row)[0] <= at]
            ack = self.h.committed(rows[-1])[1] if rows else NEVER
            if not rows or not rows[-1].end or ack > at or (
                    self.h.may_be_gone(rows[-1], ack, at)):
                return None
            ended = max(ended, ack)
        return ended

    def on_note(self, at, name):
        pass


NEVER_ID = 1 << 130
LOOK_S = 1      # what was sent was seen in the log so long ago
MANY = 3        # streams of a topic that has ended, one after the other


def judge_client(history, name, topics, fast, entries, alone=False):
    walk = Walk(history, name, topics, fast, alone)
    for entry in entries:
        walk.step(entry)
    return walk


def uid_was_pruned(history, row):
    """A log knows the uids of the rows that it has."""
    begun, ack = history.begun.get(row.tag), history.acks.get(row.tag)
    return begun is not None and any(
        a <= (ack or NEVER) and b >= begun for a, b in history.pruned)


def judge_log(history):
    """What is wrong whatever a client saw."""
    findings = [Finding("published twice", "-", 0, "%s has ids %s and %s" % (
        row.tag, history.by_tag[row.tag][0].id, row.id))
        for row in history.twice if not uid_was_pruned(history, row)]
    findings += [Finding("crashed", "-", at, what)
                 for at, what in history.crashes]
    findings += [Finding("unfinished", "-", at, what)
                 for at, what in history.unfinished]
    return findings
