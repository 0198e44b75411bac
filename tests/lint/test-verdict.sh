#!/bin/sh
# test-verdict.sh SCRIPTS - the last line of scripts/test, from results as ctest
# writes them.
set -u
. "$1/lib.sh"
logs=$(mktemp -d) || exit 2
trap 'rm -rf "$logs"' EXIT
failed=0

# result NAME STATUS OUTPUT
result() {
	printf '\t<testcase name="%s" classname="%s" time="1" status="%s">\n' \
		"$1" "$1" "$2" >>"$logs/ctest-dev.xml"
	printf '\t\t<system-out>%s</system-out>\n\t</testcase>\n' "$3" \
		>>"$logs/ctest-dev.xml"
}

# row NAME RC CI WANTED-STATUS WANTED-WORDS: of the results above it.
row() {
	got=$(CI=$3 tests_verdict "$2")
	status=$?
	if [ "$status" != "$4" ] || [ "$got" != "$5" ]; then
		printf 'FAILED %s: %s, "%s"\n' "$1" "$status" "$got"
		failed=1
	fi
	rm -f "$logs"/*.xml
}

result a run 'fine'
row 'all ran' 0 '' 0 'ALL TESTS PASSED'

result a run 'fine'
result b fail 'bad'
row 'one failed' 1 '' 1 'TESTS FAILED: b (build/log/ctest-*.log has all)'

result a run 'fine'
result interop/swap notrun 'no python'
row 'one could not run' 0 '' 0 \
	'ALL TESTS THAT RAN PASSED; NOT RUN: interop/swap'

result interop/swap notrun 'no python'
row 'that is a failure where programs are installed' 0 true 1 \
	'TESTS FAILED: with CI=true all must run; NOT RUN: interop/swap'

result a run 'missing: aria2c, to swap files with
one
missing: mktorrent
two'
row 'parts for want of programs' 0 '' 0 \
	'ALL TESTS THAT RAN PASSED; MISSING: aria2c, to swap files with; mktorrent'

result a run 'one
missing: mktorrent
two'
row 'that is one too' 0 true 1 \
	'TESTS FAILED: with CI=true all must run; MISSING: mktorrent'

result a run 'ok
left out: a full disk needs a mount namespace'
row 'what the machine does not allow is told' 0 true 0 \
	'ALL TESTS PASSED; left out: a full disk needs a mount namespace'

exit $failed
