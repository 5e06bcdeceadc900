// The image under runc, with exactly what config/install.yaml asks for: nothing more is allowed to it, nothing is missing.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nativeArchitecture } from '../../tools/image/architecture.ts';
import type { Host } from '../hosts/host.ts';
import { runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage } from '../support/exact-lab.ts';
import { ownNetworks } from '../support/networks.ts';
import type { Page } from '../support/page.ts';
import { clientSums } from '../support/tcp-exactness.ts';
import { imageTool, OUTPUT, runtimeDefault, UnpackedImage } from './built-image.ts';
import { Container, PodPages, residentMib, type Surroundings } from './container.ts';
import { type ManifestContainer, manifestContainer } from './manifest.ts';

const architecture = nativeArchitecture();
const HELD = ['BPF', 'PERFMON'];
/** Peers of unconnected UDP sockets, where the kernel refuses fentry: hooks of cgroups, which CAP_NET_ADMIN stands for. */
const FOR_NET_ADMIN = /^udp[46]_(from|to)$/;
/** A start has been seen to take a second; this one may share its cores with a build. */
const FIRST_PAGE_MAX_MS = 10_000;
const STOP_MAX_MS = 2_000;

function whyNotHere(): string | null {
  if (architecture === null) return `there is no image for ${process.arch}`;
  if (!existsSync(join(OUTPUT, 'layout'))) return 'there is no image: npm run image';
  if (!existsSync(imageTool('runc'))) return 'runc is not here: sh tools/image/programs.sh runc';
  if (spawnSync('go', ['version']).status !== 0)
    return 'Go is not here: it makes the seccomp filter of RuntimeDefault';
  return whyNoLab();
}

const skip = whyNotHere();

/** Probes by whether they are attached. */
function probes(page: Page): Record<string, number> {
  const found = page.find('kube_netc_agent_probe_attached');
  return Object.fromEntries(found.map(({ labels, value }) => [labels['probe'] ?? '', value]));
}

/** An agent of root outside of any container, with the settings of the manifest. */
async function rootAgent({ env }: ManifestContainer): Promise<TestAgent> {
  const settings = env.map(({ name, value }) => [name, value]);
  return TestAgent.start([], Object.fromEntries(settings) as NodeJS.ProcessEnv);
}

