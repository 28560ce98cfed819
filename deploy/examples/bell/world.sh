#!/bin/sh
# world.sh - what a site has to tell its user: a notification now and then.
#
# usage: world.sh LOG

set -eu
trap 'kill $! 2>/dev/null; exit 0' TERM

tell() {
	sqlite3 -cmd '.timeout 5000' "$log" "INSERT INTO events(topic, data) VALUES('bell/demo', '$1')"
}

log=$1
tell 'Welcome. This is your first notification.'
tell 'Ada has answered your question.'
while :; do
	for text in 'Your order 1042 is on its way.' 'Ben likes your photo.' \
	    'The backup of last night is done.' 'Cleo has invited you to the team Garden.' \
	    'A new version is there.' 'Your invoice for November is ready.'; do
		sleep 10 & wait $!
		tell "$text"
	done
done
