#!/bin/sh
# tarball.sh VERSION ARCH - makes build/largesse-VERSION-ARCH.tar.gz of the
# static program, build/static/largesse, and of what a site needs beside it.
#
# Names, owners, modes and times are set, and gzip keeps no time: two builds of
# one commit have the same bytes.  The time is that of the commit, or
# SOURCE_DATE_EPOCH.
set -eu
name=largesse-$1-$2
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null ||
    stat -c %Y CHANGELOG.md)}
work=build/tarball
dir=$work/$name

rm -rf $work
mkdir -p "$dir/man" "$dir/js" "$dir/deploy"
cp build/static/largesse LICENSE CHANGELOG.md "$dir"
cp deploy/release/tarball.md "$dir/README.md"
cp fcgi/*.[1-8] "$dir/man"
cp deploy/js/*.js deploy/js/*.mjs deploy/js/*.ts deploy/js/*.mts \
    deploy/js/README.md "$dir/js"
cp deploy/*.md "$dir/deploy"
for f in deploy/*/; do
	case $f in
	*/debian/ | */demo/ | */js/ | */release/ | */shared/) ;;
	*) cp -R "${f%/}" "$dir/deploy" ;;
	esac
done
cp -R deploy/shared "$dir/upload"
ln "$dir/largesse" "$dir/upload/largesse"

tar -c --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+r,go-w,a+X --mtime="@$when" -C $work "$name" |
    gzip -9n >"build/$name.tar.gz"
rm -rf $work
echo "build/$name.tar.gz"
