#!/bin/sh
# world.sh - a shop: customers order, and the orders are paid, sent, and sometimes
# returned.  It only knows its own table, by INSERT and UPDATE.
#
# usage: world.sh LOG

set -eu
log=$1
trap 'kill $! 2>/dev/null; exit 0' TERM

order="INSERT INTO orders(item, euros)
	SELECT column1, column2 FROM (VALUES ('Lamp', 49.0), ('Desk', 320.0), ('Chair', 140.0),
	    ('Rug', 85.5), ('Shelf', 110.0), ('Clock', 32.9)) ORDER BY random() LIMIT 1;"
move="UPDATE orders SET changed = CURRENT_TIMESTAMP, status = CASE status
	    WHEN 'new' THEN 'paid' WHEN 'paid' THEN 'sent' ELSE 'returned' END
	WHERE id = (SELECT id FROM orders WHERE status IN ('new', 'paid')
	    OR status = 'sent' AND abs(random()) % 40 = 0 ORDER BY random() LIMIT 1);"

n=0
while [ $n -lt 12 ]; do
	n=$((n + 1))
	sqlite3 -cmd '.timeout 5000' "$log" "$order $order $move"
done
while sleep 1 & wait $!; do
	n=$((n + 1))
	case $((n % 3)) in
	0) sqlite3 -cmd '.timeout 5000' "$log" "$order" ;;
	*) sqlite3 -cmd '.timeout 5000' "$log" "$move" ;;
	esac
done
