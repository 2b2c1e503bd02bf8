# SPDX-License-Identifier: Apache-2.0
# files: what belongs to a tree, for the checks beside this file, which source it.

# list_files ROOT PATTERN…: paths below ROOT; what git knows, or in a tree without git all but build*.
list_files() {
	local root=$1
	shift
	if [ -e "$root/.git" ]; then
		git -c safe.directory='*' -C "$root" ls-files -co --exclude-standard -- "$@" |
			while read -r file; do [ ! -e "$root/$file" ] || echo "$file"; done
	else
		local names=() pattern
		for pattern in "$@"; do names+=(-o -name "$pattern"); done
		(cd "$root" && find . -name 'build*' -type d -prune -o -type f \
			\( "${names[@]:1}" \) -print | sed 's,^\./,,')
	fi | sort
}

failures=0

# complain FILE MESSAGE: one finding.
complain() {
	printf '%s: %s\n' "$1" "$2"
	failures=$((failures + 1))
}

# conclude WHAT: the exit status of a check.
conclude() {
	if [ "$failures" -gt 0 ]; then
		echo "$1: $failures findings"
		exit 1
	fi
	echo "$1: fine"
}
