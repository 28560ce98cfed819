#!/bin/sh
# newest.sh - one line on a terminal: the newest event of a stream on stdin.
#
# Figures come every second, so the newest message stays beside them.  The line
# never wraps (7l), whatever the width of the terminal.

set -u
id= event=message data= said=

event_is_there() {
	data=$(printf %s "$data" | tr -d '\000-\037\177')
	case $event in
	stream-*) return ;;
	message) said="$data  |  " ;;
	esac
	printf '\r\033[?7l%sid %s  %s  %s\033[K\033[?7h' "$said" "${id%-*}" "$event" "$data"
}

while IFS= read -r line; do
	case $line in
	"id: "*) id=${line#id: } ;;
	"event: "*) event=${line#event: } ;;
	"data: "*) data=${line#data: } ;;
	"")	[ -z "$data" ] || event_is_there
		event=message data= ;;
	esac
done
