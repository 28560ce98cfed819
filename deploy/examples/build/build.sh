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
status=$(mktemp) || exit 1
: "${LARGESSE:=largesse}"

{
	"$@" 2>&1
	echo $? >"$status"
} | {
	trap '' INT TERM HUP	# the command may end by them; then its end is told
	"$LARGESSE" publish --quiet --topic "$topic" --join 50ms "$log"
	code=$(cat "$status")
	rm -f "$status"
	"$LARGESSE" publish --quiet --topic "$topic" --end "$log" "${code:-failed}"
	exit "${code:-1}"
}
