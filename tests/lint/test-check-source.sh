#!/bin/sh
# Shows that every rule of check-source.sh bites, and that what is right passes.
# All rows that must be caught go into one tree, a file each; those that must not
# into another; each tree is checked once.
# usage: test-check-source.sh CHECK-SOURCE
set -u
check=$1
trees=$(mktemp -d) || exit 2
trap 'rm -rf "$trees"' EXIT
mkdir "$trees/red" "$trees/green"
rows=0

# red RULE FILE LINE: an x in the file's name becomes the number of the row.
red() {
	rows=$((rows + 1))
	file=$(echo "$2" | sed "s/\\/x/\\/row$rows/")
	mkdir -p "$trees/red/$(dirname "$file")"
	printf '%s\n' "$3" >>"$trees/red/$file"
	printf '%s\t%s\t%s\n' "$file" "$1" "$3" >>"$trees/expected"
}

# green FILE LINE
green() {
	rows=$((rows + 1))
	mkdir -p "$trees/green/$(dirname "$1")"
	printf '%s\n' "$2" >>"$trees/green/$1"
}

red   'base includes a module'         base/x.c    '#include "wire/peer/peer.h"'
red   'base includes a module'         base/x.h    '#include "contracts-abi/bank.h"'
red   'wire includes a sibling'        wire/x.c    '#include "ledger/book/book.h"'
red   'wire includes a sibling'        wire/x.c    '#include "contracts-abi/bank.h"'
red   'storage includes a sibling'     storage/x.c '#include "wire/peer/peer.h"'
red   'ledger includes a sibling'      ledger/x.c  '#include "storage/torrent/files.h"'
red   'contracts-abi includes a module' contracts-abi/x.c '#include "ledger/book/book.h"'
red   'ledger/book includes what stands on it' ledger/book/x.c '#include "ledger/pay/pay.h"'
red   'ledger/settle includes pay'      ledger/settle/x.c '#include "ledger/pay/pay.h"'
red   'wire/peer includes what stands'  wire/peer/x.c '#include "wire/swarm/swarm.h"'
red   'a part of wire includes the swarm' wire/dht/x.c '#include "wire/peer/peer.h"'
red   'wire/veil includes what stands'  wire/veil/x.c '#include "wire/swarm/swarm.h"'
red   'node/net includes what stands'   node/net/x.c '#include "node/find/candidates.h"'
red   'node/find includes what stands'  node/find/x.c '#include "node/swarm/torrent.h"'
red   'a path out of the folder'       wire/x.c    '#include "../ledger/book.h"'
green node/x.c   '#include "wire/peer/peer.h"'
green ledger/x.c '#include "contracts-abi/bank.h"'
green wire/x.c   '#include "base/err.h"'

red   'libevent outside base/'         node/x.c    '#include <event2/event.h>'
red   'SQLite outside base/db'         ledger/x_db.c '#include <sqlite3.h>'
red   'SQLite outside base/db'         base/x.c    '#include <sqlite3.h>'
red   'libcurl outside base/http'      ledger/x.c  '#include <curl/curl.h>'
red   'libsecp256k1 outside base/'     ledger/x.c  '#include <secp256k1.h>'
red   'storage includes a sibling'     storage/sector/x.c '#include "ledger/book/book.h"'
red   'ISA-L outside storage/object/coder' storage/x.c '#include <isa-l/erasure_code.h>'
green storage/object/coder.c '#include <isa-l/erasure_code.h>'
green base/loop.c '#include <event2/event.h>'
green base/db.c   '#include <sqlite3.h>'
green base/http.c '#include <curl/curl.h>'
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
green node/cli/cli.c  '	puts("done");'
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
green ledger/book/book_db.c '	q = "SELECT id FROM book";'
green node/cli/cli.c  '	puts("Select a file from the list");'

red   'left for later'                 wire/x.c    '/* TODO: later */'
red   'left for later'                 scripts/x   '# FIXME'
red   'a path of one machine'          docs/x.md   'see /root/notes'
red   'a path of one machine'          scripts/x   'cd /home/anna/seedbank'
green docs/x.md   'the root of /usr/lib/systemd/system'
red   'a test that is not there'       docs/limits.md '| a threat | its limit | `wire/test_gone` |'
red   'a test that is not there'       docs/limits.md '| a threat | its limit | `wire/test_here: is_gone` |'
green docs/limits.md '| a threat | its limit | `wire/test_here: is_here` |'
green tests/wire/test_here.c 'static void is_here(void)'
red   'a package registry by name'     scripts/x   'npm --registry https://registry.npmjs.org'
green wire/x.c    '	strcpy(a, b); /* allowed: shown as an example */'

failed=0
if ! "$check" "$trees/green" >"$trees/said" 2>&1; then
	echo "wrongly caught:"
	cat "$trees/said"
	failed=1
fi
"$check" "$trees/red" >"$trees/said" 2>&1 && failed=1
# check-source prints the lines first and then the rule that they break
awk -F '\t' '
	FILENAME == ARGV[1] && /^check-source: / {
		for (i = 0; i < n; i++)
			caught[held[i] "\t" substr($0, 15)] = 1
		n = 0
		next
	}
	FILENAME == ARGV[1] {
		sub(/^\.\//, "")
		held[n++] = substr($0, 1, index($0, ":") - 1)
		next
	}
	{
		found = 0
		for (c in caught)
			if (index(c, $1 "\t" $2) == 1)
				found = 1
		if (!found) {
			print "not caught as \"" $2 "\": " $1 ": " $3 $4
			bad = 1
		}
	}
	END { exit bad }
' "$trees/said" "$trees/expected" || failed=1
echo "$rows rows"
[ $failed = 0 ]
