#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo_figures: the demo as `./bootstrap demo --json` runs it, in short, and the shape of what it
# writes. The demo itself fails on a stale or lost packet; no figure decides anything here.
set -euo pipefail
figures=$(mktemp)
trap 'rm -f "$figures"' EXIT

status=0
"$(dirname "$0")/demo.sh" --build "${BUILD:?the build directory}" --pairs 3 --flows 1000 \
	--json "$figures" || status=$?
[ "$status" = 0 ] || exit "$status" # 77: skipped, with the reason

jq -e '
	(keys == ["lost", "rows", "stale", "swaps"]) and .stale == 0 and .lost == 0 and
	.swaps >= 2 and
	([.rows[] | "\(.program) \(.rules) \(.flows) \(.level)"] | sort ==
		([("xdp-filter 0", "xdp-filter 10", "router 10") + " 1000 \(range(3))"] | sort)) and
	all(.rows[]; (keys == ["flows", "generic_ns", "level", "pairs", "program", "ratio", "rules",
			       "specialized_ns"]) and
		.pairs == 3 and .generic_ns > 0 and .specialized_ns > 0 and .ratio > 0)
' "$figures" >/dev/null || {
	echo "demo_figures: FAILED: not the figures that docs/cli.md promises:" >&2
	jq . "$figures" >&2
	exit 1
}
