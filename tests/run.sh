#!/bin/sh
# run.sh - run the suites, count their results, and print one line.
#
# usage: run.sh SUITE...	each an executable that prints TAP on stdout
#
# A suite is unit, talk, web, ...: tests/SUITE/run.  A skipped test and a
# suite that ends badly without naming a failed test count as failures: only
# a test that was seen to pass has passed.
#
# Suites run in two rows at the same time: house, talk and web, and beside them all
# others, one after the other, whose results are printed last.  Most of a suite is
# waiting, and so both rows take about as long.

set -u
cd "$(dirname "$0")/.."
mkdir -p build/log
passed=0 failed=0 first= beside=

run() {
	start=$(date +%s)
	"tests/$1/run" >"build/log/$1.tap" 2>"build/log/$1.err"
	echo "$? $(($(date +%s) - start))" >"build/log/$1.end"
}

tell() {
	log=build/log/$1.tap
	read -r status seconds <"build/log/$1.end"
	p=$(grep -c '^ok ' "$log")
	s=$(grep -ci '^ok .*# *skip' "$log")
	f=$(grep -c '^not ok ' "$log")
	p=$((p - s)) f=$((f + s))
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ] || [ "$p" -eq 0 ] &&
	    [ "$f" -eq 0 ]; then
		echo "not ok - suite $1 ended with status $status"
		f=1
	fi
	if [ "$f" -gt 0 ]; then
		grep -E '^(not ok|#)|# *[sS][kK][iI][pP]' "$log"
		tail -n 40 "build/log/$1.err"
	fi
	echo "   $1: $p passed, $f failed, $seconds s"
	passed=$((passed + p)) failed=$((failed + f))
}

for suite in "$@"; do
	case $suite in
	house | talk | web | long | hour | frameworks) first="$first $suite" ;;
	*) beside="$beside $suite" ;;
	esac
done
for suite in $beside; do
	run "$suite"
done &
for suite in $first; do
	echo "== $suite"
	run "$suite"
	tell "$suite"
done
wait
for suite in $beside; do
	echo "== $suite"
	tell "$suite"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
