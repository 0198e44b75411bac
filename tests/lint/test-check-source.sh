#!/bin/sh
# Shows that every rule of check-source.sh bites, and that what is right passes.
# Each row puts one file with one line into an empty tree and runs the check.
# usage: test-check-source.sh CHECK-SOURCE
set -u
check=$1
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
rows=0 failed=0

# try FILE LINE: runs the check over a tree with just this; output in $said.
try() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/$(dirname "$1")"
	printf '%s\n' "$2" >"$tree/$1"
	said=$("$check" "$tree" 2>&1)
}

# red RULE FILE LINE
red() {
	rows=$((rows + 1))
	if try "$2" "$3"; then
		echo "not caught in $2: $3"
		failed=$((failed + 1))
	elif ! printf '%s' "$said" | grep -qF "check-source: $1"; then
		echo "caught in $2, but not as '$1': $said"
		failed=$((failed + 1))
	fi
}

# green FILE LINE
green() {
	rows=$((rows + 1))
	if ! try "$1" "$2"; then
		echo "wrongly caught in $1: $said"
		failed=$((failed + 1))
	fi
}

red   'base includes a module'         base/x.c    '#include "wire/peer.h"'
red   'base includes a module'         base/x.h    '#include "contracts-abi/bank.h"'
red   'wire includes a sibling'        wire/x.c    '#include "ledger/book.h"'
red   'wire includes a sibling'        wire/x.c    '#include "contracts-abi/bank.h"'
red   'storage includes a sibling'     storage/x.c '#include "wire/peer.h"'
red   'ledger includes a sibling'      ledger/x.c  '#include "storage/files.h"'
red   'contracts-abi includes a module' contracts-abi/x.c '#include "ledger/book.h"'
red   'a path out of the folder'       wire/x.c    '#include "../ledger/book.h"'
green node/x.c   '#include "wire/peer.h"'
green ledger/x.c '#include "contracts-abi/bank.h"'
green wire/x.c   '#include "base/err.h"'

red   'libevent outside base/'         node/x.c    '#include <event2/event.h>'
red   'SQLite outside base/db'         ledger/x_db.c '#include <sqlite3.h>'
red   'SQLite outside base/db'         base/x.c    '#include <sqlite3.h>'
red   'libcurl outside base/http'      ledger/x.c  '#include <curl/curl.h>'
red   'libmicrohttpd outside node/'    base/x.c    '#include <microhttpd.h>'
red   'libsecp256k1 outside base/'     ledger/x.c  '#include <secp256k1.h>'
green base/loop.c '#include <event2/event.h>'
green base/db.c   '#include <sqlite3.h>'
green base/http.c '#include <curl/curl.h>'
green node/api.c  '#include <microhttpd.h>'
green base/secp.c '#include <secp256k1.h>'

red   'amount members touched'         ledger/x.c  'x = a.lo;'
red   'amount members touched'         node/x.c    'x = a->hi;'
green base/amount.c 'x = a.lo;'
red   'floating point where money is'  ledger/x.c  '	double owed;'
red   'floating point where money is'  ledger/x.h  'float rate(void);'
red   'floating point where money is'  base/amount.c '	x = (double)y;'
green wire/x.c    '	double rate;'
green ledger/x.c  '/* the double-entry book */'
green ledger/x.c  ' * a double of that is refused'

red   'banned function'                wire/x.c    '	strcpy(a, b);'
red   'banned function'                base/x.c    '	n = atoi(s);'
green base/x.c    '	snprintf(a, sizeof(a), "x");'
red   'printing below main'            ledger/x.c  '	printf("paid");'
red   'printing below main'            base/x.c    '	fprintf(stderr, "lost");'
red   'printing below main'            node/x.c    '	puts("done");'
red   'printing below main'            ledger/x.c  '	fputs("paid", stdout);'
green base/x.c    '	fprintf(out, "help");'
green node/main_seedbank.c '	printf("paid");'
green node/cli.c  '	puts("done");'
green wire/x.c    '	snprintf(a, n, "x");'
red   'leaving the program below main' storage/x.c '	exit(1);'
green node/main_seedbankd.c '	exit(1);'
green ledger/x.c  '	_exit(1);'
red   'time from the system'           ledger/x.c  '	now = time(NULL);'
red   'time from the system'           wire/x.c    '	clock_gettime(CLOCK_MONOTONIC, &ts);'
green base/clock.c '	clock_gettime(CLOCK_MONOTONIC, &ts);'
red   'default: in a switch'           ledger/x.c  '	default:'
red   'waiting in a test'              tests/wire/test_x.c '	usleep(100);'

red   'SQL outside'                    ledger/x.c  '	q = "SELECT id FROM book";'
red   'SQL outside'                    ledger/x.c  '	q = "INSERT OR REPLACE INTO book";'
red   'SQL outside'                    node/x.c    '	q = "PRAGMA synchronous";'
red   'SQL outside'                    node/x.c    '	q = "CREATE TABLE t (a)";'
green ledger/book_db.c '	q = "SELECT id FROM book";'
green node/cli.c  '	puts("Select a file from the list");'

red   'left for later'                 wire/x.c    '/* TODO: later */'
red   'left for later'                 scripts/x   '# FIXME'
red   'a path of one machine'          docs/x.md   'see /root/notes'
red   'a path of one machine'          scripts/x   'cd /home/anna/seedbank'
green docs/x.md   'the root of /usr/lib/systemd/system'
red   'a package registry by name'     scripts/x   'npm --registry https://registry.npmjs.org'
green wire/x.c    '	strcpy(a, b); /* allowed: shown as an example */'

echo "$rows rows, $failed failed"
[ $failed = 0 ]
