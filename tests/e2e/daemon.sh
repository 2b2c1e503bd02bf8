#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# daemon: a unit's whole life, on Debian's xdp-filter: levels, rules that come and go, the
# operator's switches with and without a daemon, restarts, what the policy takes on by itself.
NAME=daemon
source "$(dirname "$0")/lib.sh"

unit() { # [JQ-OPTION…] PATH of the unit
	hone status v0 -j | field "${@:1:$#-1}" ".units[0] | ${*: -1}"
}
# Live with a valid guard. Other processes of the machine may break any guard for a moment.
is_live() { hone status v0 -j 2>/dev/null | field '.units[0] | .state == "live" and .guard.valid' >/dev/null; }
attached_id() { in_ns bpftool net list dev v0 -j | jq -r '.[].xdp[]?.id'; }
original_id() { unit .original.id; }
runs_original() { [ "$(attached_id)" = "$1" ]; }
# xdp-filter locks all of its runs on the machine against each other.
owner() { wait_until 30 in_ns xdp-filter "$@" >/dev/null 2>"$TMP/owner" || fail "xdp-filter $*: $(cat "$TMP/owner")"; }
filter_ip() { owner ip "$@"; }
pinned() { find "$BPFFS" -type f 2>/dev/null | wc -l; }


# ---- levels ----
honed_start
owner load v0 -m native -p deny
hone attach v0 --level 0 2>"$TMP/err" || fail "attach at level 0: $(cat "$TMP/err")"
original=$(original_id)
runs_original "$original" || fail "level 0 changed what is attached"
[ "$(unit .state)" = observing ] || fail "level 0: $(unit .state)"
hone explain v0 -j | field '[.sites[] | select(.would != "")] | length > 0' >/dev/null ||
	fail "level 0 tells no gain: $(hone explain v0)"
say "level 0: observing, $(hone explain v0 -j | jq '.sites | length') sites"

for level in 1 2 3; do
	hone level v0 $level 2>"$TMP/err" || fail "level $level: $(cat "$TMP/err")"
	wait_until 30 is_live || fail "level $level: $(hone status v0)"
	runs_original "$original" && fail "level $level: the root is not attached"
	say "level $level: live, $(hone explain v0 -j |
		jq '[.sites[] | select(.action != "")] | length') sites folded, $(unit -c .gain 2>/dev/null | head -c 120)"
done
hone status v0 | grep -q "level 3 behaves as level 2" || fail "level 3 does not say what it is"
hone level v0 2 || fail "level 2"
[ "$(unit .original.id)" = "$original" ] || fail "the original changed"

# ---- rules ----
generation=$(unit .generation)
filter_ip 10.1.2.3
wait_until 30 is_live || fail "not live after a rule: $(hone status v0)"
[ "$(unit .generation)" -gt "$generation" ] || fail "no new image after a rule"
generation=$(unit .generation) republished=$(unit .republished)
bpftool map update pinned /sys/fs/bpf/xdp-filter/filter_ipv4 key 10 1 2 3 value 1 0 0 0 0 0 0 0 ||
	fail "bpftool map update"
back() { is_live && [ "$(unit .republished)" -gt "$republished" ]; }
wait_until 30 back || fail "a write that changes nothing was not just published again: $(hone status v0 -j)"
[ "$(unit .generation)" = "$generation" ] || fail "a write that changes nothing was compiled"
filter_ip -r 10.1.2.3
wait_until 30 is_live || fail "not live after the rule went"
in_ns xdp-filter status | grep -q v0 || fail "xdp-filter status does not know v0"
say "rules: generation $(unit .generation), $(unit .compiles) compiles, $(unit .republished) published again"

# ---- a map that never rests is left alone, the others are folded ----
clock() {
	while :; do
		bpftool map update pinned /sys/fs/bpf/xdp-filter/filter_ipv4 key 10 1 2 $((RANDOM % 250)) \
			value 1 0 0 0 0 0 0 0
		sleep 0.05
	done
}
clock &
CHILDREN+=($!)
without_clock() { is_live && [ "$(unit -r '.left_alone | join(" ")')" = filter_ipv4 ]; }
wait_until 60 without_clock || fail "not live beside a map that never rests: $(hone status v0 -j)"
kill "${CHILDREN[-1]}" && wait "${CHILDREN[-1]}" 2>/dev/null
say "left alone: $(unit -c .left_alone), $(hone explain v0 -j |
	jq '[.sites[] | select(.action != "")] | length') sites folded"
with_all() { is_live && [ "$(unit '.left_alone | length')" = 0 ]; }
wait_until 60 with_all || fail "a map that rests again is still left alone: $(hone status v0 -j)"

# ---- switches ----
hone pause v0 || fail "pause"
[ "$(unit .state)" = paused ] && runs_original "$original" || fail "pause: $(hone status v0)"
hone resume v0 >/dev/null || fail "resume"
wait_until 30 is_live || fail "not live after resume"
started=$(date +%s%N)
hone level v0 0 >/dev/null || fail "level 0"
runs_original "$original" || fail "level 0 left the root"
[ $((($(date +%s%N) - started) / 1000000)) -lt 1000 ] || fail "level 0 took a second"
hone level v0 2 >/dev/null 2>&1 || fail "level 2"

