#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# roundtrip_table BUILD [OPTION…]: roundtrip over the zoo, the objects of Debian's xdp-tools and
# libxdp, and our network functions. Not a test: no figure passes or fails.
set -euo pipefail
build=${1:?usage: roundtrip_table.sh BUILD [--pairs N] [--slower PERCENT] [--plain]}
shift
shopt -s nullglob
exec "$build/tests/bench/roundtrip" "$@" "$build"/tests/zoo/*.bpf.o \
	/usr/lib/"$(gcc -print-multiarch 2>/dev/null || uname -m)"*/bpf/*.o "$build"/bpf-nfs/*.bpf.o
