#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo: hone on two programs that know nothing of it, from load to unload, under real packets.
#
#   demo.sh [--build DIR] [--json FILE] [--pairs N] [--flows "N…"]
#
# xdp-filter is Debian's, unmodified; the router is bpf-nfs/router. Everything happens in a network
# and a mount namespace of its own, with its own bpffs, socket and state: lib.sh takes them away.
# Fails when a packet is decided by a rule that is not there, is lost, or when something never
# happens; times are reported and decide nothing.
NAME=demo
json_file= pairs=401 flows="1000 10000"
arguments=("$@")
while [ $# -gt 0 ]; do
	case "$1" in
	--build) BUILD=$(realpath "$2") ;;
	--json) json_file=$2 ;;
	--pairs) pairs=$2 ;;
	--flows) flows=$2 ;;
	*)
		echo "demo.sh: unknown argument '$1'" >&2
		exit 2
		;;
	esac
	shift 2
done
set -- "${arguments[@]}"
source "$(dirname "$0")/lib.sh"

started=$SECONDS
export LC_ALL=C PATH=$PATH:$BUILD/bpf-nfs
rows=() # JSON objects
stale=0 lost=0 sent=0 swaps=0 slowest_ms=0

title() { printf '\n== %s\n' "$*"; }
show() { # COMMAND…: as an operator types it, then its output
	printf '$ %s\n' "$*"
	in_ns "$@" || fail "$*"
}
hone_do() {
	printf '$ hone %s\n' "$*"
	hone "$@" || fail "hone $*"
}
attached_id() { in_ns ip -j link show v0 | jq -r '.[0].xdp.prog.id // empty'; }
no_units() { [ "$(hone status -j | jq '.units | length')" = 0 ]; }

# ---- what hone says ----

unit() { hone status v0 -j | field ".units[0] | $1"; }
# ---- packets ----

# Numbered frames go from v1 to v0 from here to stream_stop, through every swap.
stream_start() {
	# not by in_ns: a function in the background would be a shell, and the signal end there
	nsenter --net="/run/netns/$NS" "$BUILD/tests/tools/stream" v1 v0 >"$TMP/stream" &
	STREAM=$!
	CHILDREN+=("$STREAM")
}
stream_stop() {
	kill "$STREAM" && wait "$STREAM" || fail "stream"
	sent=$((sent + $(field .sent "$TMP/stream")))
	lost=$((lost + $(field '.lost + .duplicated' "$TMP/stream")))
}

# expect VERDICT SOURCE [DEVICE]: the very next packet, as DEVICE (v0) sees it.
judged=0
expect() {
	local got
	got=$(in_ns "$BUILD/tests/tools/probe" v1 "${3:-v0}" "$2:4000" 10.0.1.99:4001) || fail "probe"
	judged=$((judged + 1))
	if [ "$got" != "$1" ]; then
		stale=$((stale + 1))
		echo "   a packet from $2 was $got, it should have been $1"
	fi
}

# ---- measuring ----

header() {
	printf '%-11s %5s %6s %5s %7s %12s %11s %14s %6s\n' program rules flows level folded \
		instructions 'generic ns' 'specialized ns' ratio
}

# The image was made for what the maps hold now; or there is none, for a reason.
image_decides() { unit '.state == "live" and .guard.valid' 2>/dev/null | grep -qx true; }
is_decided() { image_decides || unit '.state | IN("observing", "refused")' 2>/dev/null | grep -qx true; }

# figures FLOWS [OPTION…]: the original against what is attached: root, guard and image. Taken again
# when an epoch moved meanwhile: then part of the packets met the original.
figures() {
	local before json
	for _ in 1 2 3 4 5; do
		wait_until 30 is_decided || return 1
		before=$(unit .guard.begin)
		json=$(in_ns "$BUILD/tests/bench/whole_path" --dev v0 \
			--original "$(unit .original.id)" --flows "$1" --pairs "$pairs" "${@:2}" -j) ||
			return 1
		[ "$before" != "$(unit .guard.begin)" ] || break
	done
	echo "$json"
}

# measure PROGRAM RULES LEVEL [OPTION…]: a row per flow count.
measure() {
	local n json insns folded
	for n in $flows; do
		wait_until 30 is_decided || fail "no outcome: $(hone status v0)"
		folded=$(hone explain v0 -j |
			jq -r '"\([.sites[] | select(.action != "")] | length)/\(.sites | length)"')
		insns=$(unit 'if .state == "live" then "\(.original.insns) -> \(.specialized.insns)"
			else "\(.original.insns)" end')
		json=$(figures "$n" "${@:4}") || fail "no figures: $(hone status v0)"
		printf '%-11s %5s %6s %5s %7s %12s %11.1f %14.1f %6.2f\n' "$1" "$2" "$n" "$3" \
			"$folded" "$insns" $(field '.generic_ns, .specialized_ns, .ratio' <<<"$json")
		rows+=("$(jq -c --arg program "$1" --argjson rules "$2" --argjson flows "$n" \
			--argjson level "$3" '{program: $program, rules: $rules, flows: $flows,
			level: $level, generic_ns, specialized_ns, ratio, pairs}' <<<"$json")")
	done
	[ "$(unit .state)" != refused ] || echo "   the original stays: $(unit .reason)"
}

# levels PROGRAM RULES [OPTION…]: of whole_path
levels() {
	local program=$1 rules=$2 level
	shift 2
	for level in 0 1 2; do
		hone level v0 "$level" >"$TMP/level" 2>&1
		case $? in
		0 | 7) ;; # 7: not faster, so the original stays
		*) fail "level $level: $(cat "$TMP/level")" ;;
		esac
		measure "$program" "$rules" "$level" "$@"
	done
}

