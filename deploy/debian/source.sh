#!/bin/sh
# source.sh VERSION - makes build/deb: the source package, ready to be built.
#
# debian/ is not at the top of the tree, which has few entries; this puts it
# there, in a copy of the files that git knows.  Where there is no git, all
# files are taken.  Its changelog is written from the version, with the date of
# the last commit, so that two builds have the same one.
set -eu
version=$1
name=largesse-$version

mkdir -p build
if when=$(git log -1 --format=%ct 2>/dev/null); then
	git ls-files >build/.files
else
	when=$(stat -c %Y CHANGELOG.md)
	find . -type d \( -name build -o -name .git \) -prune -o \
	    ! -type d -printf '%P\n' >build/.files
fi
rm -rf build/deb
mkdir -p "build/deb/$name"
while read -r f; do [ ! -e "$f" ] || echo "$f"; done <build/.files |
    LC_ALL=C sort >build/deb/files
rm build/.files

tar -c --no-recursion --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    --mtime="@$when" --transform="flags=r;s,^,$name/," -T build/deb/files |
    gzip -9n >"build/deb/largesse_$version.orig.tar.gz"
tar -xzf "build/deb/largesse_$version.orig.tar.gz" -C build/deb \
    --no-same-owner
cp -R "build/deb/$name/deploy/debian" "build/deb/$name"
rm "build/deb/$name/debian/source.sh" "build/deb/$name/debian/README.md"
cat >"build/deb/$name/debian/changelog" <<END
largesse ($version-1) unstable; urgency=medium

  * Version $version; changelog.gz beside this file says what is new.

 -- The largesse authors <authors@largesse.invalid>  $(LC_ALL=C date -u -R -d "@$when")
END
