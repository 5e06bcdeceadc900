import { randomInt } from 'node:crypto';

/** In CIDR notation. */
export interface Networks {
  readonly v4: string;
  readonly v6: string;
}

/**
 * Networks that no other test has, of this checkout or another on the same machine: an agent sees the sockets of every
 * namespace, and tells them apart by address.
 */
export function ownNetworks(): Networks {
  const a = randomInt(16, 250);
  const b = randomInt(1, 250);
  const c = randomInt(1, 250);
  return {
    v4: `10.${a}.${b}.0/24`,
    v6: `fd${a.toString(16).padStart(2, '0')}:${b.toString(16)}:${c.toString(16)}::/64`,
  };
}
