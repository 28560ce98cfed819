#!/bin/sh
# make.sh - largesse.js and largesse.mjs, of largesse.src.js.
#
# Both are that file without comments and blanks.  largesse.js is a classic script that
# sets Largesse; largesse.mjs exports it.
set -eu
cd "$(dirname "$0")"
version=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' package.json)

squeeze() {
	echo "/* Largesse $version, MIT: largesse.src.js */"
	sed -E -e 's/^[ 	]+//' -e '/^\/\//d' -e 's, // .*,,' -e '/^$/d' \
	    -e 's/ ([-+*=<>?:&|!%]+) /\1/g' -e 's/, /,/g' -e 's/\{ /{/g' \
	    -e 's/ \}/}/g' -e 's/if \(/if(/g' -e 's/\) \{/){/g' largesse.src.js
}

squeeze | sed 's/^const Largesse=/globalThis.Largesse=/' >largesse.js
squeeze >largesse.mjs
echo 'export{Largesse,Largesse as default};' >>largesse.mjs
