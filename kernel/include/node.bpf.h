/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Several nodes on one kernel (kind, k3d, minikube): each node is a container, and the programs of each agent see the
 * sockets of all. Those of its own node are in cgroups below the node's root.
 *
 * A socket's cgroup is fixed when it is made (an accepted one has its listener's), so whether it is ours never changes:
 * it is asked before a slot is taken, before a close is counted, and for each datagram. Whoever has a slot is ours.
 * Without a node root the loader finds a constant here, and the verifier takes the code away.
 */
#ifndef KUBE_NETC_NODE_BPF_H
#define KUBE_NETC_NODE_BPF_H

/*
 * Up by parents, not by the array of ancestors: that has had three shapes so far (ancestor_ids before 6.1, then ancestors;
 * its length is not `level` everywhere), and its elements cannot be read by plain loads.
 */
static __always_inline bool on_this_node(struct sock *sk)
{
	struct cgroup *cgroup;

	if (!config.node_root_id)
		return true;
	cgroup = sk->sk_cgrp_data.cgroup;
	for (int i = 0; i < NODE_DEPTH_MAX && cgroup; i++) {
		struct cgroup_subsys_state *parent = cgroup->self.parent;

		if (cgroup->kn->id == config.node_root_id)
			return true;
		cgroup = parent ? parent->cgroup : 0;
	}
	return false;
}

/* Remembers that a socket of another node has moved something in its namespace: there the kernel counts more than we. */
static __always_inline void note_outsider(struct sock *sk, enum outsider what)
{
	__u32 netns = read_netns(TRUSTED, sk);
	__u32 *known = bpf_map_lookup_elem(&outsiders, &netns);

	if (!known)
		bpf_map_update_elem(&outsiders, &netns, &what, BPF_ANY);
	else if (!(*(volatile __u32 *)known & what))
		__sync_fetch_and_or(known, what);
}

#endif
