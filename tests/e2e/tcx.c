// SPDX-License-Identifier: Apache-2.0
/* tcx: attach a pinned program to an interface's tcx ingress hook, or take it away, as an owner
 * would:   tcx attach|detach IFACE PIN */
#include <bpf/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "runtime/common/tcx.h"
#include "tests/tools/tcx_attach.h"

int main(int argc, char **argv)
{
	int fd = argc == 4 ? bpf_obj_get(argv[3]) : -1, err;
	unsigned int ifindex;

	if (fd < 0) {
		fprintf(stderr, "usage: tcx attach|detach IFACE PIN\n");
		return 2;
	}
	ifindex = if_nametoindex(argv[2]);
	err = strcmp(argv[1], "attach") ? tcx_detach(ifindex, HONE_TCX_INGRESS, fd)
					: tcx_attach(ifindex, HONE_TCX_INGRESS, fd);
	if (err)
		fprintf(stderr, "tcx: %s\n", strerror(-err));
	return err ? 1 : 0;
}
