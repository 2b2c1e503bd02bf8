#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tc: static_nat from `tc filter add` and on tcx, a unit's whole life: captured, live, bindings that
# another process changes, swaps under load, the daemon killed, switches without it, given back.
# HONE_LONG=1: 10,000 rounds instead of 200.
NAME=tc
source "$(dirname "$0")/lib.sh"
command -v tc >/dev/null || skip "needs tc"

OBJECT=$BUILD/bpf-nfs/static_nat.bpf.o
rounds=200 block=100
[ -z "${HONE_LONG:-}" ] || rounds=10000 block=500
FLAGS="7 0 0 0" # destinations, strict, mark

unit() { hone status "$TARGET" -j | field "${@:1:$#-1}" ".units[0] | ${*: -1}"; }
is_live() { hone status "$TARGET" -j 2>/dev/null | field '.units[0] | .state == "live" and .guard.valid' >/dev/null; }
judge() { in_ns "$BUILD/tests/e2e/nat_judge" --hosts "$MAPS/nat_hosts" "$@"; }
shown() { in_ns tc filter show dev v0 ingress; }
configure() { bpftool map update pinned "$MAPS/nat_cfg" key 0 0 0 0 value $FLAGS || fail "configure"; }

in_ns ip addr add 10.9.9.9/32 dev v0
in_ns sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.v0.rp_filter=0
jq '.count_packets = true' "$(dirname "$0")/../../profiles/default.json" >"$TMP/policy.json" ||
	fail "no default policy"
HONED_ARGS=(--policy "$TMP/policy.json")
honed_start

# ---- from the filter to an image ----
in_ns tc qdisc add dev v0 clsact || skip "cannot make a clsact qdisc"
in_ns tc filter add dev v0 ingress protocol ip prio 7 handle 3 bpf da obj "$OBJECT" sec tc ||
	fail "tc filter add"
MAPS=/sys/fs/bpf/tc/globals
configure
shown >"$TMP/before"
judge iterate 20 20 || fail "the program itself"
hone attach v0 2>"$TMP/err" && fail "an interface's name meant its filter"
grep -q "tc:v0:ingress:7:3" "$TMP/err" || fail "the filter is not named: $(cat "$TMP/err")"
hone attach tc:v0:ingress:7:4 2>/dev/null && fail "a filter that is not there was taken on"
TARGET=tc:v0:ingress
hone attach $TARGET --level 2 >/dev/null 2>"$TMP/err" || fail "attach: $(cat "$TMP/err")"
wait_until 30 is_live || fail "not live: $(hone status)"
[ "$(unit -r .target) $(unit -r .attach)" = "tc:v0:ingress:7:3 tc" ] || fail "$(hone status)"
shown | grep -q "pref 7 bpf chain 0 handle 0x3 static_nat.bpf.o:\[tc\] direct-action" ||
	fail "the filter has changed: $(shown)"
original=$(unit .original.id)
shown | grep -q "id $original " && fail "the root is not attached"
say "live: $(hone status $TARGET | grep gain | xargs)"

