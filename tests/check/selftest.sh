#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# selftest: each check finds what it is there for, and nothing in a good tree.
#
# Builds small trees in a temporary directory: one that is fine, then the same with one fault each.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failures=0
apache='// SPDX-License-Identifier: Apache-2.0'
gpl='// SPDX-License-Identifier: GPL-2.0-only'

put() { # PATH LINE…
	mkdir -p "$tree/$(dirname "$1")"
	printf '%s\n' "${@:2}" >"$tree/$1"
}

good_tree() {
	tree=$(mktemp -d "$top/tree.XXXXXX")
	put compiler/facts.h '/* SPDX-License-Identifier: Apache-2.0 */' \
		'#include "compiler/reasons.def"'
	put compiler/reasons.def '/* SPDX-License-Identifier: Apache-2.0 */' \
		'REASON(NO_THING, "a", "b")'
	put compiler/lift.c "$apache" '#include <llvm-c/Core.h>' '' '#include "compiler/facts.h"'
	put passes/good.c "$apache" '#include "compiler/pass.h"' 'int reason = HONE_NO_THING;'
	put runtime/daemon/good.c "$apache" '#include "compiler/facts.h"' \
		'#include "runtime/common/log.h"' '#include "watch.skel.h"'
	put runtime/bpf/good.bpf.c "$gpl" '#include "runtime/bpf/abi.h"'
	put bpf-nfs/common/parse.h '/* SPDX-License-Identifier: GPL-2.0-only */'
	put bpf-nfs/nf/nf.bpf.c "$gpl" '#include "common/parse.h"'
	put tests/unit/test_good.c "$apache" 'int tested = HONE_NO_THING;'
	cp "$here/../../.clang-format" "$tree/"
}

# finds CHECK WHAT: run on the faulty tree, it fails and names WHAT.
finds() {
	local said status=0

	said=$("$here/$1.sh" "$tree") || status=$?
	[ "$status" -ne 77 ] || return 0
	if [ "$status" -ne 1 ] || [[ $said != *"$2"* ]]; then
		printf '%s: should find "%s", status %d, said:\n%s\n' "$1" "$2" "$status" "$said"
		failures=$((failures + 1))
	fi
}

# fault CHECK WHAT PATH LINE…: a good tree with this one file in it.
fault() {
	good_tree
	put "${@:3}"
	finds "$1" "$2"
}

lines_of() { # N: so many lines with a licence
	echo "$apache"
	yes 'int a;' | head -n $(($1 - 1)) || true
}

good_tree
for check in layers lines reasons format; do
	status=0
	said=$("$here/$check.sh" "$tree") || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 77 ] || {
		printf '%s: a good tree fails:\n%s\n' "$check" "$said"
		failures=$((failures + 1))
	}
done

bad='passes/bad.c: may not include "compiler/lift.h"'
fault layers "$bad" passes/bad.c "$apache" '#include "compiler/lift.h"'
fault layers 'may not include "runtime/common/log.h"' passes/bad.c "$apache" \
	'#include "runtime/common/log.h"'
fault layers 'may not include "runtime/common/log.h"' compiler/bad.c "$apache" \
	'#include "runtime/common/log.h"'
fault layers 'may not include "compiler/pass.h"' runtime/live/bad.c "$apache" \
	'  #  include "compiler/pass.h"'
fault layers 'may not include "passes/passes.def"' runtime/live/bad.c "$apache" \
	'#include "passes/passes.def"'
fault layers 'may not include <llvm-c/Core.h>' runtime/live/bad.c "$apache" \
	'#include <llvm-c/Core.h>'
fault layers 'may not include "log.h"' runtime/common/bad.c "$apache" '#include "log.h"'
fault layers 'as if it were foreign' runtime/common/bad.c "$apache" '#include <runtime/a.h>'
fault layers 'may not include "runtime/daemon/a.h"' runtime/bpf/bad.bpf.c "$gpl" \
	'#include "runtime/daemon/a.h"'
fault layers 'may not include "runtime/abi.h"' bpf-nfs/nf/bad.bpf.c "$gpl" \
	'#include "runtime/abi.h"'
fault layers 'may not include "compiler/facts.h"' bpf-nfs/nf/bad.c "$apache" \
	'#include "compiler/facts.h"'
fault layers 'facts.h: may not include <llvm-c/Core.h>' compiler/facts.h "$apache" \
	'#include <llvm-c/Core.h>'
fault layers 'facts.h: may not include "compiler/lift.h"' compiler/facts.h "$apache" \
	'#include "compiler/lift.h"'

fault lines 'bad.c: has no first line' compiler/bad.c 'int a;'
fault lines 'bad.bpf.c: has no first line' runtime/bpf/bad.bpf.c "$apache"
fault lines 'bad.c: has no first line' runtime/bad.c "$gpl"
fault lines 'bad.sh: has no first line' tests/bad.sh '#!/bin/bash'
fault lines 'longer than 150 lines' passes/bad.c "$(lines_of 151)"
fault lines 'longer than 500 lines' compiler/bad.c "$(lines_of 501)"
fault lines 'bad.c:2:TO''DO: has no place here' compiler/bad.c "$apache" '/* TO''DO: later */'
fault lines '/ho''me/: has no place here' compiler/bad.c "$apache" '/* see /ho''me/me */'

fault format 'bad.c: is not as clang-format-19 writes it' compiler/bad.c "$apache" 'int  a ;'

fault reasons 'NO_THING: is returned nowhere' passes/good.c "$apache"
fault reasons 'NO_THING: is named by no test' tests/unit/test_good.c "$apache"

# A daemon that needs LLVM, and a worker that may.
tree=$top/built
mkdir -p "$tree/runtime/daemon" "$tree/compiler"
echo 'int main(void) { return 0; }' >"$tree/main.c"
for program in runtime/daemon/honed compiler/honec; do
	gcc -o "$tree/$program" "$tree/main.c" -Wl,--no-as-needed \
		-L"$(llvm-config-19 --libdir)" -lLLVM-19
done
finds links 'runtime/daemon/honed: links libLLVM'
rm "$tree/runtime/daemon/honed"
"$here/links.sh" "$tree" >/dev/null || {
	echo "links: honec may link LLVM"
	failures=$((failures + 1))
}
tree=$top/empty
mkdir "$tree"
finds links 'holds no program'

[ "$failures" -eq 0 ] || exit 1
echo "selftest: every check finds its faults"
