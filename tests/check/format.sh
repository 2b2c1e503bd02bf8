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
	(cd "$root" && clang-format-19 --style=file --dry-run -Werror "$file" >/dev/null 2>&1) ||
		complain "$file" "is not as clang-format-19 writes it"
done < <(list_files "$root" '*.c' '*.h')

conclude "format"