describe('the image under runc, as the manifest asks', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  let exact: ExactLab;
  let node: Host;
  let manifest: ManifestContainer;
  let around: Surroundings;
  let seccomp: object;

  beforeAll(async () => {
    if (skip !== null || architecture === null) return;
    manifest = manifestContainer();
    seccomp = runtimeDefault(manifest.securityContext.capabilities.add);
    exact = await ExactLab.open();
    const { lab } = exact;
    const pod = await lab.host('pod');
    node = await lab.host('node');
    await lab.join(pod, node, ownNetworks());
    around = { image: new UnpackedImage(architecture.name), pod, folder: lab.folder };
  });
  afterAll(async () => {
    around?.image[Symbol.dispose]();
    await exact?.close();
  });

  it('is not privileged, and holds two capabilities', () => {
    const { privileged, allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities, seccompProfile } =
      manifest.securityContext;
    expect({ privileged, allowPrivilegeEscalation, readOnlyRootFilesystem }).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
    expect(capabilities).toEqual({ drop: ['ALL'], add: HELD });
    expect(seccompProfile.type).toBe('RuntimeDefault');
  });

  describe.each([
    { namespace: 'the pid namespace of the host', hostPid: true },
    { namespace: 'a pid namespace of its own', hostPid: false },
  ])('in $namespace', ({ hostPid }) => {
    let container: Container;
    let pages: PodPages;
    let firstPageMs = NaN;

    beforeAll(async () => {
      if (skip !== null) return;
      container = Container.run(around, { manifest, hostPid, seccomp });
      pages = new PodPages(node, around.pod.v4);
      await container.logged('serving ');
      await pages.rawPage();
      firstPageMs = performance.now() - container.startedMs;
      const { anonymous, files } = residentMib(await container.pid());
      console.info(
        `first page after ${firstPageMs.toFixed(0)} ms, then ${anonymous.toFixed(1)} MiB anonymous, ${files.toFixed(1)} of files`,
      );
    });
    afterAll(async () => {
      await container?.[Symbol.asyncDispose]();
    });

    it('serves its first page soon', () => {
      expect(firstPageMs).toBeLessThan(FIRST_PAGE_MAX_MS);
    });

    it('attaches every probe that root outside of a container attaches, but those that say what they lack', async () => {
      await using outside = await rootAgent(manifest);
      const all = probes(await outside.rawPage('?collect[]=agent'));
      const here = probes(await pages.rawPage('?collect[]=agent'));
      const off = Object.keys(all).filter((name) => here[name] !== all[name]);
      expect(all).toMatchObject({ tcp_state: 1, tcp_destroy: 1, boot: 1 });
      for (const name of off) {
        expect(name).toMatch(FOR_NET_ADMIN);
        expect(container.log).toMatch(/CAP_NET_ADMIN/);
      }
    });

    it('is alive and ready, over IPv4 and IPv6', async () => {
      for (const address of [around.pod.v4, around.pod.v6]) {
        const over = new PodPages(node, address);
        await over.get('/healthz');
        await over.get('/readyz');
      }
    });

    it('counts to the byte what programs in other network namespaces send', async () => {
      const serving = await startTcpServer(exact.server);
      const { result, grown } = await exact.count(pages, async () =>
        runTcpClient(exact.client, { address: exact.server.v4, port: serving.port, connections: 100 }),
      );
      await serving.stop();
      expect(grown(exact.client.v4, exact.server.v4, serving.port)).toEqual(clientSums(result));
    });

    it('has its commands in PATH, without a shell', async () => {
      const version = await container.exec('kube-netc', '--version');
      expect({ code: version.code, stderr: version.stderr }).toEqual({ code: 0, stderr: '' });
      expect(version.stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
      const listed = await container.exec('kube-netc', 'connections', '--output', 'json');
      expect({ code: listed.code, stderr: listed.stderr }).toEqual({ code: 0, stderr: '' });
      expect(Array.isArray(JSON.parse(listed.stdout))).toBe(true);
      expect((await container.exec('sh', '-c', 'true')).code).not.toBe(0);
    });

    it('is content with what it is given, says doctor, and names the pid namespace', async () => {
      const { code, stdout } = await container.exec('kube-netc', 'doctor');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^CAP_BPF +ok +held$/m);
      expect(stdout).toMatch(/^CAP_PERFMON +ok +held$/m);
      expect(stdout).toMatch(
        hostPid ? /^pid namespace +ok +the host's$/m : /^pid namespace +less +an own one$/m,
      );
    });

    it('counts on after all this, and ends within a second when it is asked to', async () => {
      const page = await freshPage(pages, 'agent');
      expect(page.value('kube_netc_agent_snapshots_total')).toBeGreaterThan(0);
      const { code, tookMs } = await container.stop();
      expect(code).toBe(0);
      expect(tookMs).toBeLessThan(STOP_MAX_MS);
    });
  });

  it('attaches every probe that root attaches with CAP_NET_ADMIN added, as the chart can', async () => {
    const capabilities = [...HELD, 'NET_ADMIN'];
    const filter = runtimeDefault(capabilities);
    await using container = Container.run(around, { manifest, hostPid: true, seccomp: filter, capabilities });
    await container.logged('serving ');
    await using outside = await rootAgent(manifest);
    const pages = new PodPages(node, around.pod.v4);
    const here = probes(await pages.rawPage('?collect[]=agent'));
    expect(here).toEqual(probes(await outside.rawPage('?collect[]=agent')));
  });

  describe.each(HELD)('without %s', (missing) => {
    const capabilities = HELD.filter((name) => name !== missing);

    it('does not start, and the log names it and nothing else', async () => {
      const filter = runtimeDefault(capabilities);
      await using container = Container.run(around, {
        manifest,
        hostPid: true,
        seccomp: filter,
        capabilities,
      });
      expect((await container.ended).code).not.toBe(0);
      expect(container.log).toContain(`CAP_${missing} not held`);
      for (const held of capabilities) expect(container.log).not.toContain(`CAP_${held} not held`);
    });

    it('is named by doctor', async () => {
      const filter = runtimeDefault(capabilities);
      const options = { manifest, hostPid: true, seccomp: filter, capabilities, args: ['doctor'] };
      await using container = Container.run(around, options);
      expect((await container.ended).code).toBe(1);
      expect(container.stdout).toMatch(new RegExp(`^CAP_${missing} +missing +not held$`, 'm'));
      for (const held of capabilities)
        expect(container.stdout).toMatch(new RegExp(`^CAP_${held} +ok +held$`, 'm'));
      expect(container.stdout).toContain('The agent cannot run here.');
    });
  });

  it('says that the seccomp filter is in the way where a runtime refuses bpf() whatever is held', async () => {
    const filter = runtimeDefault(['PERFMON']); // allows no bpf()
    await using container = Container.run(around, { manifest, hostPid: true, seccomp: filter });
    expect((await container.ended).code).not.toBe(0);
    expect(container.log).toContain('seccomp');
    await using doctor = Container.run(around, {
      manifest,
      hostPid: true,
      seccomp: filter,
      args: ['doctor'],
    });
    expect((await doctor.ended).code).toBe(1);
    expect(doctor.stdout).toContain('seccomp');
  });
});