# ---- the next packet obeys ----
counts() { ls -d "$BPFFS"/units/*/counts; }
judge --counts "$(counts)" iterate "$rounds" "$block" >"$TMP/judge" || fail "stale: $(cat "$TMP/judge")"
field '.changed_under_image > 0' <"$TMP/judge" >/dev/null || fail "no change met an image"
say "bindings: $(cat "$TMP/judge")"

# ---- no packet notices a swap ----
judge stream 600 >"$TMP/stream" &
stream=$!
CHILDREN+=("$stream")
for n in 1 2; do
	hone pause $TARGET >/dev/null && hone resume $TARGET >/dev/null 2>&1 || fail "resume"
	wait_until 30 is_live || fail "not live after resume"
	hone level $TARGET 1 >/dev/null 2>&1 && hone level $TARGET 2 >/dev/null 2>&1 || fail "level"
	hone detach $TARGET >/dev/null && hone attach $TARGET >/dev/null 2>&1 || fail "attach $n"
	wait_until 30 is_live || fail "not live again"
done

# ---- killed, adopted; without a daemon ----
image=$(unit .specialized.id)
honed_kill
honed_start
wait_until 30 is_live || fail "not adopted: $(hone status)"
[ "$(unit .specialized.id) $(unit .compiles)" = "$image 0" ] || fail "adopted otherwise"
honed_kill
hone level $TARGET 0 >/dev/null || fail "offline level 0"
shown | grep -q "id $original " || fail "offline level 0 left the root"
honed_start
[ "$(unit .level) $(unit -r .state)" = "0 observing" ] || fail "level 0 was undone"
hone level $TARGET 2 >/dev/null 2>&1
wait_until 30 is_live || fail "not live after level 2"
kill "$(pgrep -P "$stream" -x nat_judge || echo "$stream")"
wait "$stream" || fail "packets were lost: $(cat "$TMP/stream")"
say "swaps under load: $(cat "$TMP/stream")"
honed_kill
hone detach "id:$original" >/dev/null || fail "offline detach"
shown | diff "$TMP/before" - >&2 || fail "the filter is not as it was"
[ -z "$(ls -A "$BPFFS/units" 2>/dev/null)" ] || fail "detach left pins"
honed_start

# ---- the owner takes it away: the unit ends ----
hone attach $TARGET >/dev/null 2>&1
wait_until 30 is_live || fail "not live"
in_ns tc filter del dev v0 ingress prio 7 handle 3 bpf || fail "tc filter del"
gone() { ! hone status $TARGET >/dev/null 2>&1; }
wait_until 30 gone || fail "the unit outlived its filter"
[ -z "$(ls -A "$BPFFS/units" 2>/dev/null)" ] || fail "pins outlived the filter"
in_ns tc qdisc del dev v0 clsact

# ---- tcx ----
MAPS=/sys/fs/bpf # where libbpf pins maps by name
bpftool prog load "$OBJECT" /sys/fs/bpf/nat type classifier || fail "bpftool prog load"
configure
tcx() { in_ns "$BUILD/tests/e2e/tcx" "$@"; }
tcx attach v0 /sys/fs/bpf/nat 2>"$TMP/err" || skip "the kernel has no tcx: $(cat "$TMP/err")"
TARGET=tcx:v0:ingress
hone attach $TARGET --level 2 >/dev/null 2>"$TMP/err" || fail "attach: $(cat "$TMP/err")"
wait_until 30 is_live || fail "not live: $(hone status)"
[ "$(unit -r .attach)" = tcx ] || fail "$(hone status)"
original=$(unit .original.id)
judge --counts "$(counts)" iterate "$rounds" "$block" >"$TMP/judge" || fail "stale: $(cat "$TMP/judge")"
say "tcx: $(cat "$TMP/judge")"
judge stream 600 >"$TMP/stream" &
stream=$!
CHILDREN+=("$stream")
for n in 1 2; do
	hone detach $TARGET >/dev/null && hone attach $TARGET >/dev/null 2>&1 || fail "attach $n"
	wait_until 30 is_live || fail "not live again"
done
kill "$(pgrep -P "$stream" -x nat_judge || echo "$stream")"
wait "$stream" || fail "packets were lost: $(cat "$TMP/stream")"
image=$(unit .specialized.id)
honed_kill
honed_start
wait_until 30 is_live || fail "not adopted: $(hone status)"
[ "$(unit .specialized.id) $(unit .compiles)" = "$image 0" ] || fail "adopted otherwise"
honed_kill
hone detach $TARGET >/dev/null || fail "offline detach"
honed_start
[ "$(bpftool prog show pinned /sys/fs/bpf/nat -j | jq .id)" = "$original" ] || fail "the pin is not as it was"
tcx detach v0 /sys/fs/bpf/nat || fail "the original is not back"
say "tcx: swaps under load: $(cat "$TMP/stream")"
honed_stop

# ---- taken on by the policy, beside another filter: a short name means neither ----
jq '.programs = [{"name": "static_nat", "interface": "v*", "level": 2}]' "$TMP/policy.json" \
	>"$TMP/programs.json" || fail "no policy"
HONED_ARGS=(--policy "$TMP/programs.json")
honed_start
in_ns tc qdisc add dev v0 clsact || fail "clsact"
for prio in 7 8; do
	in_ns tc filter add dev v0 ingress prio $prio handle 3 bpf da obj "$OBJECT" sec tc ||
		fail "tc filter add"
done
for TARGET in tc:v0:ingress:7:3 tc:v0:ingress:8:3; do
	wait_until 30 is_live || fail "not taken on by the policy: $(hone status)"
done
hone detach tc:v0:ingress 2>/dev/null && fail "a name of two units meant one"
honed_kill
hone detach tc:v0:ingress 2>"$TMP/err" && fail "a name of two units meant one, offline"
grep -q "more than one" "$TMP/err" || fail "$(cat "$TMP/err")"
hone detach tc:v0:ingress:7:3 >/dev/null && hone level tc:v0:ingress:8:3 0 >/dev/null || fail "offline"
honed_start
hone status -j | field '[.units[].target] == ["tc:v0:ingress:8:3"]' >/dev/null || fail "$(hone status)"
in_ns ip link del v0
wait_until 30 gone || fail "the unit outlived its interface"
honed_stop
[ -z "$(find "$BPFFS" -type f 2>/dev/null)" ] || fail "pins are left"
say "ok"
