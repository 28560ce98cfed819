#!/bin/sh
# world.sh - visitors: they come, look at another tab, and leave; some without a word.
#
# usage: world.sh LOG

set -eu
log=$1
trap 'kill $! 2>/dev/null; exit 0' TERM

# say WHO STATE
say() {
	sqlite3 -cmd '.timeout 5000' "$log" "INSERT INTO events(topic, data) VALUES('here/1',
	    json_object('time', unixepoch(), 'who', 'world-$1', 'name', '$1', 'state', '$2'))"
}

say Ada here
say Ben here
while :; do
	for what in 'Cleo here' 'Ben away' 'Dan here' 'Ada here' 'Cleo gone' 'Ben here' 'Eve here' \
	    'Ada here' 'Dan gone' 'Ben here'; do
		sleep 6 & wait $!
		say $what
	done
done