# respecialized TEXT: wait for the next image and say how long it took.
respecialized() {
	local from=$(($(date +%s%N) / 1000000)) took_ms
	wait_until 30 image_decides || fail "$1: not live again: $(hone status v0)"
	took_ms=$(($(date +%s%N) / 1000000 - from))
	[ "$took_ms" -le "$slowest_ms" ] || slowest_ms=$took_ms
}

# ---- xdp-filter ----

title "xdp-filter, unmodified, in front of v0"
honed_start
show xdp-filter load v0 -m native
hone_do attach v0 --level 0
stream_start
header
levels xdp-filter 0

title "rules: the very next packet obeys"
for n in 1 2 3 4 5 6 7 8 9 10; do
	in_ns xdp-filter ip -m src "10.0.0.$n" || fail "xdp-filter ip"
	expect dropped "10.0.0.$n"
	expect passed "10.0.1.$n"
	[ "$n" -gt 3 ] || respecialized "rule $n"
	expect dropped "10.0.0.$n"
	expect passed "10.0.1.$n"
done
for n in 1 2 3 4 5; do
	in_ns xdp-filter ip -m src -r "10.0.0.$n" || fail "xdp-filter ip -r"
	expect passed "10.0.0.$n"
	in_ns xdp-filter ip -m src "10.0.0.$n" || fail "xdp-filter ip"
	expect dropped "10.0.0.$n"
done
respecialized "last rule"
echo "$judged packets right behind a change or a new image, $stale decided wrongly;" \
	"specialized again within $slowest_ms ms"
title "ten rules; one packet of ten comes from one of them"
header
levels xdp-filter 10 --rules 10 --hits 10

title "its own tools keep working"
show xdp-filter status | grep -E '^\$|^xdpfilt|v0|10\.0\.0\.(1|10) '
hone_do explain v0
swaps=$((swaps + $(unit .generation)))
stream_stop
show xdp-filter unload v0
wait_until 10 no_units || fail "the unit stays: $(hone status)"
[ -z "$(attached_id)" ] || fail "a program is still attached"

# ---- the router ----

# Ten routes that cover every address, over two neighbours behind w0.
router_config() {
	jq -n '{ports: [{interface: "v0", mac: env.PROBE_MAC, addresses: ["192.0.2.1/24"]},
	                {interface: "w0", addresses: ["198.51.100.1/24"]}],
	        routes: [range(8) | {to: "\(. * 32).0.0.0/3", via: "198.51.100.\(2 + . % 2)", port: "w0"}],
	        neighbours: [{address: "198.51.100.2", mac: "02:00:00:00:01:02", port: "w0"},
	                     {address: "198.51.100.3", mac: "02:00:00:00:01:03", port: "w0"}]}'
}
neighbour() { # update|delete
	local value=() key=(key 198 51 100 2)
	[ "$1" = delete ] || value=(value 2 0 0 0 1 2 1 0)
	in_ns bpftool map "$1" pinned /sys/fs/bpf/router/v0/neigh "${key[@]}" "${value[@]}" || fail "bpftool"
}

title "a router, loaded by its own loader"
export PROBE_MAC=02:00:00:00:00:01
in_ns ip link add w0 type veth peer name w1 && in_ns ip link set w0 up &&
	in_ns ip link set w1 up && in_ns ethtool -K w1 gro on || fail "second veth pair"
router_config >"$TMP/router.json"
show router load v0 "$TMP/router.json"
hone_do attach v0 --level 0
header
levels router 10 --restore
for _ in 1 2 3; do
	expect passed 10.9.0.1 w1
	neighbour delete
	expect dropped 10.9.0.1 w1
	neighbour update
	expect passed 10.9.0.1 w1
done
in_ns router show v0 |
	jq -r 'to_entries[] | select(.value.packets > 0) | "   \(.key) \(.value.packets)"' || fail "router show"
swaps=$((swaps + $(unit .generation)))
hone_do detach v0
show router unload v0

# ---- the end ----

title "what is left"
honed_stop
[ -z "$(attached_id)" ] || fail "a program is still attached"
left=$(find /sys/fs/bpf -mindepth 1 -type f | grep -v '\.debug$' || true)
[ -z "$left" ] || fail "pins are left: $left"
echo "nothing: no program on v0, no pin; $judged packets judged, $stale stale;" \
	"$sent streamed through $swaps swaps, $lost lost; $((SECONDS - started)) s"
if [ -n "$json_file" ]; then
	printf '%s\n' "${rows[@]}" | jq -s --argjson stale "$stale" --argjson lost "$lost" \
		--argjson swaps "$swaps" '{rows: ., stale: $stale, lost: $lost, swaps: $swaps}' \
		>"$json_file" || fail "$json_file"
fi
[ "$stale" = 0 ] || fail "$stale packets were decided by rules that were not there"
[ "$lost" = 0 ] || fail "$lost packets were lost or duplicated"
