import type { Duplex } from 'node:stream';
import { afterSilence, type Clock, type Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type ConnectionId, readConnectionId } from '../../dialect/jsonpos/network/connection-id.ts';
import { readData } from '../../dialect/jsonpos/network/data.ts';
import { shareLink } from '../../dialect/jsonpos/network/link-share.ts';
import { Outlet } from '../../dialect/jsonpos/network/outlet.ts';
import { stringCodeOf } from '../../rpc/error-object.ts';
import { decodeString, kindOf, scanObject } from '../../rpc/scan.ts';
import { NetworkStream } from './network-stream.ts';

/** How long a register may take to answer; it answers after 10 s at the latest, if it keeps the rules. */
const ANSWER_MS = 30_000;
/** A register may refuse what is asked for right after it has offered its network; then it is asked again, so often. */
const FRESH_MS = 2000;
const MAX_RETRIES = 4;
const FIRST_RETRY_MS = 50;

/** How the register answered. */
export interface NetworkAnswer {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

export interface RegisterNetworkOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Bytes a second of the line to the register. */
  readonly linkSpeed: number;
  /** Sends a request; `settle` is called with the answer, if there ever is one. */
  readonly ask: (method: string, params: string, settle: (answer: NetworkAnswer) => void) => void;
  /** Sends a notification; `written` is called when it has left the terminal. */
  readonly tell: (method: string, params: string, written: () => void) => void;
}

/**
 * A register's network, as the terminal uses it: offered (NetworkStart) → withdrawn (NetworkStop), and again; closed
 * with the register's connection. Copes with what registers do: answers that come after data, or after the end;
 * refusals right after the start; ends that are never told.
 */
export class RegisterNetwork {
  readonly #options: RegisterNetworkOptions;
  #outlet: Outlet;
  readonly #streams = new Map<string, NetworkStream>();
  readonly #retries = new Set<Timer>();
  #offeredMs: number | undefined;
  #lastId = 0;
  #unwritten = 0;

  constructor(options: RegisterNetworkOptions) {
    this.#options = options;
    this.#outlet = this.#createOutlet();
  }

  get isOffered(): boolean {
    return this.#offeredMs !== undefined;
  }

  /** Streams that are open or about to be. */
  get size(): number {
    return this.#streams.size;
  }

  /** A transaction is running at the terminal. */
  set isBusy(isBusy: boolean) {
    this.#outlet.isBusy = isBusy;
  }

  /** Connects to a host of the Internet. The stream fails when that is not possible. */
  connect(host: string, port: number): Duplex {
    const { clock, ask } = this.#options;
    const stream = new NetworkStream({
      clock,
      outlet: this.#outlet,
      disconnect: (id) => {
        this.#streams.delete(id.key);
        ask('NetworkDisconnect', `{"connection_id":${id.text}}`, () => {});
      },
    });
    if (this.isOffered) this.#dial(stream, host, port, MAX_RETRIES);
    else stream.fail(new Error('the register has not offered its network'));
    return stream;
  }

  /** `NetworkStart` */
  offered(): void {
    this.#offeredMs = this.#options.clock.nowMs();
  }

  /** `NetworkStop`, or the register is gone. */
  withdrawn(why: string): void {
    this.#offeredMs = undefined;
    for (const retry of this.#retries) retry.cancel();
    this.#retries.clear();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.fail(new Error(why));
    this.#outlet.closeAll();
    this.#outlet = this.#createOutlet();
  }

  /** `Data` */
  data(params: Buffer): void {
    const data = readData(params);
    const stream = data && this.#streams.get(data.id.key);
    if (data === undefined || stream === undefined) return; // it may have been closed in the meantime
    if (data.bytes === undefined) stream.destroy(new Error('the register has sent what is not base64'));
    else stream.receive(data.bytes);
  }

  /** `NetworkDisconnected`; one for a connection that failed, or is not known any more, is as good. */
  disconnected(params: Buffer): void {
    const [written] = scanObject(params, ['connection_id']).values;
    const id = readConnectionId(written);
    const stream = id && this.#streams.get(id.key);
    stream?.remoteClosed();
    // One that is still connecting waits for its answer.
    if (id !== undefined && stream?.isConnecting === false) this.#streams.delete(id.key);
  }

  #createOutlet(): Outlet {
    const { clock, linkSpeed, tell } = this.#options;
    return new Outlet({
      clock,
      share: shareLink(linkSpeed),
      queuedBytes: () => this.#unwritten,
      send: (params) => {
        this.#unwritten += params.length;
        tell('Data', params, () => {
          this.#unwritten -= params.length;
          this.#outlet.pump();
        });
      },
    });
  }

  #dial(stream: NetworkStream, host: string, port: number, retries: number): void {
    const { clock, ask, log } = this.#options;
    if (stream.destroyed) return;
    this.#lastId += 1;
    const text = String(this.#lastId);
    const id: ConnectionId = { key: text, text };
    stream.id = id;
    this.#streams.set(id.key, stream);
    const askedMs = clock.nowMs();
    const limit = afterSilence(clock, ANSWER_MS, () =>
      stream.destroy(new Error('the register does not answer')),
    );
    stream.once('close', () => limit.cancel());
    const params = `{"connection_id":${text},"host":${JSON.stringify(host)},"port":${port}}`;
    ask('NetworkConnect', params, ({ kind, text: answer }) => {
      limit.cancel();
      if (this.#streams.get(id.key) !== stream) return;
      if (kind === 'result') {
        if (stream.isClosedEarly) this.#streams.delete(id.key);
        stream.connected();
        return;
      }
      this.#streams.delete(id.key);
      const isFresh = this.#offeredMs !== undefined && askedMs - this.#offeredMs < FRESH_MS;
      if (isFresh && retries > 0 && !FINAL_CODES.has(stringCodeOf(answer))) {
        const delayMs = FIRST_RETRY_MS * 2 ** (MAX_RETRIES - retries);
        const retry = clock.after(delayMs, () => {
          this.#retries.delete(retry);
          this.#dial(stream, host, port, retries - 1);
        });
        this.#retries.add(retry);
        return;
      }
      const why = detailsIn(answer);
      log.info('no connection through the network of the register', { host, port, why });
      stream.fail(new Error(why));
    });
  }
}

/** Refusals that mean what they say. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'NETWORK_NOT_ALLOWED',
  'NETWORK_UNREACHABLE',
  'NETWORK_FULL',
]);
const MAX_WHY = 300;

/** `data.details` of an error, or else its message. */
function detailsIn(error: Buffer): string {
  const [message, data] = scanObject(error, ['message', 'data']).values;
  const [details] = data === undefined ? [] : scanObject(data, ['details']).values;
  for (const text of [details, message]) {
    if (text !== undefined && kindOf(text) === 'string')
      return decodeString(text.toString()).slice(0, MAX_WHY);
  }
  return 'the register refuses';
}
