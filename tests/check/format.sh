#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# format ROOT: clang-format has nothing to change.
set -euo pipefail
root=${1:?usage: format.sh ROOT}
. "$(dirname "$0")/files.sh"
command -v clang-format-19 >/dev/null || {
	echo "skipped: no clang-format-19"
	exit 77
}

while read -r file; do
	complain "$file" "is not as clang-format-19 writes it"
done < <(cd "$root" && list_files . '*.c' '*.h' |
	xargs -d '\n' clang-format-19 --style=file --dry-run -Werror 2>&1 |
	sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error: .*/\1/p' | sort -u)

conclude "format"
