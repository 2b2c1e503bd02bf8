#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# killed: kill -9 of the daemon at random moments, under traffic and updates, while an image is
# live: no packet is misjudged, a restart adopts within 2 s, a detach leaves nothing. Then of
# the compiler: the unit stays generic and says why. HONE_LONG=1: 50 kills instead of 8.
NAME=killed
source "$(dirname "$0")/lib.sh"

kills=8 share=0.1
cp "$HONEC" "$TMP/honec" && HONEC=$TMP/honec
[ -z "${HONE_LONG:-}" ] || kills=50 share=10
MAP=/sys/fs/bpf/xdp-filter/filter_ipv4
VALUE="3 0 0 0 0 0 0 0"

writer() {
	local n
	while :; do
		for n in 0 1 2 3 4 5 6 7 8 9; do
			key="key 10 0 0 $((RANDOM % 32))"
			echo "map update pinned $MAP $key value $VALUE"
			[ $((RANDOM % 2)) = 0 ] || echo "map delete pinned $MAP $key"
		done >"$TMP/batch"
		bpftool batch file "$TMP/batch" >/dev/null || fail "bpftool batch"
		sleep "$((2 + RANDOM % 3)).$((RANDOM % 10))" # long enough for an image to go live
	done
}
# Any state in which the unit is known again and its guard is maintained.
adopted() { hone status v0 -j | field '.units[0].state | IN("live", "generic", "compiling", "checking")' >/dev/null 2>&1; }
is_live() { state_is v0 live; }
# No more programs and no more maps than before; others on the machine may have ended.
no_more_than() {
	local now
	read -r -a now <<<"$(count_objects)"
	[ "${now[0]}" -le "$1" ] && [ "${now[1]}" -le "$2" ]
}

in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
in_ns xdp-filter unload v0 || fail "xdp-filter unload"
jq '.count_packets = true' "$(dirname "$0")/../../profiles/default.json" >"$TMP/policy.json" ||
	fail "no default policy"
HONED_ARGS=(--policy "$TMP/policy.json")
honed_start
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
hone attach v0 --level 0 || fail "attach"
hone detach v0 || fail "detach"
honed_stop
sleep 0.5
before=$(count_objects)

honed_start
in_ns xdp-filter unload v0 && in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
hone attach v0 --level 2 || fail "attach"
wait_until 10 is_live || fail "not live: $(hone status v0)"

writer &
CHILDREN+=($!)
"$BUILD/tests/e2e/judge" --dev v0 --ns "/run/netns/$NS" --counts "$(ls -d "$BPFFS"/units/*/counts)" \
	--share "$share" storm 3600 >"$TMP/judge" &
judge=$!
CHILDREN+=("$judge")

slowest_ms=0 while_live=0
for n in $(seq "$kills"); do
	# mostly while an image is live, at a random moment of the update cycle
	wait_until 15 is_live || say "kill $n: not live at that moment"
	sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
	! is_live || while_live=$((while_live + 1))
	honed_kill
	sleep "0.$((RANDOM % 10))"
	started=$(date +%s%N)
	honed_start
	wait_until 2 adopted || fail "kill $n: not adopted in 2 s: $(hone status v0)"
	took_ms=$((($(date +%s%N) - started) / 1000000))
	[ "$took_ms" -le "$slowest_ms" ] || slowest_ms=$took_ms
	[ "$took_ms" -lt 2000 ] || fail "kill $n: adopted after $took_ms ms"
	kill -0 "$judge" 2>/dev/null || fail "kill $n: the judge is gone: $(cat "$TMP/judge")"
done
kill "$judge"
wait "$judge" || fail "judge: $(cat "$TMP/judge")"
kill "${CHILDREN[0]}" || fail "the writer did not last"
wait "${CHILDREN[0]}" 2>/dev/null
say "$n kills, $while_live of them while an image was live, slowest adoption $slowest_ms ms, $(cat "$TMP/judge")"

# kill -9 of the compiler: the original stays, the reason is shown.
hone level v0 0 || fail "level 0"
rm "$TMP/honec"
pkill -9 -P "$HONED_PID" -x honec
hone level v0 2
refused() { hone status v0 -j | field '.units[0] | .state != "live" and (.reason | length > 0)' >/dev/null; }
wait_until 10 refused
[ $? = 0 ] || fail "honec gone, but: $(hone status v0)"
say "honec gone: $(hone status v0 -j | field '.units[0].reason')"

hone detach v0 || fail "detach"
honed_stop
wait_until 10 no_more_than $before || fail "objects: $before before, $(count_objects) after"
say "ok: programs and maps: $before before, $(count_objects) after"
