#!/bin/sh
# release.sh VERSION - may this tree be released as VERSION?  Says what is
# wrong, in one line, and fails; what is built afterwards goes by `sums`.
#
# release.sh VERSION sums ARCH - puts what was built into build/release, with
# SHA256SUMS.  A tarball of another ARCH was not built now, and is not taken.
#
# `make release` does both, and builds in between.
set -eu
version=$1

refuse() {
	echo "release: $*" >&2
	exit 1
}

agree() {
	git rev-parse -q --verify HEAD >/dev/null 2>&1 ||
	    refuse "this is no clone of the repository"
	changed=$(git status --porcelain | head -n 1)
	[ -z "$changed" ] || refuse "not committed: $changed"
	heading=$(grep -m 1 '^## ' CHANGELOG.md) ||
	    refuse "CHANGELOG.md has no heading"
	day=${heading#"## $version - "}
	case $day in
	[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
	*) refuse "CHANGELOG.md begins with '$heading', not" \
	    "'## $version - YYYY-MM-DD' (the Makefile has $version)" ;;
	esac
	date -d "$day" >/dev/null 2>&1 || refuse "CHANGELOG.md: $day is no day"
	git tag --points-at HEAD | grep -qxF "v$version" ||
	    refuse "this commit has no tag v$version: git tag -a v$version"
}

sums() {
	rm -rf build/release
	mkdir -p build/release
	cp build/deb/largesse*_"$version"-1_*.deb \
	    "build/largesse-$version-$1.tar.gz" build/release
	cd build/release
	LC_ALL=C sha256sum -- * >SHA256SUMS.new
	mv SHA256SUMS.new SHA256SUMS
	cat SHA256SUMS
}

case ${2-} in
sums) sums "$3" ;;
*) agree ;;
esac
