#!/usr/bin/python3
"""outbox-postgres.py DSN LOG - a relay: rows of outbox become events.

Nothing polls: it waits for NOTIFY.  A row is deleted when it is in the log, and a
uid is in the log once, so a relay that dies at any place loses and repeats nothing.
It ends when the connection is lost: systemd starts it again.
"""
import select
import sqlite3
import sys

import psycopg2

dsn, path = sys.argv[1:]
shop = psycopg2.connect(dsn)
shop.autocommit = True
sql = shop.cursor()
sql.execute("LISTEN outbox")    # before the first look
log = sqlite3.connect(path, timeout=20, isolation_level=None)
while True:
    shop.notifies.clear()
    sql.execute("SELECT uid, topic, event, data, id FROM outbox"
                " ORDER BY id LIMIT 1000")
    rows = sql.fetchall()
    if rows:
        log.execute("BEGIN IMMEDIATE")
        log.executemany("INSERT INTO events(uid, topic, event, data)"
                        " VALUES(?, ?, ?, ?)"
                        " ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING",
                        [row[:4] for row in rows])
        log.execute("COMMIT")
        sql.execute("DELETE FROM outbox WHERE id = ANY(%s)",
                    ([row[4] for row in rows],))
    elif not shop.notifies:
        select.select([shop], [], [], 60)
        shop.poll()
