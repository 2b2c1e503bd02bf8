// SPDX-License-Identifier: Apache-2.0
/* config: JSON to the contents of the router's maps. Touches no map; asks the kernel only for the
 * interfaces that are named. */
#include "router/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct reader {
	const char *file;
	struct router_setup *setup;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct reader *r, const char *at,
						      const char *format, ...)
{
	va_list args;

	fprintf(stderr, "router: %s: %s: ", r->file, at);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

/* ---- texts ---- */

static bool parse_mac(const char *text, __u8 *mac)
{
	unsigned int b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (__u8)b[i];
	return true;
}

static bool parse_ip(const char *text, __be32 *ip)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		return false;
	*ip = addr.s_addr;
	return true;
}

static __be32 mask_of(__u32 len)
{
	return len ? htonl(~(__u32)0 << (32 - len)) : 0;
}

/* ADDRESS/LEN */
static bool parse_prefix(const char *text, __be32 *ip, __u32 *len)
{
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	char *end = NULL;
	unsigned long n;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = 0;
	n = strtoul(slash + 1, &end, 10);
	if (*end || n > 32 || !parse_ip(address, ip))
		return false;
	*len = (__u32)n;
	return true;
}

/* A member that must be there and be text; NULL after a message. */
static const char *text_of(const struct reader *r, const char *at, const json_t *object,
			   const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		fail(r, at, "needs \"%s\", a text", key);
	return text;
}

static int only_known(const struct reader *r, const char *at, json_t *object,
		      const char *const *known)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return fail(r, at, "is not an object");
	json_object_foreach(object, key, value)
	{
		const char *const *k = known;

		while (*k && strcmp(*k, key))
			k++;
		if (!*k)
			return fail(r, at, "has an unknown member \"%s\"", key);
	}
	return 0;
}

/* ---- the setup ---- */

static int find_port(const struct router_setup *setup, const char *name)
{
	for (__u32 i = 0; i < setup->n_ports; i++) {
		if (!strcmp(setup->ifname[i], name))
			return (int)i;
	}
	return -1;
}

static int read_port_name(const struct reader *r, const char *at, const json_t *object, __u32 *port)
{
	const char *name = text_of(r, at, object, "port");
	int found;

	if (!name)
		return -1;
	found = find_port(r->setup, name);
	if (found < 0)
		return fail(r, at, "port \"%s\" is not among $.ports", name);
	*port = (__u32)found;
	return 0;
}

static int add_route(const struct reader *r, const char *at, __be32 ip, __u32 len,
		     struct router_route route)
{
	struct router_setup *s = r->setup;

	if (s->n_routes == ROUTER_ROUTES)
		return fail(r, at, "is one more route than the %d there can be", ROUTER_ROUTES);
	s->routes[s->n_routes].prefix = (struct router_prefix){.len = len, .ip = ip};
	s->routes[s->n_routes].route = route;
	s->n_routes++;
	return 0;
}

static int read_address(const struct reader *r, const char *at, const json_t *json, __u32 port,
			struct router_address *out)
{
	__be32 ip;
	__u32 len;

	if (!json_is_string(json) || !parse_prefix(json_string_value(json), &ip, &len) || !ip)
		return fail(r, at, "is not an IPv4 address with a prefix length");
	out->ip = ip;
	out->mask = mask_of(len);
	if (add_route(r, at, ip & out->mask, len,
		      (struct router_route){.port = port, .type = ROUTER_TO_LINK}))
		return -1;
	return add_route(r, at, ip, 32,
			 (struct router_route){.port = port, .type = ROUTER_TO_SELF});
}

