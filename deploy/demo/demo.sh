#!/bin/sh
# demo.sh - the whole path on this machine, until Ctrl-C.
#
# usage: [APP=NAME] [WEB=nginx|lighttpd] [PORT=N] [DEMO_SECONDS=N] demo.sh
#
# A stock web server with the shipped configuration, the responder by
# spawn-fcgi, and a publisher, all in one scratch directory and all our
# children: whatever ends this script ends them, by their ids, and removes the
# directory.  Root and ordinary users run the same thing; for root, web server
# and responder become www-data.  APP shows an example: a folder of deploy/examples.

set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin	# where Debian keeps the web servers
export no_proxy=127.0.0.1	# whatever else curl is told
umask 022			# www-data has to read what root lays out

web=${WEB:-nginx}
app=${APP:-}
public=				# a topic that all may read, where there is a key
pids=		# the newest first
nap=
dir=
port=

fail() {
	echo "demo: $*" >&2
	[ -z "$dir" ] || tail -n 5 "$dir"/*.log >&2 2>/dev/null || :
	exit 1
}

# Everything down, and nothing left behind.  Twice Ctrl-C changes nothing.
down() {
	trap '' INT TERM HUP
	for pid in $nap $pids; do
		kill "$pid" 2>/dev/null || :
	done
	[ -z "$dir" ] || [ -z "$app" ] || app_down
	for pid in $pids; do
		i=0
		while kill -0 "$pid" 2>/dev/null && [ $i -lt 100 ]; do
			i=$((i + 1))
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null || :
	done
	[ -z "$dir" ] || rm -rf "$dir"
	[ ! -t 1 ] || echo
	echo "demo: everything is down again" 2>/dev/null || :
}

# A child, told apart from the terminal: it ends when we say so.
child() {
	"$@" &
	pids="$! $pids"
}

# One that can be bound: the user's, else 8080, else what the system gives.
free_port() {
	for p in ${PORT:-8080 0}; do
		perl -MSocket -e '
			socket(S, PF_INET, SOCK_STREAM, 0) &&
			setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1) &&
			bind(S, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) ||
			exit 1;
			print((sockaddr_in(getsockname(S)))[0])' "$p" && return
	done
	fail "port ${PORT:-} is taken"
}

# The directory, laid out as the configurations' first lines say.  For
# root, www-data may write to log/ and error.log alone.
lay_out() {
	dir=$(mktemp -d "${TMPDIR:-/tmp}/largesse.XXXXXX")
	chmod 711 "$dir"
	mkdir "$dir/demo" "$dir/log"
	log=$dir/log/events.db
	sock=$dir/largesse.sock
	bin=build/largesse
	cp deploy/demo/*.css deploy/demo/*.js deploy/demo/doctor.html \
	    deploy/js/largesse.js "$dir/demo"
	sed "s,events\.db,$log," deploy/demo/index.html >"$dir/demo/index.html"
	$bin init "$log" >/dev/null
	[ -z "$app" ] || app_lay_out
	[ "$(id -u)" -eq 0 ] || return 0
	# The clone may lie where www-data may not look, as in /root.
	install -m 755 build/largesse "$dir/largesse.fcgi"
	bin=$dir/largesse.fcgi
	touch "$dir/error.log"		# which lighttpd opens as www-data
	chown -R www-data: "$dir/log" "$dir/error.log"
}

respond() {
	as=
	[ "$(id -u)" -ne 0 ] || as='-u www-data -g www-data'
	child spawn-fcgi -n -s "$sock" -M 0660 -b 1024 $as -- \
	    "$bin" serve --db "$log" ${app:+--key-file "$dir/key"} \
	    ${public:+--public "$public"} \
	    2>"$dir/responder.log"
}

serve() {
	for f in deploy/"$web"/*.*; do
		sed "s,/run/largesse/largesse\.sock,$sock,
		    s,/etc/lighttpd/largesse,$dir,
		    s,127\.0\.0\.1:8080,127.0.0.1:$port,
		    s,^server\.port = 8080,server.port = $port," \
		    "$f" >"$dir/${f##*/}"
	done
	[ -z "$app" ] || app_configure
	case $web in
	nginx) child nginx -p "$dir" -c "$dir/nginx.conf" \
	    -g 'daemon off;' 2>"$dir/start.log" ;;
	lighttpd) child sh -c 'cd "$1" && exec lighttpd -D -f lighttpd.conf' \
	    sh "$dir" 2>"$dir/start.log" ;;
	esac
}

# Until the whole path answers.  False when the web server has ended: another
# program took the port in between.
answers() {
	i=0
	until curl -sf -o "$dir/health" "http://127.0.0.1:$port/events/health"
	do
		i=$((i + 1))
		[ $i -lt 150 ] || fail "$web and the responder do not answer"
		kill -0 "${pids%% *}" 2>/dev/null || return 1
		sleep 0.1
	done
}

from_afar() {
	[ -z "${SSH_CONNECTION:-}" ] || cat <<-END
		(From your own machine: ssh -L $port:127.0.0.1:$port THIS-HOST, then
		the same address.)

	END
}

# The stream.  On a terminal its newest event is one line, which is written anew,
# so that the address and the INSERT stay on the screen.
show() {
	if [ ! -t 1 ]; then
		child build/largesse tail "$stream"
	elif [ "${TERM:-dumb}" != dumb ]; then
		mkfifo "$dir/stream"
		child sh -c 'exec build/largesse tail "$1" >"$2"' \
		    sh "$stream" "$dir/stream"
		child sh -c 'exec deploy/demo/newest.sh <"$1"' sh "$dir/stream"
	fi
}

# Until it is time, something has ended, or the terminal is gone: a terminal
# that goes tells make, and make does not pass it on.
watch() {
	left=${DEMO_SECONDS:-0}
	tty=
	[ ! -t 1 ] || tty=yes
	while :; do
		sleep 1 &
		nap=$!
		wait $nap
		for pid in $pids; do
			kill -0 "$pid" 2>/dev/null ||
			    fail "one of its processes has ended"
		done
		[ -z "$tty" ] || [ -t 1 ] || return 0
		left=$((left - 1))
		[ $left -ne 0 ] || return 0
	done
}

need="build demo"
case $web in
nginx) ;;
lighttpd) need="$need lighttpd" ;;
*) fail "WEB is nginx or lighttpd, not $web" ;;
esac
case $app in
'') ;;
chat|build|import|score|feed|bell|dashboard|presence)
	need="$need examples"
	. deploy/examples/demo.sh ;;
*) fail "APP is chat, build, import, score, feed, bell, dashboard or presence, not $app" ;;
esac
deploy/need.sh $need
make -s build/largesse

port=$(free_port)
trap down EXIT
trap 'exit 0' INT TERM HUP
lay_out
respond
[ -z "$app" ] || app_start
for try in 1 2 3; do
	serve
	answers && break
	[ $try -lt 3 ] || fail "$web does not start"
	pids=${pids#* }
	port=$(free_port)
done
url=http://127.0.0.1:$port
if [ -n "$app" ]; then
	app_say
	watch
	exit
fi
child deploy/demo/figures.sh "$log"

stream="$url/events?topic=load&topic=news&topic=demo"
cat <<END

largesse behind $web:  $url/

Paste this into another shell, and watch the page:

  sqlite3 -cmd '.timeout 5000' $log "INSERT INTO events(topic, data) VALUES('news', 'Hello')"

The same stream in a terminal:

  curl -N '$stream'

END
from_afar
printf 'Ctrl-C takes everything down.  Until then, here it is:\n\n'
show
watch
