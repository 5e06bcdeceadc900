/* SPDX-License-Identifier: GPL-2.0 */
/* Every map of the object: who writes, who reads, what bounds it. Sizes marked (*) are set by user space before load. */
#ifndef KUBE_NETC_MAPS_BPF_H
#define KUBE_NETC_MAPS_BPF_H

const volatile struct config config = {};
struct control control = {};

/* (*) Live sockets. Taken by tcp_connect / tcp_state / boot, claimed by the walk, freed by the close. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/*
 * (*) By SLOT_RUN places in a row: how many sockets that belong there lie at a scattered place now. Moved up before such a
 * slot can be seen, and down when it is given back. User space keeps its size in proportion to that of `slots`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024 / SLOT_RUN);
	__type(key, __u32);
	__type(value, __u64);
} scattered SEC(".maps");

/* (*) What else is known of the live sockets, by slot. Written by whoever may write the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct measures);
} measures SEC(".maps");

/* (*) Processes of the live sockets, by slot; one entry where processes are not tracked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner);
} owners SEC(".maps");

/* (*) Accounts, cumulative. The kernel adds, user space reads in place and alone frees. Index 0 is `other`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct book);
} books SEC(".maps");

/* (*) How long things took, by book. The kernel adds, user space reads in place, and clears with the book. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct distributions);
} distributions SEC(".maps");

/* (*) Indexes of free books: the kernel takes at control.free_head, user space gives back at control.free_tail. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} free_books SEC(".maps");

/* (*) Which book a flow has. The kernel inserts; user space deletes when the flow has aged. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_key);
	__type(value, __u32);
} flows SEC(".maps");

/* Live records of one step of a walk: user space reads them in place before the next step. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RECORDS_MAX);
	__type(key, __u32);
	__type(value, struct live_record);
} records SEC(".maps");

/* What the walk's iterator runs over: an element is a block of slots. The values mean nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WALK_STEPS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} walk_blocks SEC(".maps");

/* By slot: the end of a socket whose slot a walk held when it closed. The close inserts, the walk deletes. */
struct end {
	struct flow_key key;
	struct totals totals;
	__u32 flags; /* END_* */
	enum connect_failure failure;
	__u64 duration_ns; /* 0: not known */
	__u32 connect_us;  /* 0: not known */
	__u32 min_rtt_us;  /* NO_RTT: none */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HANDOFF_MAX);
	__type(key, __u32);
	__type(value, struct end);
} handoff SEC(".maps");

/*
 * Who listens: the owner of the connections that a listener accepts. Only where processes are tracked. Never deleted
 * from: a later listener on the address overwrites, and the least recently used entry makes room.
 */
struct listener_key {
	__u32 netns;
	__u32 port;
	__u8 addr[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, struct listener_key);
	__type(value, struct owner);
} listeners SEC(".maps");

/*
 * Network namespaces in which sockets of other nodes have moved something: enum outsider. Written only where there is a
 * node root, read by the audit. The least recently used entry makes room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OUTSIDERS_MAX);
	__type(key, __u32);
	__type(value, enum outsider);
} outsiders SEC(".maps");

#endif
