#!/bin/sh
# What ctest runs under the label "contracts"; never skips.
# usage: run.sh npm|artifacts|generated|machine|forge|tron|mutants|mutants_1|mutants_2|gas|costs
set -eu
cd "$(dirname "$0")/../../contracts-abi"

case ${1-} in
npm) # what package-lock.json names, unless that very lock is installed
	../scripts/setup npm ;;
artifacts)
	node compile.mjs --check ;;
generated)
	node generate.mjs --check
	node ../tests/contracts-abi/make-vectors.mjs --check ;;
forge)
	forge=$(node -e "import('./tool.mjs').then((m) => console.log(m.tool('forge')))")
	"$forge" test ;;
machine)
	node --test ../tests/contracts-abi/test_machine.mjs ;;
tron) # all of it again, with TRON's ecrecover
	forge=$(node -e "import('./tool.mjs').then((m) => console.log(m.tool('forge')))")
	BANK_ECRECOVER=tron FOUNDRY_FUZZ_RUNS=64 FOUNDRY_INVARIANT_RUNS=16 \
		"$forge" test ;;
mutants) # all of them, a worker a processor
	node mutants.mjs ;;
mutants_1 | mutants_2) # a half of them
	node mutants.mjs '' "$((${1#mutants_} - 1))/2" ;;
gas)
	node ../tests/bench/gas.mjs --check ;;
costs)
	node ../tests/bench/costs.mjs --check ;;
*)
	echo "usage: run.sh npm|artifacts|generated|machine|forge|tron|mutants|mutants_1|mutants_2|gas|costs" >&2
	exit 2 ;;
esac
