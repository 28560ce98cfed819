#!/bin/sh
# post.sh URL TOKEN_FILE TOPIC DATA - send an event by POST until it is answered.
#
# With the uid it is safe to send the event again after a break: it is published
# once.  TOKEN_FILE has the line `Authorization: Bearer TOKEN`, so that no list of
# processes shows the token.
set -eu
curl --fail --silent --show-error --retry 10 --retry-connrefused \
    --header @"$2" \
    --data-urlencode "topic=$3" --data-urlencode "data=$4" \
    --data-urlencode "uid=$(cat /proc/sys/kernel/random/uuid)" "$1"
