import { BlockList, isIP } from 'node:net';

/**
 * Whether an IP address is one of the public Internet: not of this machine, of its link or of a private network, no
 * multicast, nothing that is reserved or made for documentation. An IPv4 address inside an IPv6 one (mapped, or behind
 * a
 * NAT64 translator) counts as itself. False also for what is no address.
 */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !NOT_PUBLIC.check(address, 'ipv4');
  if (version !== 6 || address.includes('%')) return false;
  const inner = translatedIn(address);
  if (inner !== undefined) return isPublicAddress(inner);
  // Mapped addresses are looked up under IPv4.
  if (MAPPED.check(address, 'ipv6')) return !NOT_PUBLIC.check(address, 'ipv6');
  return GLOBAL.check(address, 'ipv6') && !NOT_PUBLIC.check(address, 'ipv6');
}

/** The IPv4 address in 64:ff9b::/96. */
function translatedIn(address: string): string | undefined {
  if (!TRANSLATED.check(address, 'ipv6')) return undefined;
  // Written as URLs write it: 64:ff9b::7f00:1.
  const [high = '', low = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(':').slice(-2);
  const number = (Number.parseInt(high || '0', 16) << 16) | Number.parseInt(low || '0', 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', prefix] = subnet.split('/');
    list.addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

const MAPPED = blockList(['::ffff:0:0/96']);
const TRANSLATED = blockList(['64:ff9b::/96']);
const GLOBAL = blockList(['2000::/3']);
/** IANA's special-purpose address registries (RFC 6890 and after). */
const NOT_PUBLIC = blockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]);
