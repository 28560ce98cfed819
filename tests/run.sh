#!/bin/sh
# run.sh - run the suites, count what they say, and say it in one line.
#
# usage: run.sh SUITE...	each an executable that prints TAP on stdout
#
# A suite is unit, talk, web, ...: tests/SUITE/run.  A skipped test and a
# suite that ends badly without naming a failed test count as failures:
# what was not seen to pass has not passed.

set -u
cd "$(dirname "$0")/.."
mkdir -p build/log
passed=0 failed=0

for suite in "$@"; do
	log=build/log/$suite.tap
	echo "== $suite"
	start=$(date +%s)
	"tests/$suite/run" >"$log" 2>"build/log/$suite.err"
	status=$?
	p=$(grep -c '^ok ' "$log")
	s=$(grep -ci '^ok .*# *skip' "$log")
	f=$(grep -c '^not ok ' "$log")
	p=$((p - s)) f=$((f + s))
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ] || [ "$p" -eq 0 ] &&
	    [ "$f" -eq 0 ]; then
		echo "not ok - suite $suite ended with status $status"
		f=1
	fi
	if [ "$f" -gt 0 ]; then
		grep -E '^(not ok|#)|# *[sS][kK][iI][pP]' "$log"
		tail -n 40 "build/log/$suite.err"
	fi
	echo "   $suite: $p passed, $f failed, $(($(date +%s) - start)) s"
	passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
