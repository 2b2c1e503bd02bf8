#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# links BUILD: which built programs need LLVM. Only the worker may, and tests and benchmarks of what it
# is made of.
set -euo pipefail
build=${1:?usage: links.sh BUILD}
. "$(dirname "$0")/files.sh"

may_link_llvm() {
	case "$1" in
	compiler/honec | tests/bench/filter_path | tests/bench/roundtrip | tests/golden/* | tests/unit/* | tests/kernel/* | tests/fuzz/*) return 0 ;;
	*) return 1 ;;
	esac
}

programs=0
while read -r program; do
	needed=$(readelf -d "$build/$program" 2>/dev/null |
		grep -oE 'Shared library: \[lib(LLVM|clang)[^]]*' | sed 's/.*\[//' || true)
	programs=$((programs + 1))
	[ -z "$needed" ] || may_link_llvm "$program" ||
		complain "$program" "links ${needed//$'\n'/, }"
# A build tree inside this one is somebody else's.
done < <(cd "$build" && find . -mindepth 1 -type d -exec test -e {}/CMakeCache.txt \; -prune -o -type f -perm -u+x -not -path '*/CMakeFiles/*' \
	-exec sh -c 'head -c 4 "$1" | grep -q ELF' _ {} \; -print | sed 's,^\./,,' | sort)

[ "$programs" -gt 0 ] || complain "$build" "holds no program: was it built?"
conclude "links ($programs programs)"
