#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# filter_table: filter_path for every program of xdp-filter, as a table. No figure passes or fails.
#   BUILD=build tests/bench/filter_table.sh [OPTIONS OF filter_path]
# Programs without a map of IPv4 addresses are measured without rules only.
set -euo pipefail
filter_path=${BUILD:?the build directory}/tests/bench/filter_path
objects=(/usr/lib/*/bpf/xdpfilt_*.o)
[ -e "${objects[0]}" ] || { echo "xdp-filter's objects are missing: package xdp-tools"; exit 77; }

# of the machine, so that the figures can be told from others
printf 'Linux %s, %s, %s CPUs\n\n' "$(uname -r)" \
	"$(sed -n 's/^model name\t*: //p;T;q' /proc/cpuinfo)" "$(nproc)"
printf '| program | rules | hits | flows | level | sites | instructions | generic ns | '
printf 'specialized ns | wrapper ns | ratio | by minima | net | A/A |\n'
printf '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n'

row='"| \(.nf) | \(.rules) | \(.hits) % | \(.flows) | \(.level) | \(.rewritten)/\(.sites) | " +
	"\(.insns) → \(.image_insns) | " + ([.generic_ns, .specialized_ns, .baseline_ns |
	. * 10 | round / 10 | tostring] | join(" | ")) + " | " +
	([.ratio, .ratio_min, .net_ratio, .aa_ratio | . * 100 | round / 100 | tostring] |
	join(" | ")) + " |"'

for object in "${objects[@]}"; do
	name=$(basename "$object" .o)
	traffics=('--hits 0')
	case $name in *_all | *_ip) traffics+=('--rules 10 --hits 10' '--rules 1000 --hits 100') ;; esac
	for traffic in "${traffics[@]}"; do
		for flows in 1000 10000; do
			for level in 1 2; do
				# shellcheck disable=SC2086 # options, apart
				"$filter_path" --variant "${name#xdpfilt_}" --level "$level" \
					--flows "$flows" $traffic -j "$@" | jq -r "$row"
			done
		done
	done
done
