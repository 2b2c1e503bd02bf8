#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# refusals: what an operator reads when hone does not take a program on, or does nothing with it.
# Compiler and passes have theirs in golden and unit tests; these need a daemon.
NAME=refusals
source "$(dirname "$0")/lib.sh"

OBJECTS=$BUILD/tests/e2e/objects
load() { in_ns ip link set dev v0 xdpdrv obj "$OBJECTS/$1.bpf.o" sec xdp || fail "cannot load $1"; }

# says ID COMMAND…: fails, or not, but names the reason.
says() {
	local id=$1 said
	shift
	said=$("$@" 2>&1)
	grep -q "$id" <<<"$said" || fail "$* does not say $id: $said"
	say "$id: $(grep -m1 "$id" <<<"$said")"
}

load pass
honed_start
says NO_CAPTURE hone -j attach v0

in_ns ip link set dev v0 xdpdrv off
load pass
says NO_SITE_FOLDED hone -j attach v0 --level 2
says NO_SITE_FOLDED hone status v0

mount --bind "$STATE" "$STATE" && mount -o remount,bind,ro "$STATE" || fail "cannot make the state read-only"
hone level v0 1 >/dev/null 2>&1
[ "$(hone status v0 -j | field '.units[0].level')" = 1 ] || fail "no level without a state directory"
grep -q "operator.json: cannot replace" "$TMP/honed.log" || fail "a read-only state is not told"
honed_kill
umount "$STATE"
honed_start
[ "$(hone status v0 -j | field '.units[0].level')" = 1 ] || fail "the level that could not be written is lost"
say "a state that cannot be written"
hone detach v0 || fail "detach"
honed_stop

# An image that the verifier walks too long, by number or beside the original; both are told.
in_ns ip link set dev v0 xdpdrv off
HONED_ARGS=(--policy "$TMP/policy.json")
for budget in '"max_verified": 100' '"max_verified_ratio": 0'; do
	echo "{$budget}" >"$TMP/policy.json"
	honed_start
	in_ns xdp-filter load v0 -m native -f ipv4 || fail "cannot load xdp-filter"
	says NO_BUDGET_VERIFIED hone -j attach v0 --level 2
	[ "$(hone status v0 -j | field '.units[0].original.verified')" -gt 1000 ] ||
		fail "no count of the original"
	hone detach v0 || fail "detach"
	in_ns xdp-filter unload v0 || fail "cannot unload xdp-filter"
	honed_stop
done
