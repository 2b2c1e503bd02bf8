// SPDX-License-Identifier: Apache-2.0
/* judge: does each packet meet the rules that xdp-filter holds at that moment?
 *
 *   judge --dev IF --ns FILE iterate N BLOCK   another process adds a rule, a packet, deletes it,
 *                                              a packet; after each BLOCK rounds, waits for an
 *                                              image and judges as many packets again
 *   judge --dev IF --ns FILE storm SECONDS     packets without pause while somebody else writes;
 *                                              SIGTERM ends it earlier
 *
 * Packets are BPF_PROG_TEST_RUN of whatever is attached to the interface at that moment, so a
 * verdict belongs to exactly one packet. Who decided it (image or original) is read from the
 * unit's counters, named by --counts PIN. Exit 0: none stale; 1: stale, or (--share P) too few
 * packets decided by an image. Judges what is attached; starts neither daemon nor loader. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/bpf/abi.h"
#include "tests/e2e/writer.h"

enum { PACKET_BYTES = 64, MAPS_MAX = 64, TOGGLES = 32 };

struct judge {
	unsigned int ifindex;
	const char *counts_path;
	uint32_t prog_id; /* attached when last looked */
	int prog_fd;
	uint32_t match_verdict, other_verdict;
	struct filter_maps maps;
	uint64_t n_judged, n_stale, n_unjudged;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint32_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

/* The maps of the attached program by name; xdp-filter shares them among its interfaces. */
static int open_maps(int prog_fd, struct filter_maps *maps)
{
	uint32_t ids[MAPS_MAX] = {0};
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
		return -errno;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info map = {0};
		uint32_t map_size = sizeof(map);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &map_size))
			return -errno;
		int *slot = !strcmp(map.name, "filter_ipv4")	   ? &maps->ipv4
			    : !strcmp(map.name, "filter_ports")	   ? &maps->ports
			    : !strcmp(map.name, "filter_ethernet") ? &maps->ethernet
								   : NULL;
		if (slot && *slot < 0)
			*slot = fd;
		else
			close(fd);
	}
	return maps->ipv4 < 0 || maps->ports < 0 || maps->ethernet < 0 ? -ENOENT : 0;
}

/* Follow the interface: original, root and back. Returns 0, or -errno when nothing is attached. */
static int look(struct judge *judge)
{
	struct bpf_prog_info info = {0};
	uint32_t id = 0, size = sizeof(info);
	int fd;

	if (bpf_xdp_query_id((int)judge->ifindex, 0, &id) || !id)
		return -ENOENT;
	if (id == judge->prog_id)
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		close(fd);
		return -errno;
	}
	if (judge->prog_fd >= 0)
		close(judge->prog_fd);
	judge->prog_fd = fd;
	judge->prog_id = id;
	judge->match_verdict = strstr(info.name, "_dny_") ? 2 : 1;
	judge->other_verdict = strstr(info.name, "_dny_") ? 1 : 2;
	return judge->maps.ipv4 < 0 ? open_maps(fd, &judge->maps) : 0;
}

/* One packet from the subject; 1 if it matched a rule, 0 if not, -errno. */
static int send_packet(const struct judge *judge, const struct subject *subject)
{
	uint8_t packet[PACKET_BYTES] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	memcpy(packet, "\x02\x00\x00\x00\x00\x01", 6);
	memcpy(packet + 6, subject->mac, 6);
	packet[12] = 0x08;
	packet[14] = 0x45;
	packet[17] = PACKET_BYTES - 14;
	packet[22] = 64;
	packet[23] = 17;
	memcpy(packet + 26, &subject->saddr, 4);
	memcpy(packet + 30, "\x0a\xff\xff\xfe", 4);
	memcpy(packet + 34, "\x9c\x40", 2);
	memcpy(packet + 36, &subject->dport, 2);
	packet[39] = PACKET_BYTES - 34;
	if (bpf_prog_test_run_opts(judge->prog_fd, &run))
		return -errno;
	if (run.retval != judge->match_verdict && run.retval != judge->other_verdict)
		return -EBADMSG;
	return run.retval == judge->match_verdict;
}

