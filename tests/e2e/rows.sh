# SPDX-License-Identifier: Apache-2.0
# rows: one row per mistake, for scripts that source lib.sh first. Counts $rows and $failures.
rows=0 failures=0

# What the interface runs, and what becomes of a packet: the data plane before and after a row.
data_plane() { in_ns bpftool net list dev v0 -j 2>/dev/null | jq -c '[.[].xdp[]?.id]'; }

# row CODE PATTERN WHAT -- CMD…: CMD exits with CODE and says PATTERN (on either output).
row() {
	local want=$1 pattern=$2 what=$3 before after code
	shift 4
	rows=$((rows + 1))
	before=$(data_plane)
	"$@" >"$TMP/out" 2>&1 </dev/null
	code=$?
	after=$(data_plane)
	if [ "$code" != "$want" ]; then
		echo "row $rows: $what: exit $code instead of $want: $(head -c 400 "$TMP/out")"
	elif ! grep -aqiE "$pattern" "$TMP/out"; then
		echo "row $rows: $what: does not say /$pattern/: $(head -c 400 "$TMP/out")"
	elif [ "$before" != "$after" ]; then
		echo "row $rows: $what: the interface ran $before, now $after"
	else
		say "row $rows: $what: $code: $(grep -aiE -m1 "$pattern" "$TMP/out" | tr -d "\000-\037" | head -c 160)"
		return
	fi
	failures=$((failures + 1))
}
