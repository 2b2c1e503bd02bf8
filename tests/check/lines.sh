#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lines ROOT: licence lines, lengths, and words that have no place in a tree.
set -euo pipefail
root=${1:?usage: lines.sh ROOT}
. "$(dirname "$0")/files.sh"

# The licence a file must name in its first line (scripts: the second); empty: none.
licence_of() {
	case "$1" in
	*.bpf.c) echo 'GPL-2\.0-only$' ;;
	bpf-nfs/*.h | runtime/bpf/*.h) echo '(GPL-2\.0-only|Apache-2\.0)( OR Apache-2\.0)? \*/$' ;;
	*.c) echo 'Apache-2\.0$' ;;
	*.h | *.def) echo 'Apache-2\.0 \*/$' ;;
	*.sh | */CMakeLists.txt | CMakeLists.txt | bootstrap | .ci/run | *.cmake) echo 'Apache-2\.0$' ;;
	esac
}

limit_of() {
	case "$1" in
	passes/*.c) echo 150 ;;
	*.c | *.h | *.def | *.sh | bootstrap) echo 500 ;;
	esac
}

while read -r file; do
	licence=$(licence_of "$file")
	if [ -n "$licence" ] &&
		! head -2 "$root/$file" | grep -qE "SPDX-License-Identifier: $licence"; then
		complain "$file" "has no first line with its licence (${licence//\\/})"
	fi
	limit=$(limit_of "$file")
	if [ -n "$limit" ] && [ "$(wc -l <"$root/$file")" -gt "$limit" ]; then
		complain "$file" "is longer than $limit lines"
	fi
done < <(list_files "$root" '*')

# Split so that this file does not find itself.
words='^<<''<<<<< |^>>''>>>>> |TO''DO|FIX''ME|/wo''rk/|/ho''me/|/tm''p/wt'
while read -r found; do
	complain "$found" "has no place here"
done < <(list_files "$root" '*' | grep -v '^LICENSE' |
	(cd "$root" && xargs -d '\n' grep -nIEo -e "$words" || true))

conclude "lines"
