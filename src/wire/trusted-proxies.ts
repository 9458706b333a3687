import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Peer } from './wire.ts';

export const PROXIES_FORM =
  'addresses with commas between: of one machine (127.0.0.1), of a network (10.0.0.0/24), or unix';

/** Those whose connections begin with a header of the PROXY protocol, and who may say there whom they speak for. */
export class TrustedProxies {
  readonly #addresses = new BlockList();
  #hasUnix = false;

  /** Undefined where the text is not as `PROXIES_FORM` says. */
  static parse(text: string): TrustedProxies | undefined {
    const trusted = new TrustedProxies();
    return text.split(',').every((item) => trusted.#add(item.trim())) ? trusted : undefined;
  }

  /** Peers of UNIX sockets have no address: there it is the socket's mode that says who may connect. */
  has({ address, text }: Peer): boolean {
    if (address === undefined) return this.#hasUnix && text === 'unix';
    return this.#addresses.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }

  #add(item: string): boolean {
    if (item === 'unix') {
      this.#hasUnix = true;
      return true;
    }
    const [address = '', bits, ...more] = item.split('/');
    if (isIP(address) === 0 || address.includes('%') || more.length > 0) return false;
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) {
      this.#addresses.addAddress(address, family);
      return true;
    }
    const most = family === 'ipv4' ? 32 : 128;
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return false;
    this.#addresses.addSubnet(address, Number(bits), family);
    return true;
  }
}
