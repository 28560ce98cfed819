#!/bin/sh
# need.sh - install the Debian packages that are missing, and say so.
#
# usage: need.sh PURPOSE...	build, check and so on: the words in packages()
#
# One list a purpose, here and nowhere else.  A machine that has everything
# is left alone and nothing is printed.

set -eu

packages() {
	case $1 in
	build) echo gcc libc6-dev make pkg-config libuv1-dev libfcgi-dev \
	    libsqlite3-dev libcurl4-openssl-dev libjansson-dev \
	    libhiredis-dev libc-ares-dev libssl-dev libseccomp-dev ;;
	demo) echo sqlite3 nginx spawn-fcgi curl ;;
	lighttpd) echo lighttpd ;;
	examples) echo php8.2-cli php8.2-fpm php8.2-sqlite3 python3 ;;
	check) echo libcmocka-dev sqlite3 nginx lighttpd spawn-fcgi curl \
	    fcgiwrap python3 chromium firefox-esr nodejs npm procps clang libclang-rt-14-dev \
	    mandoc openssl php8.2-cli php8.2-fpm php8.2-sqlite3 ruby ruby-sqlite3 \
	    perl libdbd-sqlite3-perl apache2-bin libapache2-mod-fcgid \
	    libapache2-mod-wsgi-py3 haproxy multiwatch php8.2-cgi systemd iproute2 \
	    redis-server php8.2-curl python3-requests python3-httpx \
	    python3-aiohttp libwww-perl libmojolicious-perl node-typescript \
	    python3-psycopg2 python3-pymysql libnghttp2-dev ;;
	wordpress) echo python3 ;;
	deb) echo build-essential debhelper ;;
	long) echo debootstrap util-linux postgresql-15 mariadb-server \
	    php8.2-pgsql php8.2-mysql ;;
	frameworks) echo python3-django php-laravel-framework php-guzzlehttp-guzzle \
	    php-symfony-framework-bundle php-symfony-http-client php-doctrine-orm \
	    php8.2-sqlite3 php8.2-curl ruby-rails ruby-sqlite3 ruby-webrick ;;
	ways) echo squid varnish haproxy caddy h2o stunnel4 util-linux ;;
	valgrind) echo valgrind ;;
	analyze) echo clang ;;
	coverage) echo gcovr ;;
	lint) echo clang-format clang-tidy cppcheck mandoc ;;
	bench) echo sqlite3 nginx-light lighttpd libnginx-mod-nchan \
	    php8.2-fpm php8.2-sqlite3 nodejs npm python3 procps redis-server \
	    haproxy lighttpd-mod-openssl libnghttp2-dev openssl ;;
	*) echo "need.sh: unknown purpose: $1" >&2; exit 2 ;;
	esac
}

# nodejs and npm may come from elsewhere than Debian: then they are there.
present() {
	case $1 in
	nodejs) command -v node >/dev/null && return 0 ;;
	npm) command -v npm >/dev/null && return 0 ;;
	esac
	dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null |
	    grep -qx installed
}

missing=
for purpose in "$@"; do
	for p in $(packages "$purpose"); do
		case " $missing " in *" $p "*) continue ;; esac
		present "$p" || missing="$missing $p"
	done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null && exec sudo "$0" "$@"
	echo "need.sh: as root: apt-get install$missing" >&2
	exit 1
fi

# A web server that is installed starts, and takes the site's port 80.  So
# Debian is told that ours may not start now, and they are switched off for
# the next boot.  One need.sh at a time: the file is ours until we are done.
# Both files are in directories where only root can write: in /run/lock anybody
# could have put a link under the name of the first.
umask 022
exec 9>/run/largesse-need.lock
flock 9
policy=/usr/sbin/policy-rc.d
mark='# largesse: gone when need.sh has ended'
if [ ! -e $policy ] && [ ! -L $policy ] ||
    grep -qsx "$mark" $policy; then
	new=
	trap 'rm -f $policy $new' EXIT
	trap 'exit 1' INT TERM HUP
	new=$(mktemp $policy.XXXXXX)
	printf '#!/bin/sh\n%s\ncase $1 in %s) exit 101 ;; esac\n' "$mark" \
	    'nginx*|lighttpd*|php*-fpm|haproxy*|fcgiwrap*|redis*|squid*|varnish*|caddy*|h2o*|stunnel*|postgresql*|mariadb*' >"$new"
	chmod 755 "$new"
	mv -fT "$new" $policy
fi

echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2 || echo "need.sh: trying with the old lists" >&2
apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 $missing >/dev/null 9>&-
for p in $missing; do
	case $p in
	nginx|lighttpd|php*-fpm|haproxy|fcgiwrap|redis-server|squid|varnish|h2o|stunnel4)
		update-rc.d "$p" disable 9>&-
		[ "$p" != fcgiwrap ] || ! command -v systemctl >/dev/null ||
		    systemctl -q disable fcgiwrap.socket 9>&-
		echo "$p is installed, but neither started nor enabled" >&2 ;;
	postgresql-15|mariadb-server)
		service=${p%-*}
		update-rc.d "$service" disable 9>&-
		echo "$service is installed, but neither started nor enabled" >&2 ;;
	caddy)		# it has no script of the old kind
		! command -v systemctl >/dev/null ||
		    systemctl -q disable caddy 9>&- ;;
	esac
done
