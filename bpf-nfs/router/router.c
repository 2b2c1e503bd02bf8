// SPDX-License-Identifier: Apache-2.0
/* router: load, show and unload the router on an interface.
 *
 * Everything is checked and filled before the program is attached, which is the last step: a load
 * that fails leaves neither pin nor program. What runs is found again by its pins below
 * /sys/fs/bpf/router/INTERFACE (or --pins DIR), which unload removes. */
#include <errno.h>
#include <jansson.h>
#include <linux/if_link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "router.skel.h"
#include "router/config.h"

static const char *const map_names[] = {"rt", "rport", "neigh", "tx", "cfg", "stats"};

enum { N_MAPS = sizeof(map_names) / sizeof(map_names[0]), PATH_LEN = 512 };

static int fail(const char *object, const char *what, int err)
{
	fprintf(stderr, "router: %s: %s: %s\n", object, what, strerror(err < 0 ? -err : err));
	return -1;
}

/* ---- pins ---- */

static int pin_path(char *path, const char *dir, const char *ifname, const char *name)
{
	int n = snprintf(path, PATH_LEN, "%s/%s/%s", dir, ifname, name);

	return n > 0 && n < PATH_LEN ? 0 : -ENAMETOOLONG;
}

static void remove_pins(const char *dir, const char *ifname)
{
	char path[PATH_LEN];

	for (int i = 0; i < N_MAPS; i++) {
		if (!pin_path(path, dir, ifname, map_names[i]))
			unlink(path);
	}
	if (!pin_path(path, dir, ifname, "prog"))
		unlink(path);
	if (!pin_path(path, dir, ifname, ""))
		rmdir(path);
	rmdir(dir); /* stays while other interfaces have pins there */
}

static int pin_all(struct router_bpf *skel, const char *dir, const char *ifname)
{
	char path[PATH_LEN];
	int err;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return fail(dir, "cannot make the directory", errno);
	err = pin_path(path, dir, ifname, "");
	if (err || mkdir(path, 0700))
		return fail(path, "cannot make the directory", err ? err : errno);
	for (int i = 0; i < N_MAPS; i++) {
		int fd = bpf_object__find_map_fd_by_name(skel->obj, map_names[i]);

		err = pin_path(path, dir, ifname, map_names[i]);
		if (err || bpf_obj_pin(fd, path))
			return fail(path, "cannot pin the map", err ? err : errno);
	}
	err = pin_path(path, dir, ifname, "prog");
	if (err || bpf_obj_pin(bpf_program__fd(skel->progs.router), path))
		return fail(path, "cannot pin the program", err ? err : errno);
	return 0;
}

/* ---- load ---- */

static int fill_ports(const struct router_bpf *skel, const struct router_setup *setup)
{
	for (__u32 i = 0; i < setup->n_ports; i++) {
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.rport), &i, &setup->ports[i], 0))
			return fail("map rport", setup->ifname[i], errno);
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.tx), &i, &setup->ifindex[i], 0))
			return fail("map tx", setup->ifname[i], errno);
	}
	return 0;
}

static int fill_maps(const struct router_bpf *skel, const struct router_setup *setup)
{
	__u32 zero = 0;

	if (fill_ports(skel, setup))
		return -1;
	for (__u32 i = 0; i < setup->n_routes; i++) {
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.rt), &setup->routes[i].prefix,
					&setup->routes[i].route, 0))
			return fail("map rt", "cannot add a route", errno);
	}
	for (__u32 i = 0; i < setup->n_neighbours; i++) {
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.neigh), &setup->neighbours[i].ip,
					&setup->neighbours[i].neighbour, 0))
			return fail("map neigh", "cannot add a neighbour", errno);
	}
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.cfg), &zero, &setup->config, 0))
		return fail("map cfg", "cannot write", errno);
	return 0;
}

static int attach(const struct router_bpf *skel, const struct router_setup *setup)
{
	__u32 in = setup->config.in_port;
	int err = bpf_xdp_attach((int)setup->ifindex[in], bpf_program__fd(skel->progs.router),
				 XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);

	if (err)
		return fail(setup->ifname[in], "cannot attach the program", err);
	return 0;
}

