// SPDX-License-Identifier: Apache-2.0
/* test_router_loader: the router's loader loads all or nothing, says why not, and a frame that is
 * sent to the router comes out of the other port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "runtime/common/cleanup.h"
#include "tests/kernel/router_bench.h"

static const char *const good =
	"{\"ports\": [{\"interface\": \"r0\", \"mac\": \"02:00:00:00:00:10\","
	"              \"addresses\": [\"10.0.0.1/24\"]},"
	"             {\"interface\": \"r1\", \"mac\": \"02:00:00:00:00:11\","
	"              \"addresses\": [\"10.0.1.1/24\"]}],"
	" \"routes\": [{\"to\": \"20.0.0.0/8\", \"via\": \"10.0.1.2\", \"port\": \"r1\"}],"
	" \"neighbours\": [{\"address\": \"10.0.1.2\", \"mac\": \"02:00:00:00:00:a2\","
	"                   \"port\": \"r1\"}]}";

static struct router_bench bench;

static uint32_t attached_id(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex("r0"), 0, &id), 0);
	return id;
}

static void expect_nothing_left(void)
{
	assert_int_equal(access(bench.pins, F_OK), -1);
	assert_int_equal(attached_id(), 0);
}

#define PORTS "\"ports\": [{\"interface\": \"r0\", \"addresses\": [\"10.0.0.1/24\"]}]"

static const struct {
	const char *config, *says;
} bad[] = {
	{"{", "line 1"},
	{"[]", "$: is not an object"},
	{"{\"rules\": []}", "$: has an unknown member \"rules\""},
	{"{\"check_mac\": 1}", "$.check_mac: is neither true nor false"},
	{"{}", "$.ports: is not a list"},
	{"{" PORTS "}", "$.routes: is not a list"},
	{"{\"ports\": [], \"routes\": [], \"neighbours\": []}", "$.ports: has no port \"r0\""},
	{"{\"ports\": [{}], \"routes\": [], \"neighbours\": []}",
	 "$.ports[0]: needs \"interface\""},
	{"{\"ports\": [{\"interface\": \"nope\"}], \"routes\": [], \"neighbours\": []}",
	 "$.ports[0]: no interface \"nope\""},
	{"{\"ports\": [{\"interface\": \"r0\", \"addresses\": [\"10.0.0.1\"]}], \"routes\": [],"
	 " \"neighbours\": []}",
	 "$.ports[0].addresses[0]: is not an IPv4 address"},
	{"{\"ports\": [{\"interface\": \"r0\", \"mac\": \"02:00\", \"addresses\": []}],"
	 " \"routes\": [], \"neighbours\": []}",
	 "$.ports[0]: \"mac\" is not a MAC address"},
	{"{" PORTS ", \"routes\": [{\"to\": \"10.0.0.0/33\"}], \"neighbours\": []}",
	 "$.routes[0]: \"to\" is not a prefix"},
	{"{" PORTS ", \"routes\": [{\"to\": \"10.0.0.1/24\"}], \"neighbours\": []}",
	 "$.routes[0]: \"to\" has bits behind its length"},
	{"{" PORTS ", \"routes\": [{\"to\": \"20.0.0.0/8\", \"blackhole\": true},"
	 " {\"to\": \"20.0.0.0/9\", \"port\": \"r1\"}], \"neighbours\": []}",
	 "$.routes[1]: port \"r1\" is not among $.ports"},
	{"{" PORTS ", \"routes\": [{\"to\": \"20.0.0.0/8\", \"port\": \"r0\", \"via\": \"x\"}],"
	 " \"neighbours\": []}",
	 "$.routes[0]: \"via\" is not an IPv4 address"},
	{"{" PORTS
	 ", \"routes\": [], \"neighbours\": [{\"address\": \"10.0.0.2\", \"mac\": \"q\"}]}",
	 "$.neighbours[0]: \"mac\" is not a MAC address"},
};

static void refuses_bad_configurations(void **state)
{
	char said[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bench_router(&bench, "load", bad[i].config, said, sizeof(said)),
				 1);
		if (!strstr(said, bad[i].says))
			fail_msg("%s: said %s instead of %s", bad[i].config, said, bad[i].says);
		expect_nothing_left();
	}
}

static void loads_shows_and_unloads(void **state)
{
	char said[4096];

	(void)state;
	assert_int_equal(bench_router(&bench, "load", good, said, sizeof(said)), 0);
	assert_int_not_equal(attached_id(), 0);
	assert_int_equal(bench_router(&bench, "load", good, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "loaded there already"));
	assert_int_equal(bench_router(&bench, "show", NULL, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "\"FORWARDED\""));
	assert_int_equal(bench_router(&bench, "unload", NULL, said, sizeof(said)), 0);
	expect_nothing_left();
	assert_int_equal(bench_router(&bench, "unload", NULL, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "no router is loaded there"));
}

/* A program of two instructions: XDP_PASS. A veth end takes redirected frames only when its peer
 * has one. */
static int load_pass(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static void keeps_out_while_another_program_is_there(void **state)
{
	_cleanup_close_ int pass_fd = load_pass();
	int ifindex = (int)if_nametoindex("r0");
	char said[1024];

	(void)state;
	assert_int_equal(bpf_xdp_attach(ifindex, pass_fd, 0, NULL), 0);
	assert_int_equal(bench_router(&bench, "load", good, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "r0: cannot attach the program"));
	assert_int_equal(access(bench.pins, F_OK), -1);
	assert_int_equal(bpf_xdp_detach(ifindex, 0, NULL), 0);
	expect_nothing_left();
}

static int packet_socket(const char *ifname)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(0x0003), /* all */
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Waits for a frame with this payload; others (the kernel's own) are passed over. */
static bool arrives(int fd, const uint8_t *want, size_t size)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	uint8_t got[2048];

	while (poll(&pollfd, 1, 2000) == 1) {
		if (recv(fd, got, sizeof(got), 0) == (ssize_t)size && !memcmp(got, want, size))
			return true;
	}
	return false;
}

static void sends_frames_out_of_the_other_port(void **state)
{
	_cleanup_close_ int pass_fd = load_pass();
	_cleanup_close_ int in = packet_socket("s0"), out = packet_socket("s1");
	uint8_t sent[64] = {2,	0, 0, 0, 0, 0x10, 2,  0, 0, 0,	0, 0x99, 8,  0,	 0x45, 0, 0,
			    50, 0, 0, 0, 0, 64,	  17, 0, 0, 10, 0, 0,	 50, 20, 1,    2, 3};
	uint8_t want[64];
	char said[1024];

	(void)state;
	assert_int_equal(bench_router(&bench, "load", good, said, sizeof(said)), 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("s1"), pass_fd, 0, NULL), 0);

	memcpy(want, sent, sizeof(want));
	memcpy(want, "\x02\x00\x00\x00\x00\xa2\x02\x00\x00\x00\x00\x11", 12);
	want[22]--; /* TTL */
	want[24]++; /* the checksum's complement */
	assert_int_equal(send(in, sent, sizeof(sent), 0), (ssize_t)sizeof(sent));
	assert_true(arrives(out, want, sizeof(want)));
	assert_int_equal(bench_router(&bench, "unload", NULL, said, sizeof(said)), 0);
	expect_nothing_left();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_configurations),
		cmocka_unit_test(loads_shows_and_unloads),
		cmocka_unit_test(keeps_out_while_another_program_is_there),
		cmocka_unit_test(sends_frames_out_of_the_other_port),
	};

	bench_enter_namespace(&bench);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
