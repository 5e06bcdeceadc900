/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a flow agent does that counts at each packet: for comparison, never part of the agent. It hangs on the ingress
 * and the egress of a device (TC), reads the headers, looks up the flow in a hash and adds to it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct flow {
	__u32 device;
	__u16 family, protocol, source_port, destination_port;
	__u32 source[4], destination[4];
};

struct counts {
	__u64 bytes, packets, first_ns, last_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow);
	__type(value, struct counts);
} packet_flows SEC(".maps");

/* Returns where the header of TCP or UDP begins, or NULL where there is none. */
static __always_inline void *read_network(struct flow *f, void *data, void *end)
{
	struct ethhdr *ethernet = data;
	struct iphdr *v4 = (void *)(ethernet + 1);
	struct ipv6hdr *v6 = (void *)(ethernet + 1);

	if ((void *)(ethernet + 1) > end)
		return NULL;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP) && (void *)(v4 + 1) <= end) {
		f->family = 4;
		f->protocol = v4->protocol;
		f->source[0] = v4->saddr;
		f->destination[0] = v4->daddr;
		return v4 + 1;
	}
	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6) && (void *)(v6 + 1) <= end) {
		f->family = 6;
		f->protocol = v6->nexthdr;
		__builtin_memcpy(f->source, &v6->saddr, sizeof(f->source));
		__builtin_memcpy(f->destination, &v6->daddr, sizeof(f->destination));
		return v6 + 1;
	}
	return NULL;
}

SEC("tc")
int count_packet(struct __sk_buff *skb)
{
	void *end = (void *)(long)skb->data_end;
	struct flow f = { .device = skb->ifindex };
	__be16 *ports = read_network(&f, (void *)(long)skb->data, end);
	struct counts *known;

	if (!ports || (void *)(ports + 2) > end || (f.protocol != IPPROTO_TCP && f.protocol != IPPROTO_UDP))
		return TC_ACT_OK;
	f.source_port = ports[0];
	f.destination_port = ports[1];
	known = bpf_map_lookup_elem(&packet_flows, &f);
	if (known) {
		__sync_fetch_and_add(&known->bytes, skb->len);
		__sync_fetch_and_add(&known->packets, 1);
		known->last_ns = bpf_ktime_get_ns();
	} else {
		__u64 now_ns = bpf_ktime_get_ns();
		struct counts first = { skb->len, 1, now_ns, now_ns };

		bpf_map_update_elem(&packet_flows, &f, &first, BPF_ANY);
	}
	return TC_ACT_OK;
}
