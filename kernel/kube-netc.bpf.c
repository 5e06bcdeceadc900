/* SPDX-License-Identifier: GPL-2.0 */
/* The one object: all programs share one set of maps. User space loads of it what the kernel at hand allows. */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "limits.h"
#include "records.h"
#include "maps.bpf.h"
#include "read.bpf.h"
#include "times.bpf.h"
#include "socket.bpf.h"
#include "node.bpf.h"
#include "books.bpf.h"
#include "buckets.h"
#include "distributions.bpf.h"
#include "slots.bpf.h"
#include "approach.bpf.h"
#include "tcp.bpf.c"
#include "walk.bpf.c"
#include "boot.bpf.c"
#include "udp.bpf.c"
#include "udp_tracepoint.bpf.c"

char LICENSE[] SEC("license") = "GPL";
