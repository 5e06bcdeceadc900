import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ACCESS_RULES } from '../../../src/cluster/access-rules.ts';
import { resourceText } from '../../../src/cluster/api/resource.ts';
import { chartDigest, manifest, MANIFEST, render, whyStale } from '../../../tools/gen-manifests.ts';
import { helmOf, type Manifest, parseManifests } from '../../support/manifests.ts';

const root = resolve(import.meta.dirname, '../../..');
const text = readFileSync(resolve(root, MANIFEST), 'utf8');

const objects = parseManifests(text);

function only(kind: string): Manifest {
  const found = objects.filter((object) => object.kind === kind);
  expect(found).toHaveLength(1);
  return found[0];
}

const pod: Manifest = only('DaemonSet').spec.template.spec;
const agent: Manifest = pod.containers[0];

describe('the agent in config/install.yaml', () => {
  test('is not privileged and holds BPF and PERFMON alone', () => {
    expect(pod.containers).toHaveLength(1);
    expect(pod.initContainers).toBeUndefined();
    expect(agent.securityContext).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0, // Kubernetes gives capabilities to no other
      runAsGroup: 0,
      runAsNonRoot: false,
      capabilities: { drop: ['ALL'], add: ['BPF', 'PERFMON'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(pod.securityContext).toBeUndefined();
  });

  test('shares the pid namespace of the node, and neither its network nor its IPC', () => {
    expect(pod).toMatchObject({ hostPID: true, hostNetwork: false });
    expect(pod.hostIPC).toBeUndefined();
    expect(agent.ports).toEqual([{ name: 'metrics', containerPort: 9655, protocol: 'TCP' }]);
  });

  test('sees of the node its cgroups alone, and may not write them', () => {
    expect(pod.volumes).toEqual([
      { name: 'cgroup', hostPath: { path: '/sys/fs/cgroup', type: 'Directory' } },
    ]);
    expect(agent.volumeMounts).toEqual([
      {
        name: 'cgroup',
        mountPath: '/host/sys/fs/cgroup',
        readOnly: true,
        recursiveReadOnly: 'IfPossible',
      },
    ]);
  });

  test('runs on every Linux node, whatever its taints', () => {
    expect(pod.nodeSelector).toEqual({ 'kubernetes.io/os': 'linux' });
    expect(pod.tolerations).toEqual([{ operator: 'Exists' }]);
    expect(pod.affinity).toBeUndefined();
  });

  test('is one a node, also while it is updated', () => {
    const { type, rollingUpdate } = only('DaemonSet').spec.updateStrategy;
    expect(type).toBe('RollingUpdate');
    expect(rollingUpdate).toEqual({ maxUnavailable: '10%' });
  });

  test('comes before ordinary pods and after those of the system', () => {
    const { metadata, value, globalDefault } = only('PriorityClass');
    expect(pod.priorityClassName).toBe(metadata.name);
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(1_000_000_000); // reserved from here on
    expect(globalDefault).toBe(false);
  });

  test('has bounds, and is probed where it listens', () => {
    expect(Object.keys(agent.resources.requests)).toEqual(['cpu', 'memory']);
    expect(agent.resources.limits).toHaveProperty('memory');
    const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map((name) => agent[name].httpGet);
    expect(paths).toEqual([
      { path: '/healthz', port: 'metrics' },
      { path: '/healthz', port: 'metrics' },
      { path: '/readyz', port: 'metrics' },
    ]);
  });

  test('is told its node, and listens for both families', () => {
    expect(agent.args).toEqual(['agent']);
    expect(agent.env).toEqual([
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'KUBE_NETC_LISTEN', value: ':9655' },
      { name: 'KUBE_NETC_PROCESSES', value: 'off' },
    ]);
    expect(pod.enableServiceLinks).toBe(false); // KUBE_NETC_PORT would be one of them
  });

  test('has an image that cannot be pulled from a stranger', () => {
    const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(agent.image).toBe(`localhost/kube-netc:${version}`);
    expect(agent.imagePullPolicy).toBe('IfNotPresent');
  });
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** "get replicasets.apps" */
function rightsOf({ apiGroups, resources, verbs }: Rule): string[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((plural) => verbs.map((verb) => `${verb} ${resourceText({ group, plural })}`)),
  );
}

describe('config/install.yaml', () => {
  test('is all in its own namespace or of the cluster, and all of it goes with it', () => {
    const placed = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`.trim());
    expect(placed.sort()).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'DaemonSet kube-netc',
      'Namespace',
      'PriorityClass',
      'Service kube-netc',
      'ServiceAccount kube-netc',
    ]);
    expect(new Set(objects.map(({ metadata }) => metadata.name))).toEqual(new Set(['kube-netc']));
    const placedIn = objects.findIndex(({ metadata }) => metadata.namespace !== undefined);
    expect(objects.findIndex(({ kind }) => kind === 'Namespace')).toBeLessThan(placedIn);
    expect(text).not.toMatch(/helm\.sh\/|managed-by/);
  });

  test('allows to read what is read, and nothing else', () => {
    const allowed = (only('ClusterRole').rules as Rule[]).flatMap(rightsOf);
    const used = ACCESS_RULES.flatMap(({ resource, verbs }) =>
      verbs.map((verb) => `${verb} ${resourceText(resource)}`),
    );
    expect(allowed.sort()).toEqual(used.sort());
    const { roleRef, subjects } = only('ClusterRoleBinding');
    expect(roleRef).toMatchObject({ kind: 'ClusterRole', name: 'kube-netc' });
    expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'kube-netc', namespace: 'kube-netc' }]);
    expect(pod.serviceAccountName).toBe('kube-netc');
  });

  test('gives the token of its account to the agent alone', () => {
    expect(only('ServiceAccount').automountServiceAccountToken).toBe(false);
    expect(pod.automountServiceAccountToken).toBe(true);
  });

  test('has a namespace whose Pod Security level lets the agent in', () => {
    expect(only('Namespace').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'privileged',
    });
  });

  test('has a Service with one address for each agent, ready or not', () => {
    const { spec, metadata } = only('Service');
    expect(spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(spec.ports).toEqual([{ name: 'metrics', port: 9655, targetPort: 'metrics', protocol: 'TCP' }]);
    expect(only('DaemonSet').spec.template.metadata.labels).toMatchObject(spec.selector);
    expect(only('DaemonSet').spec.selector.matchLabels).toEqual(spec.selector);
    expect(metadata.annotations).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': '9655',
      'prometheus.io/path': '/metrics',
    });
  });

  test('is what the chart makes, as far as its head tells', () => {
    expect(whyStale(text, chartDigest())).toBeNull();
  });

  test('is what Helm makes of the chart', (context) => {
    const made = render(helmOf(context), ['--set', 'namespace.create=true', '--skip-tests']);
    expect(manifest(made, chartDigest())).toBe(text);
  });
});

describe('a manifest whose head does not fit', () => {
  test('was edited by hand, or is older than the chart', () => {
    const made = manifest('kind: A\n', 'c0ffee');
    expect(whyStale(made, 'c0ffee')).toBeNull();
    expect(whyStale(made.replace('kind: A', 'kind: B'), 'c0ffee')).toBe('it was edited by hand');
    expect(whyStale(made, 'decade')).toBe('the chart has changed since');
    expect(whyStale('kind: A\n', 'c0ffee')).toBe('it was edited by hand');
  });
});
