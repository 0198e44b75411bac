# lib.sh - what scripts/setup, demo and test share. POSIX sh, to be sourced.
#
# Sets:  top (the checkout), logs (build/log).
# Says:  each step as one line; the long output of apt, npm and cmake goes to
#        a file in build/log/, and its end is shown only when the step fails.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 2
logs=$top/build/log
cd "$top" || exit 2

# A fresh machine may have no locale at all; messages must stay in English
# because nothing here should depend on where it runs.
export LC_ALL=C.UTF-8

say() {
	printf '== %s\n' "$*"
}

die() {
	printf 'seedbank: %s\n' "$*" >&2
	exit 1
}

mkdir -p "$logs" 2>/dev/null ||
	die "cannot write to $top/build: take a checkout that this user owns"

# npm and ccache write below HOME. Where that is not possible (a service
# account, a read-only container) they get one in build/, with the
# user's npm settings if there are any.
if [ ! -w "${HOME:-/nonexistent}" ]; then
	[ -r "${HOME:-}/.npmrc" ] && export npm_config_userconfig="$HOME/.npmrc"
	HOME=$top/build/home
	export HOME
	mkdir -p "$HOME"
fi

# step NAME LOG COMMAND...: runs quietly; on failure shows the end of the log.
step() {
	step_name=$1 step_log=$logs/$2.log
	shift 2
	say "$step_name"
	"$@" >"$step_log" 2>&1 </dev/null && return 0
	tail -n 40 "$step_log" >&2
	die "failed: $step_name (all of it in ${step_log#"$top"/})"
}

# The distribution's own Python: one put before it on PATH may lack modules.
system_python() {
	for python in /usr/bin/python3 "$(command -v python3)"; do
		[ -x "$python" ] && break
	done
	echo "$python"
}

jobs_count() {
	nproc 2>/dev/null || echo 2
}

# --- packages ---------------------------------------------------------------

# packages_wanted SECTION...: lines of packages.txt without comments.
packages_wanted() {
	for section; do
		awk -v want="[$section]" '
			/^\[/ { on = ($1 == want); next }
			on && NF && $1 !~ /^#/ { print $1, ($2 == "" ? "-" : $2) }
		' scripts/packages.txt
	done | sort -u
}

node_is_at_least() {
	command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 ||
		return 1
	major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
	[ "${major:-0}" -ge "$1" ]
}

package_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# unneeded CONDITION: true when the second column of packages.txt holds.
unneeded() {
	case $1 in
	pkg:*) pkg-config --exists "${1#pkg:}" 2>/dev/null ;;
	cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	node:*) node_is_at_least "${1#node:}" ;;
	*) return 1 ;;
	esac
}

# packages_missing SECTION...: alternatives still joined by |.
packages_missing() {
	packages_wanted "$@" | while read -r names condition; do
		unneeded "$condition" && continue
		have=
		for name in $(echo "$names" | tr '|' ' '); do
			package_is_installed "$name" && have=1
		done
		[ "$have" ] || echo "$names"
	done
}

# packages_choose NAMES...: of each a|b the first that apt can install.
packages_choose() {
	for names; do
		chosen=${names%%|*}
		[ "$chosen" = "$names" ] && echo "$names" && continue
		for name in $(echo "$names" | tr '|' ' '); do
			if [ "$(apt-cache --quiet policy "$name" 2>/dev/null |
				sed -n 's/^  Candidate: //p')" != '(none)' ] &&
			   apt-cache show "$name" >/dev/null 2>&1; then
				chosen=$name
				break
			fi
		done
		echo "$chosen"
	done
}

# as_root COMMAND...: never asks for a password where nobody can answer.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif [ -t 0 ] && [ -t 2 ] && [ -z "${CI:-}" ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

can_be_root() {
	[ "$(id -u)" = 0 ] && return 0
	command -v sudo >/dev/null 2>&1 || return 1
	if [ -t 0 ] && [ -t 2 ] && [ -z "${CI:-}" ]; then
		sudo -v
	else
		sudo -n true 2>/dev/null
	fi
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
		apt-get -q -y -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Options::=--force-confold --no-install-recommends "$@"
}

# Some packages bring a service that starts by itself. The scripts want the
# program only, so the service is kept from starting while packages are
# installed, and is switched off afterwards where it was not there before.
services_of() {
	for name; do
		case $name in
		transmission-daemon | opentracker) echo "$name" ;;
		esac
	done
}

packages_install() {
	policy=/usr/sbin/policy-rc.d
	made_policy=
	if [ ! -e $policy ] && [ "$(services_of "$@")" ]; then
		made_policy=1
		printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
		as_root chmod 755 $policy
	fi
	apt_get install "$@"
	packages_rc=$?
	[ "$made_policy" ] && as_root rm -f $policy
	for service in $(services_of "$@"); do
		command -v systemctl >/dev/null 2>&1 &&
			as_root systemctl disable "$service" >/dev/null 2>&1
	done
	return $packages_rc
}

