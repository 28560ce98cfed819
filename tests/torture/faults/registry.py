"""registry.py - all faults by name, and which of them can be done here.

A fault is a function of a stage and dice.  It does its harm, waits as long as
the harm lasts, undoes it, and returns a few words that say what it did.  What
it waits for in between comes from the dice alone.
"""

import collections

Fault = collections.namedtuple("Fault", "name lane do weight engines webs")

FAULTS = {}


def fault(lane, weight=2, engines=("sqlite", "redis"),
          webs=("nginx", "lighttpd", "apache")):
    """Faults of one lane come one after another; those of different lanes
    come together."""
    def note(do):
        FAULTS[do.__name__] = Fault(do.__name__, lane, do, weight, engines,
                                    webs)
        return do
    return note


def possible(engine, web, only=()):
    return [f for f in FAULTS.values()
            if engine in f.engines and web in f.webs and
            (not only or f.name in only)]
