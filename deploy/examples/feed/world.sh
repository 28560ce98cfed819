#!/bin/sh
# world.sh - the others: bob, carol and dan post something now and then.
#
# usage: world.sh LOG

set -eu
log=$1
trap 'kill $! 2>/dev/null; exit 0' TERM

# post USER TEXT: the same statement as that of feed.php
post() {
	sqlite3 -cmd '.timeout 5000' "$log" "INSERT INTO events(topic, event, data)
	    SELECT 'user/' || who, 'post', json_object('by', '$1', 'text', '$2', 'time', unixepoch())
	    FROM (SELECT follower AS who FROM follows WHERE followed = '$1' UNION SELECT '$1')"
}

post bob 'The first frost, and the bicycle squeaks.'
post dan 'I have read a book about tides. The sea is never late.'
set -- carol bob dan
while :; do
	for text in 'Bread is in the oven.' 'Does anybody know a good tailor?' \
	    'Twelve geese went over the house just now.' 'The train stands still. Again.' \
	    'I have found my keys. They were in the door.'; do
		sleep 5 & wait $!
		post "$1" "$text"
		set -- "$2" "$3" "$1"		# another one says the next
	done
done
