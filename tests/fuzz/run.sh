#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run [-b BUILD] [SECONDS] [NAME…]: every fuzzer, or these, for so many seconds each (default 600),
# from the corpus that is kept. What is found is left in a directory that is named. Exit status:
# 0 nothing found, 1 something, 77 there are no fuzzers (libFuzzer is missing).
#
# --merge instead of SECONDS: what a run of ten minutes finds is added to the corpus, as far as it
# covers something new and is small.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../../build/release
[ "${1:-}" = -b ] && build=$2 && shift 2
seconds=${1:-600}
shift
merge=
[ "$seconds" = --merge ] && merge=1 seconds=600

names=("$@")
if [ ${#names[@]} = 0 ]; then
	for program in "$build"/tests/fuzz/fuzz_*; do
		[ -x "$program" ] && [ -f "$program" ] && names+=("${program##*/fuzz_}")
	done
fi
if [ ${#names[@]} = 0 ]; then
	echo "run: no fuzzers in $build: package libclang-rt-19-dev, or not built yet"
	exit 77
fi

found=0
for name in "${names[@]}"; do
	work=$(mktemp -d "/tmp/hone-fuzz-$name.XXXXXX")
	mkdir -p "$work/corpus" "$here/corpus/$name"
	if "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=20 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$work/" \
		"$work/corpus" "$here/corpus/$name" >"$work/log" 2>&1; then
		echo "$name: nothing found, $(sed -n 's/^stat::number_of_executed_units: *//p' \
			"$work/log") runs, $(find "$work/corpus" -type f | wc -l) new inputs"
		[ -z "$merge" ] || "$build/tests/fuzz/fuzz_$name" -merge=1 -max_len=512 \
			"$here/corpus/$name" "$work/corpus" >"$work/log" 2>&1
		rm -rf "$work"
	else
		echo "$name: FOUND something: $work"
		tail -n 20 "$work/log"
		found=1
	fi
done
exit $found
