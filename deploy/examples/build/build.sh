#!/bin/sh
# build.sh - runs a command, and streams what it says to a topic that ends.
#
# usage: build.sh LOG TOPIC COMMAND...
#
# The data of the end is the exit status of the command, and it is the exit
# status of this script, too.  It is written on the other side of the pipe: even
# if somebody kills this script or the command, the topic ends.

set -u
log=$1 topic=$2
shift 2
status=
: "${LARGESSE:=largesse}"

# Whoever takes the file away tells the end.
end() {
	code=$(cat "$status")
	rm "$status" && "$LARGESSE" publish --quiet --topic "$topic" --end \
	    "$log" "${code:-failed}"
}

trap 'exit 143' INT TERM HUP
trap '[ ! -e "$status" ] || end' EXIT
status=$(trap '' INT TERM HUP; mktemp) || exit 1
{
	"$@" 2>&1
	echo $? >"$status"
} | {
	trap '' INT TERM HUP	# the command may end by them; then its end is told
	"$LARGESSE" publish --quiet --topic "$topic" --join 50ms "$log"
	end
	exit "${code:-1}"
}
