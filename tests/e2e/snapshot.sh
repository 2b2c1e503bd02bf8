#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# snapshot: the file holds what the maps hold, in the form that docs/facts.schema.json tells, and
# is written whole or not at all; a unit that was observed only is left as it was.
NAME=snapshot
source "$(dirname "$0")/lib.sh"

FACTS=$TMP/facts.json
map() { jq -ec --arg name "$1" '.unit.maps[] | select(.name == $name) | '"$2" "$FACTS"; }

honed_start
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
in_ns xdp-filter port 7777 -m dst -p udp || fail "xdp-filter port"
in_ns xdp-filter ip 10.9.8.7 -m src || fail "xdp-filter ip"

hone snapshot v0 -o "$FACTS" >"$TMP/out" 2>&1
[ $? = 3 ] && grep -q "not attached" "$TMP/out" || fail "a program that is not attached: $(cat "$TMP/out")"
[ ! -e "$FACTS" ] || fail "a failed snapshot left a file"

# ---- observed: nothing is specialized, and nothing is watched afterwards ----
hone attach v0 --level 0 >/dev/null || fail "attach"
hone snapshot v0 -o "$FACTS" || fail "snapshot at level 0"
[ "$(jq -r .format "$FACTS") $(jq -r .version "$FACTS")" = "hone-facts 1" ] || fail "not a facts file"
[ "$(jq -r .kernel.release "$FACTS")" = "$(uname -r)" ] || fail "kernel: $(jq -c .kernel "$FACTS")"
jq -e '.kernel.features | index("BTF")' "$FACTS" >/dev/null || fail "features: $(jq -c .kernel "$FACTS")"
[ "$(map filter_ipv4 .entries[0][0])" = '"0a090807"' ] || fail "filter_ipv4: $(map filter_ipv4 .entries)"
# The ports are an array of 65536 values per CPU; 7777 (0x1e61, in the order of the wire) alone has a value.
[ "$(map filter_ports '[.entries[][0]]')" = '["1e610000"]' ] || fail "filter_ports: $(map filter_ports .entries)"
[ "$(map filter_ports .complete)" = true ] || fail "filter_ports is not complete"
[ "$(map filter_ports '.entries[0] | length')" = "$(($(nproc --all) + 1))" ] || fail "not a value per CPU"
[ "$(map xdp_stats_map '.key_size')" = 4 ] || fail "xdp_stats_map: $(map xdp_stats_map .)"
[ "$(hone status v0 -j | field '.units[0].level')" = 0 ] || fail "the level has changed"

# The same state gives the same facts; another rule does not.
hone snapshot v0 -o "$FACTS.2" >/dev/null || fail "second snapshot"
maps() { jq -c '[.unit.maps[] | select(.name | startswith("filter_")) | {name, entries: [.entries[][0]]}]' "$1"; }
[ "$(maps "$FACTS")" = "$(maps "$FACTS.2")" ] || fail "two snapshots of one state differ"
in_ns xdp-filter ip 10.9.8.6 -m src || fail "xdp-filter ip"
hone -j snapshot v0 -o "$FACTS.2" | jq -e '.program == "xdpfilt_alw_all"' >/dev/null || fail "-j"
[ "$(maps "$FACTS")" != "$(maps "$FACTS.2")" ] || fail "a new rule is not in the snapshot"

# ---- specialized: the image stays ----
hone level v0 2 >/dev/null || fail "level"
wait_until 20 state_is v0 live || fail "not live: $(hone status v0)"
generation=$(hone status v0 -j | field '.units[0].generation')
hone snapshot v0 -o "$FACTS" || fail "snapshot of a live unit"
state_is v0 live && [ "$(hone status v0 -j | field '.units[0].generation')" = "$generation" ] ||
	fail "the image did not stay: $(hone status v0)"
[ "$(map filter_ipv4 .watched)" = true ] || fail "filter_ipv4: $(map filter_ipv4 .)"

# ---- where it cannot be written ----
hone snapshot v0 -o /no-such-directory/facts >"$TMP/out" 2>&1
[ $? = 1 ] && grep -q "/no-such-directory/facts: cannot be written" "$TMP/out" || fail "$(cat "$TMP/out")"
hone snapshot v0 >"$TMP/out" 2>&1
[ $? = 2 ] && grep -q "output: is missing" "$TMP/out" || fail "without -o: $(cat "$TMP/out")"
[ "$(ls "$TMP" | grep -c 'facts.json\.......')" = 0 ] || fail "temporary files were left: $(ls "$TMP")"
say ok
