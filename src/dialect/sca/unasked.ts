import { TokenBucket } from '../../base/token-bucket.ts';
import type { Beside, ConversationHost } from '../dialect.ts';
import { encodeDocument, type ScaDocument } from './document.ts';
import type { Session } from './terminal.ts';

/** At once and per second; what is more is dropped. */
const ALLOWANCE = { burst: 200, ratePerS: 20 };

/**
 * Brings a register on TCP what it has not asked for, to where it listens (POS_IP and POS_PORT of START). Only to its
 * own machine: nobody may make a terminal connect elsewhere. Nothing is repeated, and nothing waits for it.
 */
export class Unasked {
  readonly #host: ConversationHost;
  readonly #allowance: TokenBucket;
  #line: Beside | undefined;
  #session: Session | undefined;
  #isTold = false;

  constructor(host: ConversationHost) {
    this.#host = host;
    this.#allowance = new TokenBucket({ ...ALLOWANCE, clock: host.clock });
  }

  tell(session: Session, response: ScaDocument): void {
    if (this.#session !== session) {
      this.close();
      this.#session = session;
      this.#isTold = false;
    }
    if (!this.#allowance.take(1)) return;
    this.#line ??= this.#open(session);
    if (this.#line === undefined) this.#fail('POS_IP is not the address of the register');
    else this.#line.send(encodeDocument(response));
  }

  close(): void {
    this.#line?.close();
    this.#line = undefined;
  }

  #open({ listener }: Session): Beside | undefined {
    if (listener === undefined) return undefined;
    const events = {
      received: () => {},
      closed: () => {
        this.#line = undefined;
        this.#fail('the register does not listen there');
      },
    };
    return this.#host.beside?.(listener.port, events, listener.address);
  }

  /** Once a session: it is only information. */
  #fail(why: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#host.log.warn('what the register has not asked for is not delivered', { why });
  }
}
