import { readFileSync } from 'node:fs';

/** capability.h: what making network namespaces and devices, and entering them, takes. */
const NEEDED = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n, CAP_SYS_ADMIN: 21n } as const;

/** Why this process cannot make test hosts, or null when it can. Missing programs are no reason: they fail the test. */
export function whyNoLab(): string | null {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(NEEDED).filter(([, bit]) => (effective & (1n << bit)) === 0n);
  if (missing.length === 0) return null;
  return `test hosts need root: ${missing.map(([name]) => name).join(', ')} missing`;
}
