#!/usr/bin/python3
"""stop.py FILE RUN - a run that a page can stop, also while it waits.

A thread asks the log 50 times a second.  What is waited for here with
stopped.wait() is a connection to a model for others: the thread closes it.
"""
import sqlite3
import sys
import threading
import time

path, run = sys.argv[1:]
stopped = threading.Event()


def listen():
    db = sqlite3.connect(path)
    while not db.execute("SELECT 1 FROM events WHERE topic = ? LIMIT 1",
                         ("stop/" + run,)).fetchall():
        time.sleep(0.02)
    stopped.set()


threading.Thread(target=listen, daemon=True).start()
log = sqlite3.connect(path, timeout=5, isolation_level=None)
SAY = "INSERT INTO events(topic, event, data) VALUES(?, ?, ?)"
log.execute(SAY, ("run/" + run, None, "thinking"))
stopped.wait(60)                # here the answer is waited for
log.execute(SAY, ("run/" + run, "stream-end",
                  "stopped" if stopped.is_set() else "done"))