static void judge_packet(struct judge *judge, const struct subject *subject, bool expected,
			 const char *when)
{
	int matched = send_packet(judge, subject);

	judge->n_judged++;
	if (matched == (int)expected)
		return;
	judge->n_stale++;
	if (judge->n_stale <= 10)
		fprintf(stderr, "judge: %s: packet %s, expected %s (saddr %08x, dport %u)\n", when,
			matched < 0 ? strerror(-matched)
			: matched   ? "matched"
				    : "did not match",
			expected ? "a match" : "none", ntohl(subject->saddr),
			ntohs(subject->dport));
}

/* Sum over CPUs of one of the unit's counters. */
static uint64_t read_count(const struct judge *judge, uint32_t index)
{
	uint64_t per_cpu[WRITER_CPUS_MAX] = {0}, sum = 0;
	int fd = judge->counts_path ? bpf_obj_get(judge->counts_path) : -1;

	if (fd < 0)
		return 0;
	if (!bpf_map_lookup_elem(fd, &index, per_cpu))
		for (int i = 0; i < WRITER_CPUS_MAX; i++)
			sum += per_cpu[i];
	close(fd);
	return sum;
}

/* Packets through whatever is attached until an image decides them, at most limit_us. */
static bool wait_for_image(struct judge *judge, const struct subject *probe, bool expected,
			   uint64_t limit_us)
{
	uint64_t start = now_us();

	while (now_us() - start < limit_us) {
		uint64_t before = read_count(judge, HONE_COUNT_IMAGE);

		if (!look(judge))
			judge_packet(judge, probe, expected, "waiting");
		if (read_count(judge, HONE_COUNT_IMAGE) > before)
			return true;
		usleep(10000);
	}
	return false;
}

/* Every way to write × every map, then the subjects' neighbours which must never match. */
static void judge_block(struct judge *judge, struct writer *writer, uint64_t n_rounds)
{
	bool present[WRITER_WAYS] = {false};
	struct subject subject;

	for (uint64_t i = 0; i < n_rounds; i++) {
		enum writer_way way = (enum writer_way)(i % WRITER_WAYS);

		subject = writer_subject(way, (uint32_t)i % 64);
		writer_do(writer, way, (uint32_t)i % 64, true);
		judge_packet(judge, &subject, true, writer_way_name(way));
		writer_do(writer, way, (uint32_t)i % 64, false);
		judge_packet(judge, &subject, false, writer_way_name(way));
	}
	for (int way = 0; way < WRITER_WAYS; way++) {
		present[way] = next_random() & 1;
		writer_do(writer, (enum writer_way)way, 1, present[way]);
	}
	subject = writer_subject(0, 1);
	wait_for_image(judge, &subject, present[0], 10000000);
	for (uint64_t i = 0; i < 2 * n_rounds; i++) {
		enum writer_way way = (enum writer_way)(i % WRITER_WAYS);
		uint32_t n = 1 + (next_random() % 3 == 0);

		subject = writer_subject(way, n);
		judge_packet(judge, &subject, n == 1 && present[way], "settled");
	}
	for (int way = 0; way < WRITER_WAYS; way++)
		writer_do(writer, (enum writer_way)way, 1, false);
}

static int iterate(struct judge *judge, uint64_t n_rounds, uint64_t block)
{
	struct writer *writer = writer_start(&judge->maps);

	if (!writer)
		return -errno;
	for (uint64_t done = 0; done < n_rounds; done += block) {
		if (look(judge))
			return -ENOENT;
		judge_block(judge, writer, block < n_rounds - done ? block : n_rounds - done);
		fprintf(stderr, "\rjudge: %llu of %llu rounds, %llu packets, %llu stale ",
			(unsigned long long)(done + block), (unsigned long long)n_rounds,
			(unsigned long long)judge->n_judged, (unsigned long long)judge->n_stale);
	}
	fputc('\n', stderr);
	return writer_stop(writer);
}

