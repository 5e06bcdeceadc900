import type { Host } from '../hosts/host.ts';

/** A counter of /proc/net/snmp or netstat, such as Tcp RetransSegs. */
export async function kernelCounter(host: Host, file: string, table: string, name: string): Promise<number> {
  const lines = (await host.procNet(file)).split('\n').filter((line) => line.startsWith(`${table}: `));
  const [names = [], values = []] = lines.map((line) => line.split(' '));
  const value = values[names.indexOf(name)];
  if (value === undefined) throw new Error(`/proc/net/${file} has no ${table} ${name}`);
  return Number(value);
}