static int load(const char *dir, const char *ifname, const struct router_setup *setup)
{
	struct router_bpf *skel = router_bpf__open_and_load();
	char path[PATH_LEN];
	int err;

	if (!skel)
		return fail(ifname, "cannot load the program", errno);
	err = pin_path(path, dir, ifname, "");
	if (!err && !access(path, F_OK))
		err = fail(path, "a router is loaded there already", EEXIST);
	else if (!err) {
		err = fill_maps(skel, setup) || pin_all(skel, dir, ifname) || attach(skel, setup);
		if (err)
			remove_pins(dir, ifname);
	}
	router_bpf__destroy(skel);
	return err ? -1 : 0;
}

static int cmd_load(const char *dir, const char *ifname, const char *config)
{
	struct router_setup setup;
	int err;

	if (router_setup_read(config, ifname, &setup))
		return -1;
	err = load(dir, ifname, &setup);
	router_setup_free(&setup);
	return err;
}

/* ---- show ---- */

static int read_counter(int fd, __u32 counter, struct router_count *sum)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct router_count *per_cpu;
	int err;

	if (n_cpus < 0)
		return n_cpus;
	per_cpu = calloc((size_t)n_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, &counter, per_cpu) ? -errno : 0;
	for (int i = 0; !err && i < n_cpus; i++) {
		sum->packets += per_cpu[i].packets;
		sum->bytes += per_cpu[i].bytes;
	}
	free(per_cpu);
	return err;
}

static json_t *counters_json(int fd)
{
	static const char *const names[] = {
#define COUNTER(id, verdict, what) #id,
		ROUTER_COUNTERS(COUNTER)
#undef COUNTER
	};
	json_t *counters = json_object();

	for (__u32 i = 0; i < ROUTER_COUNTER_N; i++) {
		struct router_count sum = {0};
		int err = read_counter(fd, i, &sum);

		if (err) {
			fail("map stats", "cannot read", err);
			json_decref(counters);
			return NULL;
		}
		json_object_set_new(counters, names[i],
				    json_pack("{s:I, s:I}", "packets", (json_int_t)sum.packets,
					      "bytes", (json_int_t)sum.bytes));
	}
	return counters;
}

static int cmd_show(const char *dir, const char *ifname)
{
	char path[PATH_LEN];
	json_t *counters;
	int err = pin_path(path, dir, ifname, "stats");
	int fd = err ? err : bpf_obj_get(path);

	if (fd < 0)
		return fail(ifname, "no router is loaded there", -fd);
	counters = counters_json(fd);
	close(fd);
	if (!counters)
		return -1;
	json_dumpf(counters, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(counters);
	return 0;
}

/* ---- unload ---- */

static int pinned_id(const char *dir, const char *ifname, __u32 *id)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	char path[PATH_LEN];
	int err = pin_path(path, dir, ifname, "prog");
	int fd = err ? err : bpf_obj_get(path);

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	*id = info.id;
	return err;
}

static int cmd_unload(const char *dir, const char *ifname)
{
	unsigned int ifindex = if_nametoindex(ifname);
	__u32 pinned = 0, attached = 0;
	int err = pinned_id(dir, ifname, &pinned);

	if (err)
		return fail(ifname, "no router is loaded there", err);
	if (ifindex && !bpf_xdp_query_id((int)ifindex, 0, &attached) && attached == pinned) {
		err = bpf_xdp_detach((int)ifindex, 0, NULL);
		if (err)
			return fail(ifname, "cannot detach the program", err);
	} else {
		fprintf(stderr, "router: %s: another program is attached; it stays\n", ifname);
	}
	remove_pins(dir, ifname);
	return 0;
}

static int usage(void)
{
	fputs("usage: router [--pins DIR] load INTERFACE CONFIG.json\n"
	      "       router [--pins DIR] show INTERFACE\n"
	      "       router [--pins DIR] unload INTERFACE\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *dir = "/sys/fs/bpf/router";
	int err;

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (argc > 2 && !strcmp(argv[1], "--pins")) {
		dir = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc == 4 && !strcmp(argv[1], "load"))
		err = cmd_load(dir, argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "show"))
		err = cmd_show(dir, argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "unload"))
		err = cmd_unload(dir, argv[2]);
	else
		return usage();
	return err ? 1 : 0;
}