# ---- killed: what is pinned goes on, the next daemon adopts it ----
image=$(unit .specialized.id)
honed_kill
[ "$(attached_id)" != "$original" ] || fail "the root went with the daemon"
honed_start
wait_until 30 is_live || fail "not adopted: $(hone status v0)"
[ "$(unit .specialized.id)" = "$image" ] || fail "adopted another image"
[ "$(unit .compiles)" = 0 ] || fail "adoption compiled"
say "killed: image $image adopted without a compile"
honed_kill
filter_ip 10.9.9.9
honed_start
wait_until 30 is_live || fail "not live after a change while dead: $(hone status v0)"
[ "$(unit .specialized.id)" != "$image" ] || fail "a stale image was adopted"
filter_ip -r 10.9.9.9
wait_until 30 is_live || fail "not live"

# ---- a deployment that is not whole, as a kill while it is made leaves it, is made anew ----
honed_kill
rm "$BPFFS"/units/*/counts || fail "no pin of the counters"
honed_start
wait_until 30 is_live || fail "not live after a pin was lost: $(hone status v0)"
say "not whole: made anew"

# ---- switches without a daemon, respected by the next ----
honed_kill
hone level v0 0 || fail "offline level 0"
runs_original "$original" || fail "offline level 0 left the root"
honed_start
[ "$(unit .level)" = 0 ] && [ "$(unit .state)" = observing ] || fail "level 0 was undone"
hone level v0 2 >/dev/null 2>&1 || fail "level 2"
honed_kill
owners_pin=$(echo /sys/fs/bpf/xdp-filter/programs/v0/*) # names the root now
hone pause "$owners_pin" || fail "offline pause by the owner's pin"
runs_original "$original" || fail "offline pause left the root"
honed_start
[ "$(unit .state)" = paused ] || fail "the pause was undone: $(unit .state)"
hone resume v0 && wait_until 30 is_live || fail "resume"
honed_kill
hone detach "id:$(attached_id)" || fail "offline detach by what is attached"
runs_original "$original" || fail "offline detach left the root"
[ "$(pinned)" = 0 ] || fail "offline detach left pins: $(find "$BPFFS")"
hone detach v0 2>/dev/null
[ $? = 4 ] || fail "a second offline detach"
honed_start
hone status v0 2>/dev/null
[ $? = 3 ] || fail "the detach was undone"
say "offline: level 0, pause and detach"

# ---- the daemon ends: originals, no pins; its choices come back with the next ----
hone attach v0 --level 2 >/dev/null 2>"$TMP/err" || fail "attach again: $(cat "$TMP/err")"
wait_until 30 is_live || fail "not live"
honed_stop
runs_original "$original" || fail "SIGTERM left the root"
[ "$(pinned)" = 0 ] || fail "SIGTERM left pins: $(find "$BPFFS")"
honed_start
wait_until 30 is_live || fail "not taken on again: $(hone status v0)"
hone detach v0 || fail "detach"
runs_original "$original" || fail "detach left the root"
[ -z "$(ls -A "$BPFFS/units" 2>/dev/null)" ] || fail "detach left pins"
owner unload v0

# ---- policy: taken on by itself, not after an operator's detach; SIGHUP ----
echo '{"programs": [{"name": "xdpfilt_*", "interface": "v*", "level": 1}]}' >"$TMP/policy.json"
honed_stop
HONED_ARGS=(--policy "$TMP/policy.json")
honed_start
owner load v0 -m native
wait_until 30 is_live || fail "the policy's program was not taken on: $(hone status)"
[ "$(unit .level)" = 1 ] || fail "not at the policy's level"
hone detach v0 || fail "detach"
honed_kill
honed_start
sleep 0.5
hone status v0 >/dev/null 2>&1 && fail "the policy undid an operator's detach"
owner unload v0
object=$(find /usr/lib -name xdpfilt_alw_all.o) # attached long after it was loaded
in_ns bpftool prog load "$object" /sys/fs/bpf/late type xdp || fail "bpftool prog load"
sleep 10.5
in_ns bpftool net attach xdpdrv pinned /sys/fs/bpf/late dev v0 || fail "bpftool net attach"
wait_until 30 is_live || fail "a late attachment was not taken on: $(hone status)"
hone detach v0 || fail "detach"
in_ns bpftool net detach xdpdrv dev v0 && rm /sys/fs/bpf/late
echo '{"quiet_ms": "soon"}' >"$TMP/policy.json"
kill -HUP "$HONED_PID"
wait_until 30 grep -q "quiet_ms: must be a whole number" "$TMP/honed.log" ||
	fail "the bad policy was not refused"
grep -q "old one stays" "$TMP/honed.log" || fail "the old policy did not stay"
honed_stop
[ "$(pinned)" = 0 ] || fail "pins are left: $(find "$BPFFS")"
say "ok"
