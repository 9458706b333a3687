import type { Peer } from '../wire/wire.ts';

/** How many connections each peer address has, and whether it may have one more. */
export class PeerPlaces {
  readonly #taken = new Map<string, number>();
  readonly #max: number;
  readonly #countsOwnMachine: boolean;

  /**
   * @param asked where nobody has asked, a peer may have a quarter of all, and peers on this machine are not counted:
   *   behind a proxy that runs here, everybody has its address
   */
  constructor(maxConnections: number, asked: number | undefined) {
    this.#max = asked ?? Math.max(MIN_PER_PEER, Math.ceil(maxConnections / 4));
    this.#countsOwnMachine = asked !== undefined;
  }

  /** Takes a place. What is returned gives it back, once; undefined: the peer has as many as it may. */
  take({ address }: Peer): (() => void) | undefined {
    if (address === undefined || (!this.#countsOwnMachine && isOwnMachine(address))) return () => {};
    const taken = this.#taken.get(address) ?? 0;
    if (taken >= this.#max) return undefined;
    this.#taken.set(address, taken + 1);
    return () => this.#giveBack(address);
  }

  #giveBack(address: string): void {
    const left = (this.#taken.get(address) ?? 0) - 1;
    if (left > 0) this.#taken.set(address, left);
    else this.#taken.delete(address);
  }
}

/** A register comes back while the bridge of its last connection still awaits a payment. */
const MIN_PER_PEER = 4;

function isOwnMachine(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
