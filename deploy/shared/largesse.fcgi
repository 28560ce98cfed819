#!/bin/sh
# largesse.fcgi - one stream after another, for a web server with mod_fcgid.
#
# mod_fcgid keeps 64 KB of an answer back until it ends, and only the host can
# change that (FcgidOutputBufferSize 0).  So a stream ends after two seconds,
# and an event is up to that much late.  Where events come at once, put 25.

cd "${0%/*}" || exit 1
export LARGESSE_DB=data/events.db LARGESSE_MAX_AGE=2 LARGESSE_RETRY=500

[ -s $LARGESSE_DB ] || ./largesse init $LARGESSE_DB --keep-rows 10000 >&2
exec ./largesse