/* Judged only when the rule was the same before and after the packet: nobody can toggle one
 * rule twice in the microseconds between. */
static void storm_round(struct judge *judge)
{
	struct subject subject = writer_subject(WRITER_PLAIN, next_random() % (2 * TOGGLES));
	bool before = writer_is_present(&judge->maps, &subject);
	int matched = send_packet(judge, &subject);

	if (writer_is_present(&judge->maps, &subject) != before) {
		judge->n_unjudged++;
		return;
	}
	judge->n_judged++;
	if (matched == (int)before)
		return;
	judge->n_stale++;
	fprintf(stderr, "judge: storm: rule %s, packet verdict %d\n", before ? "present" : "absent",
		matched);
}

static volatile sig_atomic_t is_ended;

static void end_storm(int number)
{
	(void)number;
	is_ended = 1;
}

static int storm(struct judge *judge, uint64_t seconds)
{
	uint64_t start = now_us(), looked = 0;

	signal(SIGTERM, end_storm);
	while (!is_ended && now_us() - start < seconds * 1000000) {
		if (now_us() - looked > 20000) {
			looked = now_us();
			if (look(judge)) {
				usleep(1000);
				continue;
			}
		}
		for (int i = 0; i < 64; i++)
			storm_round(judge);
	}
	return 0;
}

static int enter(const char *ns_path)
{
	int fd = open(ns_path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int usage(void)
{
	fprintf(stderr, "usage: judge --dev IF [--ns FILE] [--counts PIN] [--share PERCENT]\n"
			"             iterate N BLOCK | storm SECONDS\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"dev", required_argument, NULL, 'd'},
						{"ns", required_argument, NULL, 'n'},
						{"counts", required_argument, NULL, 'c'},
						{"share", required_argument, NULL, 's'},
						{0}};
	struct judge judge = {.prog_fd = -1, .maps = {-1, -1, -1}};
	const char *dev = NULL, *ns = NULL;
	double share = 0, needed = 0;
	int option, err = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			dev = optarg;
			break;
		case 'n':
			ns = optarg;
			break;
		case 'c':
			judge.counts_path = optarg;
			break;
		case 's':
			needed = atof(optarg);
			break;
		default:
			return usage();
		}
	}
	if (!dev || argc - optind < 2 || (ns && (err = enter(ns))))
		return err ? (fprintf(stderr, "%s: %s\n", ns, strerror(-err)), 1) : usage();
	judge.ifindex = if_nametoindex(dev);
	err = look(&judge);
	if (err) {
		fprintf(stderr, "%s: no xdp-filter here: %s\n", dev, strerror(-err));
		return 1;
	}

	uint64_t image = read_count(&judge, HONE_COUNT_IMAGE);
	uint64_t n = strtoull(argv[optind + 1], NULL, 0);

	if (!strcmp(argv[optind], "iterate") && argc - optind == 3)
		err = iterate(&judge, n, strtoull(argv[optind + 2], NULL, 0));
	else if (!strcmp(argv[optind], "storm"))
		err = storm(&judge, n);
	else
		return usage();
	image = read_count(&judge, HONE_COUNT_IMAGE) - image;
	share = judge.n_judged ? 100.0 * (double)image / (double)(judge.n_judged + judge.n_unjudged)
			       : 0;
	printf("{\"judged\":%llu,\"stale\":%llu,\"unjudged\":%llu,\"by_image\":%llu,"
	       "\"image_percent\":%.1f}\n",
	       (unsigned long long)judge.n_judged, (unsigned long long)judge.n_stale,
	       (unsigned long long)judge.n_unjudged, (unsigned long long)image, share);
	if (err)
		fprintf(stderr, "judge: %s\n", strerror(-err));
	return err || judge.n_stale || share < needed;
}