# setup_packages SECTION...
setup_packages() {
	missing=$(packages_missing "$@")
	if [ -z "$missing" ]; then
		say "packages: all there"
		return 0
	fi
	command -v apt-get >/dev/null 2>&1 || die "this machine has no apt;" \
		"install by hand what these Debian packages hold:" $missing
	if ! can_be_root; then
		echo "seedbank: packages are missing and this user may not install" \
			"them. Run as root:" >&2
		echo "  apt-get update && apt-get install -y --no-install-recommends" \
			$(packages_choose $missing) >&2
		exit 1
	fi
	# A source of the machine's own that is out of order is no reason to stop:
	# if it matters, the next step fails and says so.
	say "apt-get update"
	apt_get update >"$logs/apt-update.log" 2>&1 </dev/null ||
		say "apt-get update had errors (build/log/apt-update.log); going on"
	missing=$(packages_choose $missing)
	step "installing $(echo $missing)" apt-install packages_install $missing
	missing=$(packages_missing "$@")
	[ -z "$missing" ] || die "still missing after installation: $missing" \
		"(build/log/apt-install.log)"
}

# --- npm --------------------------------------------------------------------

# The stamp lies inside node_modules, so that removing the one removes both.
setup_npm() {
	lock=contracts-abi/package-lock.json
	stamp=contracts-abi/node_modules/.seedbank-lock
	[ -f $lock ] || die "$lock is missing: this is not a whole checkout"
	if [ -f $stamp ] && cmp -s $lock $stamp; then
		say "npm packages: all there"
		return 0
	fi
	node_is_at_least 18 ||
		die "node 18 or newer with npm is needed; this one is" \
			"$(node --version 2>&1 | head -n 1)"
	step 'npm ci (anvil, forge, solc and the cross-checks)' npm-ci \
		npm --prefix contracts-abi ci --no-audit --no-fund --ignore-scripts
	step 'npm packages with programs for this system' npm-optional \
		node scripts/npm-optional.mjs contracts-abi
	cp $lock $stamp
}

# --- other clients ----------------------------------------------------------

# setup_peers: libtorrent's newest release, of PyPI, beside the distribution's.
# Where it has no wheel for this machine the tests say that it is missing.
setup_peers() {
	venv=build/peers
	wants="libtorrent==2.1.1"
	if [ "$(cat $venv/.seedbank-wants 2>/dev/null)" = "$wants" ]; then
		say "Python packages: all there"
		return 0
	fi
	rm -rf $venv
	say "pip install $wants"
	peers_install >"$logs/pip-peers.log" 2>&1 </dev/null ||
		say "not to be had: tests with it are left out (build/log/pip-peers.log)"
}

peers_install() {
	$(system_python) -m venv $venv || return 1
	$venv/bin/python -m pip install --quiet --disable-pip-version-check \
		"$wants" || return 1
	$venv/bin/python -c 'import libtorrent' || return 1
	echo "$wants" >$venv/.seedbank-wants
}

# --- build ------------------------------------------------------------------

# build PRESET: configures and builds. A cache made at another path (a moved
# or mounted checkout) would only raise an error, so it is made again.
build() {
	cache=build/$1/CMakeCache.txt
	if [ -f "$cache" ] &&
	   ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$cache"; then
		rm -rf "$cache" "build/$1/CMakeFiles"
	fi
	step "configuring $1" "configure-$1" cmake --preset "$1"
	step "building $1" "build-$1" \
		cmake --build --preset "$1" -j "$(jobs_count)"
}

# Sanitizers of gcc 12 and clang 14 cannot place their shadow memory when the
# kernel randomises more than 28 bits (Ubuntu 24.04 does); without
# randomisation they can. Prints the prefix for a command.
sanitizer_prefix() {
	bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
	if [ "$bits" -gt 28 ] && setarch "$(uname -m)" -R true 2>/dev/null; then
		echo "setarch $(uname -m) -R"
	fi
}

# --- what became of the tests -------------------------------------------------

# tests_with STATUS: names, from what ctest left.
tests_with() {
	sed -n 's/^.*<testcase name="\([^"]*\)".*status="'"$1"'".*$/\1/p' \
		"$logs"/ctest-*.xml 2>/dev/null | sort -u | one_row ' '
}

# tests_said WORD: what tests told in lines "WORD: ...".
tests_said() {
	sed -n -e 's/<\/system-out>$//' \
		-e 's/^\(.*<system-out>\)\{0,1\}'"$1"': \(.*\)$/\2/p' \
		"$logs"/ctest-*.xml 2>/dev/null | sort -u | one_row '; '
}

one_row() {
	awk -v sep="$1" '{ printf "%s%s", (NR > 1 ? sep : ""), $0 }'
}

# tests_verdict RC: the words, and the status that scripts/test ends with.
# A test that could not run, and a part of one that says "missing: PROGRAM", is
# a failure where CI=true: setup installs all that is needed. What the machine
# itself does not allow ("left out: ...") is only told.
tests_verdict() {
	not_run=$(tests_with notrun)
	missing=$(tests_said missing)
	left_out=$(tests_said 'left out')
	gaps="${not_run:+; NOT RUN: $not_run}${missing:+; MISSING: $missing}"
	note="${left_out:+; left out: $left_out}"
	if [ "$1" != 0 ]; then
		echo "TESTS FAILED: $(tests_with fail)$gaps$note" \
			"(build/log/ctest-*.log has all)"
		return 1
	elif [ -z "$gaps" ]; then
		echo "ALL TESTS PASSED$note"
	elif [ "${CI:-}" = true ]; then
		echo "TESTS FAILED: with CI=true all must run${gaps}${note}"
		return 1
	else
		echo "ALL TESTS THAT RAN PASSED${gaps}${note}"
	fi
}
