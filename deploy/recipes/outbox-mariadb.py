#!/usr/bin/python3
"""outbox-mariadb.py OPTION_FILE LOG - a relay: rows of outbox become events.

MariaDB and MySQL wake nobody, so it looks five times a second.  A row is deleted
when it is in the log, and a uid is in the log once, so a relay that dies at any
place loses and repeats nothing.  It ends when the connection is lost: systemd
starts it again.
"""
import sqlite3
import sys
import time

import pymysql

options, path = sys.argv[1:]    # [client] with socket or host, user, database
shop = pymysql.connect(read_default_file=options, charset="utf8mb4",
                       autocommit=True)
sql = shop.cursor()
log = sqlite3.connect(path, timeout=20, isolation_level=None)
while True:
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
        sql.execute("DELETE FROM outbox WHERE id IN %s",
                    ([row[4] for row in rows],))
    else:
        time.sleep(0.2)
