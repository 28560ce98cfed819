#!/bin/sh
# need.sh - install the Debian packages that are missing, and say so.
#
# usage: need.sh PURPOSE...	build, check, lint, demo, lighttpd, bench
#
# One list a purpose, here and nowhere else.  A machine that has everything
# is left alone and nothing is printed.

set -eu

packages() {
	case $1 in
	build) echo gcc libc6-dev make pkg-config libuv1-dev libfcgi-dev \
	    libsqlite3-dev libcurl4-openssl-dev ;;
	demo) echo sqlite3 nginx-light spawn-fcgi curl procps ;;
	lighttpd) echo lighttpd ;;
	check) echo libcmocka-dev sqlite3 nginx-light lighttpd spawn-fcgi curl \
	    python3 chromium nodejs npm procps clang libclang-rt-14-dev \
	    mandoc ;;
	lint) echo clang-format clang-tidy cppcheck mandoc ;;
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

sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "installing:$missing" >&2
$sudo apt-get update -qq >&2
# Installed services must not start: they would take the site's ports.
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    $sudo apt-get install -y -qq --no-install-recommends $missing \
    >/dev/null
