#!/usr/bin/python3
"""outbox-postgres.py DSN LOG - a relay: rows of outbox become events.

Nothing polls: it waits for NOTIFY.  A row is deleted when it is in the log, and a
uid is in the log once, so a relay that dies at any place loses and repeats nothing.
A row that the log refuses (by a constraint or a trigger of its table) stays in
outbox, with the reason in its column refused, and the others go on.  It ends when
the connection is lost, or the log is away: systemd starts it again.
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


def carry(rows):
    """The ids of those rows that are in the log then."""
    try:
        log.execute("BEGIN IMMEDIATE")
        log.executemany("INSERT INTO events(uid, topic, event, data)"
                        " VALUES(?, ?, ?, ?)"
                        " ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING",
                        [row[:4] for row in rows])
        log.execute("COMMIT")
        return [row[4] for row in rows]
    except (sqlite3.IntegrityError, sqlite3.DataError) as error:
        if log.in_transaction:
            log.execute("ROLLBACK")
        half = len(rows) // 2
        if half > 0:    # which one is it?
            return carry(rows[:half]) + carry(rows[half:])
        why = " ".join(str(error).split())
        sql.execute("UPDATE outbox SET refused = %s WHERE id = %s",
                    (why, rows[0][4]))
        print("outbox: row %d stays, the log refuses it: %s" %
              (rows[0][4], why), file=sys.stderr)
        return []


while True:
    shop.notifies.clear()
    sql.execute("SELECT uid, topic, event, data, id FROM outbox"
                " WHERE refused IS NULL ORDER BY id LIMIT 1000")
    rows = sql.fetchall()
    if rows:
        done = carry(rows)
        sql.execute("DELETE FROM outbox WHERE id = ANY(%s)", (done,))
    elif not shop.notifies:
        select.select([shop], [], [], 60)
        shop.poll()
