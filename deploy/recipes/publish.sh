#!/bin/sh
# publish.sh FILE TOPIC DATA - an order and its event, by the sqlite3 program.
#
# Both are committed, or neither.  sqlite3 waits for another writer only because
# .timeout tells it to.  In an SQL string a quote is written twice, and no other
# character is special.
set -eu
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"; }
sqlite3 -bail "$1" <<END
.timeout 5000
BEGIN IMMEDIATE;
INSERT INTO orders(item) VALUES($(quoted "$3"));
INSERT INTO events(topic, data) VALUES($(quoted "$2"), $(quoted "$3"));
COMMIT;
END
