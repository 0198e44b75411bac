#!/bin/sh
# clang-format decides about the layout of C. Version 14 does: others lay some
# lines out differently, so where only another is to be had this exits 77
# (skipped) and says so.
# usage: check-format.sh REPO-ROOT
set -u
cd "$1" || exit 2
format=
for program in clang-format-14 clang-format; do
	case $("$program" --version 2>/dev/null) in
	*version\ 14.*) format=$program; break ;;
	esac
done
if [ -z "$format" ]; then
	echo "check-format: no clang-format 14 here"
	exit 77
fi
find base contracts-abi wire storage ledger node tests -name '*.[ch]' \
	-not -path '*/node_modules/*' 2>/dev/null |
	xargs -d '\n' "$format" --dry-run --Werror
