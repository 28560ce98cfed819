"""plan.py - which faults come when.  All of it is drawn from the seed.

Lanes run side by side: one does things to processes, one to the log, and one to
the topics of runs that have ended.
So their faults meet in random combinations, and within a lane each fault is
undone before the next.  On a slow machine a fault may begin later than
planned, but the faults of a lane come in the same order, with the same dice.
"""

import collections
import random
import sqlite3
import sys
import threading
import time
import traceback

from resp import RedisError

Item = collections.namedtuple("Item", "at fault dice")

LANES = ("process", "log", "runs")


def draw(seed, seconds, faults):
    """For each lane its faults in order of time."""
    plan = {}
    for lane in LANES:
        dice = random.Random("%s %s" % (seed, lane))
        mine = [f for f in faults if f.lane == lane]
        at, plan[lane] = 2.0, []
        while mine:
            at += dice.choice([0.2, 1, 3, 6]) * dice.random()
            if at > seconds:
                break
            f = dice.choices(mine, [f.weight for f in mine])[0]
            plan[lane].append(Item(at, f, dice.getrandbits(32)))
            at += 0.5
    return plan


class Lane(threading.Thread):
    def __init__(self, stage, items, start, seconds):
        super().__init__(daemon=True)
        self.stage, self.items = stage, items
        self.begun, self.seconds = start, seconds
        self.broken = None
        self.start()

    def run(self):
        for item in self.items:
            now = time.monotonic() - self.begun
            if now > self.seconds:
                return
            if now < item.at:
                time.sleep(item.at - now)
            try:
                self.do(item)
            except Exception:
                self.broken = "%s (dice %d): %s" % (
                    item.fault.name, item.dice, traceback.format_exc())
                print("# " + self.broken, file=sys.stderr)
                return

    def do(self, item):
        start = time.monotonic()
        try:
            what = item.fault.do(self.stage, random.Random(item.dice))
        except (sqlite3.Error, RedisError) as e:
            what = "could not be done: %s" % e      # the log is broken
        self.stage.note("fault", start, time.monotonic(), item.fault.name,
                        what)
