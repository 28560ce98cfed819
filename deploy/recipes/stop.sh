#!/bin/sh
# stop.sh FILE RUN COMMAND... - the lines of a command are a run; a page can stop it.
#
# `largesse tail` is the ear: it prints the first event of the topic stop/RUN and
# ends, and then the command gets a SIGTERM.  If the run ends before that, the
# ear is ended, and `read` has nothing.
set -eu
log=$1 run=$2
shift 2
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
mkfifo "$dir/lines" "$dir/stop"
"$@" > "$dir/lines" &
command=$!
largesse tail "$log" --topic "stop/$run" --last-event-id earliest --count 1 \
    > "$dir/stop" &
ear=$!
{ read -r _ && kill "$command"; } < "$dir/stop" &
largesse publish "$log" --topic "run/$run" --quiet < "$dir/lines"
status=0
wait "$command" || status=$?
kill "$ear" 2> /dev/null || true
largesse publish "$log" --topic "run/$run" --end "status $status" --quiet
