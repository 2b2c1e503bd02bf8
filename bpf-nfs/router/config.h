/* SPDX-License-Identifier: Apache-2.0 */
/* config: what an operator wrote, checked, in the shape of the program's maps. */
#ifndef ROUTER_CONFIG_H
#define ROUTER_CONFIG_H

#include <jansson.h>
#include <net/if.h>

#include "router/router.h"

struct router_setup {
	struct router_config config;
	__u32 n_ports;
	struct router_port ports[ROUTER_PORTS];
	unsigned int ifindex[ROUTER_PORTS];
	char ifname[ROUTER_PORTS][IF_NAMESIZE];
	__u32 n_routes;
	struct {
		struct router_prefix prefix;
		struct router_route route;
	} *routes;
	__u32 n_neighbours;
	struct {
		__be32 ip;
		struct router_neighbour neighbour;
	} *neighbours;
};

/* router_setup_read() - read and check a JSON file:
 *
 *   {"check_mac": true, "check_addresses": true,
 *    "ports": [{"interface": "veth0", "addresses": ["10.0.0.1/24"], "mac": "02:…", "mtu": 1500}],
 *    "routes": [{"to": "10.1.0.0/16", "via": "10.0.1.2", "port": "veth1"},
 *               {"to": "10.2.0.0/16", "port": "veth1"}, {"to": "10.3.0.0/16", "blackhole": true}],
 *    "neighbours": [{"address": "10.0.1.2", "mac": "02:…", "port": "veth1"}]}
 *
 * `mac` and `mtu` default to the interface's own. Addresses bring their routes with them: to the
 * subnet by the port, and to the router itself.
 *
 * path:    file
 * in_name: interface whose packets are to be routed; one of the ports
 * out:     filled on success; caller frees with router_setup_free()
 *
 * Returns 0, or -1 after a message on stderr that names the place ($.routes[3].via) and cause. */
int router_setup_read(const char *path, const char *in_name, struct router_setup *out);
void router_setup_free(struct router_setup *setup);

#endif
