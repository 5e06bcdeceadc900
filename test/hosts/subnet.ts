/** An IPv4 or IPv6 network that a test gives to a segment, such as 10.77.0.0/24 or fd77::/64. */
export interface Subnet {
  readonly family: 4 | 6;
  readonly prefixLength: number;
  /** The address of host `number`, counted from 1. */
  address(number: number): string;
}

/** Reads a network in text. Throws when it is none, or when it is too small for `hosts` hosts. */
export function parseSubnet(text: string, hosts = 1): Subnet {
  const [base = '', length = ''] = text.split('/');
  const family = base.includes(':') ? 6 : 4;
  const prefixLength = Number(length);
  const bits = family === 4 ? 32 : 128;
  if (!/^\d+$/.test(length) || prefixLength > bits) throw new Error(`${text} is not a network`);
  if (2 ** (bits - prefixLength) < hosts + 2) throw new Error(`${text} is too small for ${hosts} hosts`);
  return family === 4 ? subnetV4(base, prefixLength) : subnetV6(base, prefixLength);
}

function subnetV4(base: string, prefixLength: number): Subnet {
  const bytes = base.split('.').map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) {
    throw new Error(`${base} is not an IPv4 address`);
  }
  const first = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const address = (number: number): string =>
    [24, 16, 8, 0].map((shift) => Math.floor((first + number) / 2 ** shift) % 256).join('.');
  return { family: 4, prefixLength, address };
}

/** Networks that end in `::`, which is how tests write them: the hosts are the last 16 bits. */
function subnetV6(base: string, prefixLength: number): Subnet {
  if (!/^[0-9a-f:]*::$/.test(base) || prefixLength > 112) {
    throw new Error(`${base}/${prefixLength}: write an IPv6 network as fd77::/64, up to /112`);
  }
  return { family: 6, prefixLength, address: (number) => `${base}${number.toString(16)}` };
}
