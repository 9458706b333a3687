import { type Caller, isSame } from '../../application/registers.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { createIds } from '../../rpc/ids.ts';
import type { Message } from '../../rpc/message.ts';
import { Pending } from '../../rpc/pending.ts';
import { type NetworkAnswer, RegisterNetwork } from './register-network.ts';

/** Requests to registers that may be open. */
const MAX_ASKED = 4096;
/** Registers whose networks are kept. */
const MAX_NETWORKS = 1024;

export interface NetworksOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Bytes a second of the line to a register. */
  readonly linkSpeed: number;
}

/** The networks that registers have offered. */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #offers: { readonly caller: Caller; readonly network: RegisterNetwork }[] = [];
  readonly #asked = new Pending<{
    readonly caller: Caller;
    readonly settle: (answer: NetworkAnswer) => void;
  }>(MAX_ASKED);
  readonly #nextId: () => string;
  #isBusy = false;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#nextId = createIds('net', options.clock.wallMs().toString(36));
  }

  /** A transaction is running at the terminal, or no longer. */
  set isBusy(isBusy: boolean) {
    this.#isBusy = isBusy;
    for (const { network } of this.#offers) network.isBusy = isBusy;
  }

  /** The network of a register; if it has offered none, anybody's. */
  find(caller: Caller): RegisterNetwork | undefined {
    const offered = this.#offers.filter(({ network }) => network.isOffered);
    return (offered.find((one) => isSame(one.caller, caller)) ?? offered[0])?.network;
  }

  /** `NetworkStart`. False: there are too many. */
  offered(caller: Caller): boolean {
    let network = this.#of(caller);
    if (network === undefined) {
      if (this.#offers.length >= MAX_NETWORKS) return false;
      network = this.#create(caller);
      this.#offers.push({ caller, network });
      network.isBusy = this.#isBusy;
    }
    network.offered();
    return true;
  }

  /** `NetworkStop` */
  withdrawn(caller: Caller): void {
    this.#of(caller)?.withdrawn('the register has withdrawn its network');
  }

  data(caller: Caller, params: Buffer): void {
    this.#of(caller)?.data(params);
  }

  disconnected(caller: Caller, params: Buffer): void {
    this.#of(caller)?.disconnected(params);
  }

  answered({ id, kind, text }: Extract<Message, { kind: 'result' | 'error' }>): void {
    this.#asked.take(id)?.settle({ kind, text });
  }

  /** A register, or all of an attachment, is gone; without one, everybody. */
  leave(caller?: Partial<Caller>): void {
    const isTheirs = (one: Caller) =>
      caller === undefined ||
      ('connection' in caller ? isSame(one, caller as Caller) : one.end === caller.end);
    for (let index = this.#offers.length - 1; index >= 0; index -= 1) {
      const offer = this.#offers[index];
      if (offer === undefined || !isTheirs(offer.caller)) continue;
      this.#offers.splice(index, 1);
      offer.network.withdrawn('the connection to the register is lost');
    }
    for (const id of this.#asked.ids()) {
      const asked = this.#asked.take(id);
      if (asked !== undefined && !isTheirs(asked.caller)) this.#asked.add(id, asked);
    }
  }

  #of(caller: Caller): RegisterNetwork | undefined {
    return this.#offers.find((one) => isSame(one.caller, caller))?.network;
  }

  #create(caller: Caller): RegisterNetwork {
    const { end, connection } = caller;
    return new RegisterNetwork({
      ...this.#options,
      ask: (method, params, settle) => {
        const id = this.#nextId();
        if (this.#asked.add(id, { caller, settle })) end.ask({ connection, id }, method, params);
      },
      tell: (method, params, written) => end.tell(connection, method, params, written),
    });
  }
}
