/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets older than the agent: one pass over the open files of every task that this pid namespace shows.
 *
 * Needs: Linux >= 5.15 (iter/task_file, bpf_sock_from_file). Costs some 250 ns for each open file of the node, once.
 * What it does not see (a socket without a descriptor, a task of another pid namespace) is accounted at its close.
 */

/*
 * The role of a socket that others may write meanwhile: read twice, with nobody at work on it before and after, and
 * believed only if both say the same. ROLE_UNKNOWN: ask again in another pass.
 */
static __always_inline enum role role_of_older(struct sock *sk, struct tcp_sock *tp)
{
	struct inet_bind_bucket *port;
	__s64 first, second;
	int busy;

	busy = socket_busy(TRUSTED, sk);
	first = opened_by_us(TRUSTED, tp, sk->__sk_common.skc_state);
	read_barrier();
	second = opened_by_us(TRUSTED, tp, sk->__sk_common.skc_state);
	busy |= socket_busy(TRUSTED, sk);
	if (first != second || (busy && bpf_core_field_exists(sk->sk_lock.slock.rlock.raw_lock.val)))
		return ROLE_UNKNOWN;
	if (first == 0 || first == 1)
		return first ? ROLE_CLIENT : ROLE_SERVER;
	/* The numbers do not tell. A port that connect() chose is marked so (inet_hash_connect): then it is a client. */
	port = tp->inet_conn.icsk_bind_hash;
	return port && port->fastreuse == -1 ? ROLE_CLIENT : ROLE_UNKNOWN;
}

SEC("iter/task_file")
int boot(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct tcp_sock *tp;
	struct sock *sk;
	bool server = false;
	__u64 cookie;
	int state;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	state = sk->__sk_common.skc_state;
	/* SYN_SENT and SYN_RECV: the tracepoint sees what becomes of them */
	if (state == TCP_CLOSE || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return 0;
	if (!on_this_node(sk)) {
		if (state != TCP_LISTEN)
			note_outsider(sk, OUTSIDER_TCP);
		return 0;
	}
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (state == TCP_LISTEN && config.track_process)
		remember_listener(sk, task);
	cookie = bpf_get_socket_cookie(sk);
	if (find_slot(cookie, sk) >= 0)
		return 0;
	if (state != TCP_LISTEN) {
		enum role role = role_of_older(sk, tp);

		if (role == ROLE_UNKNOWN) {
			control.boot_undecided++;
			return 0;
		}
		server = role == ROLE_SERVER;
	}
	if (take_slot(cookie, sk, tp, server, 0, task) >= 0)
		count(boot_found);
	return 0;
}
