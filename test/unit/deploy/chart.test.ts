import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test, type TestContext } from 'vitest';
import { parse } from 'yaml';
import { FLAGS } from '../../../src/cli/flags.ts';
import { render } from '../../../tools/gen-manifests.ts';
import { helmOf, type Manifest, parseManifests } from '../../support/manifests.ts';

const chart = resolve(import.meta.dirname, '../../../deploy/helm/kube-netc');
const read = (name: string): string => readFileSync(resolve(chart, name), 'utf8');

/** What the chart makes with some values, by kind. */
function rendered(context: TestContext, ...sets: readonly string[]): Map<string, Manifest> {
  const args = sets.flatMap((set) => ['--set-json', set]);
  const objects = parseManifests(render(helmOf(context), args));
  return new Map(objects.map((object) => [object.kind as string, object]));
}

const agentOf = (objects: Map<string, Manifest>): Manifest =>
  objects.get('DaemonSet').spec.template.spec.containers[0];

const schema = JSON.parse(read('values.schema.json')) as {
  properties: { agent: { properties: Record<string, object> } };
};
const fits = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false }).compile(schema);

describe('the chart', () => {
  test('has the version of the project', () => {
    const { version } = JSON.parse(readFileSync(resolve(chart, '../../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(parse(read('Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });

  test('is clean in `helm lint --strict`', (context) => {
    expect(execFileSync(helmOf(context), ['lint', '--strict', chart], { encoding: 'utf8' })).toContain(
      '0 chart(s) failed',
    );
  });

  test('takes every flag of the agent that is not its own to set, by the name it has in the environment', (context) => {
    const own = ['listen', 'kubernetes', 'kubeconfig', 'nodeName'];
    const flags = Object.entries(FLAGS).filter(([name]) => !own.includes(name));
    expect(Object.keys(schema.properties.agent.properties).sort()).toEqual(
      flags.map(([name]) => name).sort(),
    );
    const values = { verbosity: 'debug', udp: 'off', series: 1_000_000, seriesTtl: '10m', interval: '500ms' };
    const more = { maxSockets: 4_194_304, maxFlows: 64, processes: 'off', programStats: 'on' };
    const cgroupRoot = '/host/sys/fs/cgroup/kubepods.slice';
    const edges = {
      edges: 5_000,
      edgeLevel: 'namespace',
      edgeLabels: '-destination_port,-source_kind',
      network: 'office=10.1.0.0/16,fd00:1::/32 vpc=10.0.0.0/8',
    };
    const agent = { ...values, ...more, ...edges, cgroupRoot };
    expect(fits({ agent })).toBe(true);
    const { env } = agentOf(rendered(context, `agent=${JSON.stringify(agent)}`));
    const told = new Map((env as { name: string; value: string }[]).map(({ name, value }) => [name, value]));
    for (const [name, make] of flags) {
      expect(told.get(make().envVar ?? '')).toBe(String(agent[name as keyof typeof agent]));
    }
  });
});

describe('the schema of its values', () => {
  test('accepts the values it comes with', () => {
    expect(fits(parse(read('values.yaml')))).toBe(true);
  });

  test.for([
    ['a misspelt name', { hostPid: false }],
    ['a misspelt flag', { agent: { serie: 5 } }],
    ['a flag that the agent refuses', { agent: { udp: 'kprobe' } }],
    ['a level that edges do not have', { agent: { edgeLevel: 'node' } }],
    ['a network without a name', { agent: { network: '10.0.0.0/8' } }],
    ['a number below what a flag takes', { agent: { series: 0 } }],
    ['a time without sense', { agent: { interval: 'often' } }],
    ['a privileged port', { port: 80 }],
    ['a capability that has no reason', { extraCapabilities: ['SYS_PTRACE'] }],
    ['a capability by its long name', { extraCapabilities: ['CAP_NET_ADMIN'] }],
    ['a seccomp profile of one’s own without a path', { seccompProfile: { type: 'Localhost' } }],
    [
      'a path for the runtime’s profile',
      { seccompProfile: { type: 'RuntimeDefault', localhostProfile: 'a' } },
    ],
    ['a priority of the system', { priorityClass: { create: true, value: 2_000_000_000 } }],
    ['an image with its tag in the name', { image: { repository: 'a/b:1:2', pullPolicy: 'Always' } }],
    ['a digest that is none', { image: { repository: 'a', pullPolicy: 'Always', digest: 'sha256:12' } }],
    ['no agent ever', { updateStrategy: { maxUnavailable: 0 } }],
    ['a text for a switch', { hostPID: 'no' }],
    [
      'both monitors, for every agent would be scraped twice',
      {
        serviceMonitor: { enabled: true, interval: '15s' },
        podMonitor: { enabled: true, interval: '15s' },
      },
    ],
    ['runbooks nowhere', { prometheusRule: { enabled: true, runbookUrl: '' } }],
    ['memory that is no quantity', { resources: { limits: { memory: 'much' } } }],
  ] as const)('refuses %s', ([, values], { expect: check }) => {
    check(fits(values)).toBe(false);
  });

  test('is the one that Helm goes by', (context) => {
    const args = ['template', 'kube-netc', chart, '--set', 'agent.serie=5'];
    const { status, stderr } = spawnSync(helmOf(context), args, { encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('serie');
  });
});

describe('the chart’s values', () => {
  test('can drop hostPID and add capabilities', (context) => {
    const objects = rendered(context, 'hostPID=false', 'extraCapabilities=["NET_ADMIN"]');
    expect(objects.get('DaemonSet').spec.template.spec).not.toHaveProperty('hostPID');
    expect(agentOf(objects).securityContext.capabilities).toEqual({
      drop: ['ALL'],
      add: ['BPF', 'PERFMON', 'NET_ADMIN'],
    });
  });

  test('understand a bare on and off, which YAML takes for booleans', (context) => {
    const { env } = agentOf(rendered(context, 'agent={"processes":true,"udp":false}'));
    expect(env).toContainEqual({ name: 'KUBE_NETC_PROCESSES', value: 'on' });
    expect(env).toContainEqual({ name: 'KUBE_NETC_UDP', value: 'off' });
  });

  test('name the image by tag, or by digest before that', (context) => {
    const image = (value: object): string =>
      agentOf(rendered(context, `image=${JSON.stringify({ repository: 'r.example.com/a', ...value })}`))
        .image as string;
    expect(image({ tag: 'x' })).toBe('r.example.com/a:x');
    const digest = `sha256:${'0'.repeat(64)}`;
    expect(image({ tag: 'x', digest })).toBe(`r.example.com/a@${digest}`);
  });

  test('move the port everywhere', (context) => {
    const objects = rendered(context, 'port=19655');
    expect(agentOf(objects).env).toContainEqual({ name: 'KUBE_NETC_LISTEN', value: ':19655' });
    expect(agentOf(objects).ports[0].containerPort).toBe(19_655);
    expect(objects.get('Service').spec.ports[0].port).toBe(19_655);
    expect(objects.get('Service').metadata.annotations['prometheus.io/port']).toBe('19655');
  });

  test('honour the labels of the page in a ServiceMonitor', (context) => {
    const objects = rendered(context, 'serviceMonitor.enabled=true', 'serviceMonitor.labels={"release":"p"}');
    const { spec, metadata } = objects.get('ServiceMonitor');
    expect(spec.endpoints[0]).toMatchObject({ port: 'metrics', honorLabels: true });
    expect(spec.selector.matchLabels).toEqual(objects.get('Service').spec.selector);
    expect(metadata.labels.release).toBe('p');
  });

  test('honour them in a PodMonitor, which takes the agents and not the pod of `helm test`', (context) => {
    const objects = rendered(context, 'podMonitor.enabled=true', 'podMonitor.labels={"release":"p"}');
    const { spec, metadata } = objects.get('PodMonitor');
    expect(spec.podMetricsEndpoints).toEqual([
      {
        port: 'metrics',
        path: '/metrics',
        interval: '15s',
        honorLabels: true,
        relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' }],
      },
    ]);
    expect(objects.get('DaemonSet').spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(objects.get('Pod').metadata.labels).not.toMatchObject(spec.selector.matchLabels);
    expect(metadata.labels.release).toBe('p');
  });

  test('make nothing for the Prometheus operator unless they are told', (context) => {
    const kinds = [...rendered(context).keys()];
    for (const kind of ['ServiceMonitor', 'PodMonitor', 'PrometheusRule']) expect(kinds).not.toContain(kind);
  });

  test('close the port with a NetworkPolicy, but not for `helm test`', (context) => {
    const peer = { namespaceSelector: { matchLabels: { a: 'b' } } };
    const objects = rendered(
      context,
      'networkPolicy.enabled=true',
      `networkPolicy.from=${JSON.stringify([peer])}`,
    );
    const [rule] = objects.get('NetworkPolicy').spec.ingress;
    expect(rule.from).toEqual([{ podSelector: { matchLabels: objects.get('Pod').metadata.labels } }, peer]);
  });

  test('make nothing that is there already', (context) => {
    const objects = rendered(
      context,
      'serviceAccount={"create":false,"name":"mine"}',
      'rbac.create=false',
      'priorityClass={"create":false,"name":"system-node-critical"}',
    );
    expect([...objects.keys()].sort()).toEqual(['DaemonSet', 'Pod', 'Service']);
    const { spec } = objects.get('DaemonSet').spec.template;
    expect(spec).toMatchObject({ serviceAccountName: 'mine', priorityClassName: 'system-node-critical' });
  });

  test('leave out fields that Kubernetes before 1.30 does not know', (context) => {
    const mount = (version: string): unknown => {
      const objects = parseManifests(render(helmOf(context), ['--kube-version', version]));
      return objects.find(({ kind }) => kind === 'DaemonSet').spec.template.spec.containers[0]
        .volumeMounts[0];
    };
    expect(mount('1.29')).not.toHaveProperty('recursiveReadOnly');
    expect(mount('1.30')).toHaveProperty('recursiveReadOnly');
  });
});

describe('`helm test`', () => {
  test('asks every agent, as a pod without any privilege', (context) => {
    const { spec, metadata } = rendered(context).get('Pod');
    expect(metadata.annotations['helm.sh/hook']).toBe('test');
    expect(spec).toMatchObject({ automountServiceAccountToken: false, restartPolicy: 'Never' });
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(spec.hostPID ?? spec.volumes).toBeUndefined();
  });
});
