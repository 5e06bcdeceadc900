/* SPDX-License-Identifier: GPL-2.0 */
/* Bounds of the kernel side. The sizes of `slots`, `books` and `owners` are set by user space before load. */
#ifndef KUBE_NETC_LIMITS_H
#define KUBE_NETC_LIMITS_H

#define SLOT_PROBES 8	    /* places a socket may take: half from its cookie on, half scattered */
#define SLOT_RUN 64	    /* places in a row that are told together whether sockets of theirs lie elsewhere */
#define WALK_BLOCK 64	    /* slots a walk looks at in one call of the iterator */
#define WALK_NEAR 16	    /* slots whose sockets a walk has brought near at once */
#define WALK_COST_LIVE 16   /* what a live socket costs a walk, in empty slots */
#define RECORDS_MAX 4096    /* live records of one step of a walk */
#define WALK_STEPS_MAX 1024 /* iterator elements of one step: WALK_BLOCK slots each */
#define HANDOFF_MAX 1024    /* closes that may wait for one walk at a time */
#define LEAVE_TRIES 16	    /* of a close that meets a walk, which may let go and come again meanwhile */
#define LISTENERS_MAX 8192
#define EPHEMERAL_MIN 32768 /* net.ipv4.ip_local_port_range begins here unless changed */
#define NODE_DEPTH_MAX 32   /* cgroups from a socket's up to its node's root: a container in a pod is some 5 below it */
#define OUTSIDERS_MAX 4096  /* network namespaces that sockets of other nodes use too */
#define UDP_PEERS_MAX 4096  /* tasks between the address hook and the length hook of one datagram */

#endif
