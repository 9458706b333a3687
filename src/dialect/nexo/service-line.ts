import type { Clock } from '../../base/clock.ts';
import { afterSilence } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import { deferred } from '../../base/deferred.ts';
import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import type { NexoCodec } from './codec.ts';
import { isEcho, type MessageHeader, readHeader } from './header.ts';
import type { NexoMessage } from './message.ts';
import type { Vendor } from './vendors.ts';

/** What comes of a request to the terminal. */
export type Reply =
  | { readonly kind: 'response'; readonly body: JsonObject }
  /** The terminal has refused the message as such, by an Event. */
  | { readonly kind: 'rejected'; readonly why: string }
  /** It may have been obeyed; nobody will answer here. */
  | { readonly kind: 'lost'; readonly reason: CloseReason };

export interface ServiceLineOptions {
  readonly vendor: Vendor;
  readonly codec: NexoCodec;
  readonly saleId: string;
  readonly poiId: string;
  readonly clock: Clock;
  readonly write: (message: Buffer) => void;
}

interface Asked {
  readonly header: MessageHeader;
  readonly settle: (reply: Reply) => void;
}

/** Requests to one terminal on one wire, paired with their responses. */
export class ServiceLine {
  readonly #options: ServiceLineOptions;
  readonly #asked = new Map<string, Asked>();

  constructor(options: ServiceLineOptions) {
    this.#options = options;
  }

  /**
   * Sends a request. The promise always resolves.
   *
   * @param limitMs how long a response is waited for; then it counts as lost. Default: as long as the wire lives.
   */
  ask(
    category: string,
    ServiceID: string,
    body: JsonObject,
    {
      limitMs,
      messageClass = 'Service',
    }: { readonly limitMs?: number; readonly messageClass?: 'Service' | 'Device' } = {},
  ): Promise<Reply> {
    const reply = deferred<Reply>();
    const raw = this.headerOf(category, ServiceID, messageClass);
    const read = readHeader(raw);
    if (!read.ok) throw new Error(read.why); // we have built it
    const limit =
      limitMs === undefined
        ? undefined
        : afterSilence(this.#options.clock, limitMs, () =>
            this.settle(ServiceID, { kind: 'lost', reason: LATE }),
          );
    const settle = (outcome: Reply) => {
      limit?.cancel();
      reply.resolve(outcome);
    };
    this.#asked.set(ServiceID, { header: read.header, settle });
    this.tell(category, raw, body);
    return reply.promise;
  }

  /** Sends a request that has no response. */
  tell(category: string, header: JsonObject, body: JsonObject): void {
    const { codec, write } = this.#options;
    write(codec.encode({ header, name: `${category}Request`, body }));
  }

  headerOf(category: string, ServiceID: string, messageClass: 'Service' | 'Device' = 'Service'): JsonObject {
    const { vendor, saleId, poiId } = this.#options;
    const hasVersion = vendor.versionIn === 'all' || category === 'Login';
    return {
      ...(hasVersion && { ProtocolVersion: vendor.version }),
      MessageClass: messageClass,
      MessageCategory: category,
      MessageType: 'Request',
      ServiceID,
      SaleID: saleId,
      POIID: poiId,
    };
  }

  /** False: it answers nothing that is open. */
  answered({ header, body }: NexoMessage): boolean {
    const asked = this.#asked.get(header.ServiceID ?? '');
    if (asked === undefined || !isEcho(header, asked.header)) return false;
    this.settle(header.ServiceID ?? '', { kind: 'response', body });
    return true;
  }

  /** An Event Reject. False: it is about nothing that is open. */
  rejected({ header, body }: NexoMessage): boolean {
    const id = header.ServiceID ?? '';
    if (!this.#asked.has(id)) return false;
    this.settle(id, {
      kind: 'rejected',
      why: textAt(body, 'EventDetails') ?? 'the terminal rejects the message',
    });
    return true;
  }

  /** Nobody will answer what is open. */
  loseAll(reason: CloseReason): void {
    for (const id of [...this.#asked.keys()]) this.settle(id, { kind: 'lost', reason });
  }

  /** What came of a request is known from elsewhere. Nothing happens where it is not open. */
  settle(id: string, reply: Reply): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    asked?.settle(reply);
  }
}

const LATE: CloseReason = { code: 'TIMEOUT', text: 'the terminal has not answered in time', by: 'us' };