/* The interface's index, MAC and MTU, as the kernel has them. */
static int ask_interface(const struct reader *r, const char *at, const char *name, __u32 port)
{
	struct router_setup *s = r->setup;
	struct ifreq mac = {0}, mtu = {0};
	int fd, err;

	if (strlen(name) >= IF_NAMESIZE)
		return fail(r, at, "\"%s\" is too long for an interface name", name);
	strcpy(s->ifname[port], name);
	strcpy(mac.ifr_name, name);
	strcpy(mtu.ifr_name, name);
	s->ifindex[port] = if_nametoindex(name);
	if (!s->ifindex[port])
		return fail(r, at, "no interface \"%s\"", name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(r, at, "cannot ask for \"%s\": %s", name, strerror(errno));
	err = ioctl(fd, SIOCGIFHWADDR, &mac) || ioctl(fd, SIOCGIFMTU, &mtu);
	close(fd);
	if (err)
		return fail(r, at, "cannot ask for \"%s\": %s", name, strerror(errno));
	memcpy(s->ports[port].mac, mac.ifr_hwaddr.sa_data, 6);
	s->ports[port].mtu = (__u16)(mtu.ifr_mtu > 65535 ? 65535 : mtu.ifr_mtu);
	return 0;
}

static int read_addresses(const struct reader *r, const char *at, const json_t *list, __u32 port)
{
	struct router_port *p = &r->setup->ports[port];
	char here[96];
	size_t i;
	json_t *json;

	if (!json_is_array(list) || json_array_size(list) < 1 ||
	    json_array_size(list) > 1 + ROUTER_SECONDARY)
		return fail(r, at, "needs \"addresses\", a list of 1 to %d", 1 + ROUTER_SECONDARY);
	json_array_foreach(list, i, json)
	{
		snprintf(here, sizeof(here), "%s.addresses[%zu]", at, i);
		if (read_address(r, here, json, port, i ? &p->secondary[i - 1] : &p->primary))
			return -1;
	}
	return 0;
}

static int read_port(const struct reader *r, const char *at, json_t *json, __u32 port)
{
	static const char *const known[] = {"interface", "addresses", "mac", "mtu", NULL};
	struct router_port *p = &r->setup->ports[port];
	const json_t *mac, *mtu;
	const char *name;

	if (only_known(r, at, json, known))
		return -1;
	name = text_of(r, at, json, "interface");
	if (!name)
		return -1;
	if (find_port(r->setup, name) >= 0)
		return fail(r, at, "interface \"%s\" is there twice", name);
	if (ask_interface(r, at, name, port))
		return -1;

	mac = json_object_get(json, "mac");
	if (mac && (!json_is_string(mac) || !parse_mac(json_string_value(mac), p->mac)))
		return fail(r, at, "\"mac\" is not a MAC address");
	mtu = json_object_get(json, "mtu");
	if (mtu && (!json_is_integer(mtu) || json_integer_value(mtu) < 68 ||
		    json_integer_value(mtu) > 65535))
		return fail(r, at, "\"mtu\" is not a number from 68 to 65535");
	if (mtu)
		p->mtu = (__u16)json_integer_value(mtu);
	return read_addresses(r, at, json_object_get(json, "addresses"), port);
}

static int read_route(const struct reader *r, const char *at, json_t *json)
{
	static const char *const known[] = {"to", "via", "port", "blackhole", NULL};
	struct router_route route = {.type = ROUTER_TO_LINK};
	const char *to, *via;
	__be32 ip;
	__u32 len;

	if (only_known(r, at, json, known))
		return -1;
	to = text_of(r, at, json, "to");
	if (!to)
		return -1;
	if (!parse_prefix(to, &ip, &len))
		return fail(r, at, "\"to\" is not a prefix: \"%s\"", to);
	if (ip & ~mask_of(len))
		return fail(r, at, "\"to\" has bits behind its length: \"%s\"", to);
	if (json_is_true(json_object_get(json, "blackhole"))) {
		route.type = ROUTER_TO_NOWHERE;
		return add_route(r, at, ip, len, route);
	}
	if (read_port_name(r, at, json, &route.port))
		return -1;
	if (json_object_get(json, "via")) {
		via = text_of(r, at, json, "via");
		if (!via || !parse_ip(via, &route.nexthop))
			return fail(r, at, "\"via\" is not an IPv4 address");
		route.type = ROUTER_TO_NEXTHOP;
	}
	return add_route(r, at, ip, len, route);
}

static int read_neighbour(const struct reader *r, const char *at, json_t *json)
{
	static const char *const known[] = {"address", "mac", "port", NULL};
	struct router_setup *s = r->setup;
	struct router_neighbour neighbour = {0};
	const char *address, *mac;
	__be32 ip;
	__u32 port;

	if (only_known(r, at, json, known))
		return -1;
	address = text_of(r, at, json, "address");
	mac = text_of(r, at, json, "mac");
	if (!address || !mac)
		return -1;
	if (!parse_ip(address, &ip))
		return fail(r, at, "\"address\" is not an IPv4 address");
	if (!parse_mac(mac, neighbour.mac))
		return fail(r, at, "\"mac\" is not a MAC address");
	if (read_port_name(r, at, json, &port))
		return -1;
	neighbour.port = (__u16)port;
	s->neighbours[s->n_neighbours].ip = ip;
	s->neighbours[s->n_neighbours].neighbour = neighbour;
	s->n_neighbours++;
	return 0;
}

/* ---- lists ---- */

static const json_t *list_of(const struct reader *r, const json_t *root, const char *key,
			     size_t max)
{
	const json_t *list = json_object_get(root, key);
	char at[64];

	snprintf(at, sizeof(at), "$.%s", key);
	if (!json_is_array(list)) {
		fail(r, at, "is not a list");
		return NULL;
	}
	if (json_array_size(list) > max) {
		fail(r, at, "has %zu entries, %zu are the most", json_array_size(list), max);
		return NULL;
	}
	return list;
}

static int read_lists(const struct reader *r, const json_t *root)
{
	const json_t *ports = list_of(r, root, "ports", ROUTER_PORTS);
	const json_t *routes = ports ? list_of(r, root, "routes", ROUTER_ROUTES) : NULL;
	const json_t *neighbours =
		routes ? list_of(r, root, "neighbours", ROUTER_NEIGHBOURS) : NULL;
	struct router_setup *s = r->setup;
	char at[64];
	size_t i;
	json_t *json;

	if (!neighbours)
		return -1;
	s->routes = calloc(ROUTER_ROUTES, sizeof(*s->routes));
	s->neighbours = calloc(ROUTER_NEIGHBOURS, sizeof(*s->neighbours));
	if (!s->routes || !s->neighbours)
		return fail(r, "$", "out of memory");

	json_array_foreach(ports, i, json)
	{
		snprintf(at, sizeof(at), "$.ports[%zu]", i);
		if (read_port(r, at, json, (__u32)i))
			return -1;
		s->n_ports++;
	}
	json_array_foreach(routes, i, json)
	{
		snprintf(at, sizeof(at), "$.routes[%zu]", i);
		if (read_route(r, at, json))
			return -1;
	}
	json_array_foreach(neighbours, i, json)
	{
		snprintf(at, sizeof(at), "$.neighbours[%zu]", i);
		if (read_neighbour(r, at, json))
			return -1;
	}
	return 0;
}

static int read_flag(const struct reader *r, const json_t *root, const char *key,
		     enum router_flag flag)
{
	const json_t *value = json_object_get(root, key);
	char at[64];

	snprintf(at, sizeof(at), "$.%s", key);
	if (value && !json_is_boolean(value))
		return fail(r, at, "is neither true nor false");
	if (!value || json_is_true(value))
		r->setup->config.flags |= flag;
	return 0;
}

static int read_root(const struct reader *r, json_t *root, const char *in_name)
{
	static const char *const known[] = {"check_mac", "check_addresses", "ports",
					    "routes",	 "neighbours",	    NULL};
	int in_port;

	if (only_known(r, "$", root, known) || read_flag(r, root, "check_mac", ROUTER_CHECK_MAC) ||
	    read_flag(r, root, "check_addresses", ROUTER_CHECK_ADDR) || read_lists(r, root))
		return -1;
	in_port = find_port(r->setup, in_name);
	if (in_port < 0)
		return fail(r, "$.ports", "has no port \"%s\", whose packets are to be routed",
			    in_name);
	r->setup->config.in_port = (__u32)in_port;
	return 0;
}

int router_setup_read(const char *path, const char *in_name, struct router_setup *out)
{
	struct router_setup setup = {0};
	struct reader r = {.file = path, .setup = &setup};
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	int err;

	if (!root) {
		fprintf(stderr, "router: %s: line %d: %s\n", path, error.line, error.text);
		return -1;
	}
	err = read_root(&r, root, in_name);
	json_decref(root);
	if (err) {
		router_setup_free(&setup);
		return -1;
	}
	*out = setup;
	return 0;
}

void router_setup_free(struct router_setup *setup)
{
	free(setup->routes);
	free(setup->neighbours);
	setup->routes = NULL;
	setup->neighbours = NULL;
}
