#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# stale: no packet is decided by a rule that is no longer there, nor misses one that is.
# Rounds of add → packet → delete → packet by another process, in every way of writing; then
# bursts by an unmodified writer. HONE_LONG=1: 200,000 rounds and 60 s of bursts.
NAME=stale
source "$(dirname "$0")/lib.sh"

# Rounds wait for an image, storms do not: their share hangs on the load, so only the long run asks.
rounds=20000 block=1000 storm_s=10 share=30 storm_share=0
[ -z "${HONE_LONG:-}" ] || rounds=200000 storm_s=60 storm_share=30
judge() {
	"$BUILD/tests/e2e/judge" --dev v0 --ns "/run/netns/$NS" --counts "$COUNTS" "$@"
}

# About 1,000 writes within a second by bpftool, in ten chunks, then silence for 4 s. A key is only
# deleted right after it was written: bpftool ends a batch at the first error.
burst() {
	local chunk n key
	for chunk in 0 1 2 3 4 5 6 7 8 9; do
		n=0
		while [ "$n" -lt 67 ]; do
			key="key 10 0 0 $((RANDOM % 32))"
			echo "map update pinned $MAP $key value $VALUE"
			[ $((RANDOM % 2)) = 0 ] || echo "map delete pinned $MAP $key"
			n=$((n + 1))
		done >"$TMP/batch"
		bpftool batch file "$TMP/batch" >/dev/null || fail "bpftool batch"
		sleep 0.08
	done
	sleep 4
}

storm_writer() { while :; do burst; done; }

jq '.count_packets = true' "$(dirname "$0")/../../profiles/default.json" >"$TMP/policy.json" ||
	fail "no default policy"
HONED_ARGS=(--policy "$TMP/policy.json")
honed_start
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
hone attach v0 --level 2 || fail "attach"
wait_until 10 state_is v0 live || fail "not live: $(hone status v0)"
COUNTS=$(ls -d "$BPFFS"/units/*/counts)
MAP=/sys/fs/bpf/xdp-filter/filter_ipv4
VALUE="3 0 0 0 0 0 0 0"

say "iterate: $rounds rounds"
judge --share "$share" iterate "$rounds" "$block" || fail "iterate"

say "storm: $storm_s s"

storm_writer &
CHILDREN+=($!)
judge --share "$storm_share" storm "$storm_s" || fail "storm"
kill -0 "${CHILDREN[0]}" || fail "the writer did not last"
say "ok"
