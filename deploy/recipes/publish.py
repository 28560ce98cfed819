#!/usr/bin/python3
"""publish.py FILE TOPIC DATA - an order and its event, in one transaction."""
import sqlite3
import sys

path, topic, data = sys.argv[1:]
db = sqlite3.connect(path, timeout=5, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
try:
    db.execute("INSERT INTO orders(item) VALUES(?)", (data,))
    db.execute("INSERT INTO events(topic, data) VALUES(?, ?)", (topic, data))
    db.execute("COMMIT")
except BaseException:
    db.execute("ROLLBACK")      # and no event either
    raise
