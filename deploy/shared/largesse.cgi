#!/bin/sh
# largesse.cgi - one stream, for a web server that starts a program for each
# request.
#
# Many hosts end a program after half a minute, and allow only a few at a time.
# So a stream ends by itself after LARGESSE_MAX_AGE seconds and tells the
# browser when to come back (LARGESSE_RETRY, in milliseconds).  The browser comes
# with the id of the last event it has, and misses nothing.

# suEXEC starts it in this directory, by its name alone.
case $0 in */*) cd "${0%/*}" || exit 1 ;; esac
export LARGESSE_DB=data/events.db LARGESSE_MAX_AGE=25 LARGESSE_RETRY=1000

# Readers need a token, and who has one that says so may publish.  LARGESSE_PUBLIC
# names the topics that need none: export LARGESSE_PUBLIC='news weather/*'
export LARGESSE_KEY_FILE="${LARGESSE_KEY_FILE:-data/key}" LARGESSE_PUBLISH=1
[ "$LARGESSE_KEY_FILE" != data/key ] || . ./key.sh
[ -s $LARGESSE_DB ] || ./largesse init $LARGESSE_DB --keep-rows 10000 >&2
exec ./largesse
