/** What a person sees who opens the address in a browser. */
export const INDEX_HTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>kube-netc</title>
<h1>kube-netc</h1>
<p>Who talks to whom on this machine, how much and how well, from the kernel's own books.</p>
<ul>
<li><a href="/metrics">/metrics</a>: everything, for Prometheus (text, OpenMetrics or protobuf)
<ul>
<li><a href="/metrics?collect[]=connections">connections</a>: each connection, in kube-netc's five metrics</li>
<li><a href="/metrics?collect[]=workloads">workloads</a>: the same by client and server workload</li>
<li><a href="/metrics?collect[]=agent">agent</a>: the agent itself, what it costs and what it lost</li>
</ul></li>
<li><a href="/readyz">/readyz</a>: whether the numbers flow, and what is wrong</li>
<li><a href="/healthz">/healthz</a>: whether the agent lives</li>
</ul>
</html>
`;
