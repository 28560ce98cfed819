#!/bin/sh
# largesse.fcgi - one stream after another, for a web server with mod_fcgid.
#
# mod_fcgid keeps 64 KB of an answer back until the answer ends, and only the host
# can change that (FcgidOutputBufferSize 0).  So a stream ends after two seconds,
# and an event may come two seconds late.  If events come at once on your host,
# write 25 for the 2.

# suEXEC starts it in this directory, by its name alone.
case $0 in */*) cd "${0%/*}" || exit 1 ;; esac
export LARGESSE_DB=data/events.db LARGESSE_MAX_AGE=2 LARGESSE_RETRY=500

# Readers need a token, and who has one that says so may publish.  LARGESSE_PUBLIC
# names the topics that need none: export LARGESSE_PUBLIC='news weather/*'
export LARGESSE_KEY_FILE="${LARGESSE_KEY_FILE:-data/key}" LARGESSE_PUBLISH=1
[ "$LARGESSE_KEY_FILE" != data/key ] || . ./key.sh
[ -s $LARGESSE_DB ] || ./largesse init $LARGESSE_DB --keep-rows 10000 >&2
exec ./largesse
