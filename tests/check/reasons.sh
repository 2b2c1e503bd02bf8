#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# reasons ROOT: each row of reasons.def is returned somewhere, and named by a test, except for the
# few that need a race or a broken kernel: an exception that a test names after all is a finding.
set -euo pipefail
root=${1:?usage: reasons.sh ROOT}
. "$(dirname "$0")/files.sh"

sources=$(list_files "$root" '*.c' '*.h' | grep -E '^(compiler|passes|runtime)/')
tests=$(list_files "$root" '*.c' '*.h' '*.ll' '*.json' '*.sh' '*.def' '*.py' '*.txt' |
	grep '^tests/' | grep -v '^tests/check/')

names() { # FILES ID: does one of them name it?
	(cd "$root" && xargs -d '\n' grep -qwE "(HONE_)?$2" <<<"$1")
}

rows=0
while read -r id; do
	rows=$((rows + 1))
	names "$sources" "$id" || complain "$id" "is returned nowhere"
	[ -n "$tests" ] && names "$tests" "$id" || complain "$id" "is named by no test"
done < <(sed -nE 's/^REASON\(([A-Z_0-9]+),.*/\1/p' "$root/compiler/reasons.def")

[ "$rows" -gt 0 ] || complain compiler/reasons.def "has no rows"
conclude "reasons ($rows rows)"
