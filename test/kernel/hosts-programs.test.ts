import { describe, expect, it } from 'vitest';
import type { Host } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import {
  readIperf3,
  runCurl,
  runDig,
  runIperf3,
  runWrk,
  startDnsmasq,
  startIperf3,
  startIperf3Client,
  startNginx,
} from '../hosts/programs.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { setUp } from '../support/set-up.ts';

let lab: Lab;
let client: Host;
let server: Host;

setUp(whyNoLab(), async (closing) => {
  lab = closing.use(await Lab.create());
  client = await lab.host('client');
  server = await lab.host('server');
  await lab.join(client, server);
});

describe('real programs run in hosts', () => {
  it('iperf3, by TCP and UDP', async () => {
    const iperf3 = await startIperf3(server);
    const report = await runIperf3(client, { address: server.v6, seconds: 1, streams: 2 });
    expect(report.receivedBytes).toBeGreaterThan(1e6);
    const slow = startIperf3Client(client, {
      address: server.v4,
      seconds: 1,
      udp: true,
      bitsPerSecond: 8e6,
      reverse: true,
    });
    const { sentBytes } = readIperf3(await slow.success());
    expect(sentBytes).toBeGreaterThan(0.5e6);
    expect(sentBytes).toBeLessThan(1.5e6);
    await iperf3.stop();
  });

  it('nginx, wrk and curl', async () => {
    const nginx = await startNginx(lab, server, {
      port: 8080,
      workers: 2,
      files: { big: new Uint8Array(1_000_000), 'index.html': 'hello\n' },
    });
    expect(await runWrk(lab, client, { url: `http://${server.v4}:8080/`, seconds: 1 })).toMatchObject({
      errors: 0,
    });
    const page = await runCurl(client, `http://[${server.v6}]:8080/`);
    expect(page).toMatchObject({ status: 200, body: 'hello\n' });
    const big = await runCurl(client, `http://${server.v4}:8080/big`, ['--output', '/dev/null']);
    expect(big.receivedBytes).toBeGreaterThan(1_000_000);
    expect(big.sentBytes).toBeGreaterThan(50);
    expect(big.localPort).toBeGreaterThan(1024);
    await nginx.stop();
    await expect(runCurl(client, `http://${server.v4}:8080/`)).rejects.toThrow('exit code 7');
  });

  it('dnsmasq and dig, by UDP and TCP', async () => {
    const dns = await startDnsmasq(server, { records: { 'web.test': [server.v4, server.v6] } });
    const ask = { server: server.v4, name: 'web.test' };
    expect(await runDig(client, ask)).toEqual({ status: 'NOERROR', addresses: [server.v4] });
    expect(await runDig(client, { ...ask, type: 'AAAA', tcp: true })).toMatchObject({
      addresses: [server.v6],
    });
    expect((await runDig(client, { ...ask, name: 'no.test' })).addresses).toEqual([]);
    await dns.stop();
  });
});
