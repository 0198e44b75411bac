#!/bin/sh
# What ctest runs under the label "contracts"; never skips.
# usage: run.sh npm|artifacts|generated|forge|mutants|gas
set -eu
cd "$(dirname "$0")/../../contracts-abi"

# Installs what package-lock.json names, as scripts/setup does and with the same
# stamp, unless that very lock is installed.
npm_install() {
	cmp -s package-lock.json node_modules/.seedbank-lock && return 0
	if ! command -v npm >/dev/null; then
		echo "run.sh: no npm here; run scripts/test, it installs what is missing" >&2
		exit 1
	fi
	npm ci --ignore-scripts
	node ../scripts/npm-optional.mjs .
	cp package-lock.json node_modules/.seedbank-lock
}

case ${1-} in
npm)
	npm_install ;;
artifacts)
	node compile.mjs --check ;;
generated)
	node generate.mjs --check
	node ../tests/contracts-abi/make-vectors.mjs --check ;;
forge)
	forge=$(node -e "import('./tool.mjs').then((m) => console.log(m.tool('forge')))")
	"$forge" test ;;
mutants)
	node mutants.mjs ;;
gas)
	node ../tests/bench/gas.mjs --check ;;
*)
	echo "usage: run.sh npm|artifacts|generated|forge|mutants|gas" >&2
	exit 2 ;;
esac
