// SPDX-License-Identifier: Apache-2.0
/* honed: options, open, run, close. */
#include "runtime/common/log.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/protocol.h"

int main(int argc, char **argv)
{
	struct hone_config config;
	struct hone_daemon daemon;
	int code = hone_config_parse(argc, argv, &config);
	int err;

	if (code >= 0)
		return code;
	hone_log_libbpf();
	err = hone_daemon_open(&config, &daemon);
	if (!err)
		err = hone_loop_run(daemon.loop);
	hone_daemon_close(&daemon);
	return err ? HONE_EXIT_FAILED : HONE_EXIT_OK;
}
