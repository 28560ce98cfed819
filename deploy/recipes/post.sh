#!/bin/sh
# post.sh URL TOKEN_FILE TOPIC DATA - an event by POST, until it is answered.
#
# The uid makes it safe to say it again after a break: it is published once.
# TOKEN_FILE has the line `Authorization: Bearer TOKEN`, so that the token is
# in no list of processes.
set -eu
curl --fail --silent --show-error --retry 10 --retry-connrefused \
    --header @"$2" \
    --data-urlencode "topic=$3" --data-urlencode "data=$4" \
    --data-urlencode "uid=$(cat /proc/sys/kernel/random/uuid)" "$1"
