#!/bin/sh
# tarball.sh VERSION ARCH - makes build/largesse-VERSION-ARCH.tar.gz of the
# static program, build/static/largesse, and of what a site needs beside it.
#
# Only files that git knows are taken, or all where there is no git, so that
# nothing goes along that happens to lie in the tree.
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

all=$work/all

rm -rf $work
mkdir -p $all "$dir/man" "$dir/js" "$dir/deploy"
set -- LICENSE CHANGELOG.md fcgi deploy
if git ls-files --error-unmatch CHANGELOG.md >/dev/null 2>&1; then
	git ls-files -- "$@"
else
	find "$@" ! -type d
fi >$work/known
while read -r f; do [ ! -e "$f" ] || echo "$f"; done <$work/known >$work/there
tar -c -T $work/there | tar -x -C $all --no-same-owner

cp $all/LICENSE $all/CHANGELOG.md build/static/largesse "$dir"
cp $all/deploy/release/tarball.md "$dir/README.md"
cp $all/fcgi/*.[1-8] "$dir/man"
cp $all/deploy/js/*.js $all/deploy/js/*.mjs $all/deploy/js/*.ts \
    $all/deploy/js/*.mts $all/deploy/js/README.md "$dir/js"
cp $all/deploy/*.md "$dir/deploy"
for f in "$all"/deploy/*/; do
	case $f in
	*/debian/ | */demo/ | */js/ | */release/ | */shared/) ;;
	*) cp -R "${f%/}" "$dir/deploy" ;;
	esac
done
cp -R $all/deploy/shared "$dir/upload"
ln "$dir/largesse" "$dir/upload/largesse"

tar -c --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+r,go-w,a+X --mtime="@$when" -C $work "$name" |
    gzip -9n >"build/$name.tar.gz"
rm -rf $work
echo "build/$name.tar.gz"
