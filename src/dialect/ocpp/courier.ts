import type { Timer } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import { describeFault } from '../../base/errors.ts';
import type { Conversation, ConversationHost, ErrandHost } from '../dialect.ts';
import { AskingApplication } from './asking-application.ts';
import type { CentralStore } from './database/store.ts';
import { deliver, drainSpool } from './deliver.ts';
import { failureText } from './mapping.ts';
import { Waits } from './waits.ts';

const SWEEP_MS = 15_000;
/**
 * Charge points whose applications are away, one after the other, after which the others have to wait for the next
 * round.
 */
const MAX_AWAY = 3;

export interface CourierParts {
  readonly host: ErrandHost;
  readonly store: CentralStore;
  readonly isConnected: (identity: string) => boolean;
}

/**
 * Delivers what is spooled for charge points that are not connected: each on a connection of its own, which the
 * application is told of, one after the other, and by one process alone.
 */
export class Courier {
  readonly #parts: CourierParts;
  /** Those on whose behalf a delivery is under way. */
  readonly #under = new Map<string, { readonly done: Promise<void>; end?: () => void }>();
  /** Whose application was away: they come last. */
  readonly #late = new Set<string>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: CourierParts) {
    this.#parts = parts;
    void this.#sweep();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** Resolves when nothing is under way for this charge point. */
  async quiet(identity: string): Promise<void> {
    await this.#under.get(identity)?.done;
  }

  /** Somebody else serves it. */
  stop(identity: string): void {
    this.#under.get(identity)?.end?.();
  }

  /** Never rejects. */
  async #sweep(): Promise<void> {
    const { store, host } = this.#parts;
    try {
      const identities = await store.spooledFor();
      const first = identities.filter((identity) => !this.#late.has(identity));
      const last = identities.filter((identity) => this.#late.has(identity));
      let away = 0;
      for (const identity of [...first, ...last]) {
        if (this.#isClosed || away >= MAX_AWAY) break;
        if (await this.#deliver(identity)) {
          this.#late.delete(identity);
          away = 0;
        } else {
          this.#late.add(identity);
          away += 1;
        }
      }
      for (const identity of this.#late) if (!identities.includes(identity)) this.#late.delete(identity);
    } catch (fault) {
      host.log.debug('the spool cannot be read', { why: describeFault(fault) });
    }
    if (!this.#isClosed) this.#timer = host.clock.after(SWEEP_MS, () => void this.#sweep());
  }

  /** False: the application is away. */
  async #deliver(identity: string): Promise<boolean> {
    const { store, host, isConnected } = this.#parts;
    if (isConnected(identity) || !(await store.presence.claim(identity))) return true;
    const outcome: { how: 'empty' | 'away' } = { how: 'away' };
    const ran = host.run(
      identity,
      (conversing) =>
        new Errand(conversing, identity, {
          store,
          began: (end) => {
            const entry = this.#under.get(identity);
            if (entry !== undefined) entry.end = end;
          },
          ended: (how) => {
            outcome.how = how;
          },
        }),
    );
    const done = ran.finally(() => this.#under.delete(identity));
    this.#under.set(identity, { done });
    await done;
    store.presence.release(identity);
    return outcome.how === 'empty';
  }
}

interface ErrandParts {
  readonly store: CentralStore;
  readonly began: (end: () => void) => void;
  readonly ended: (how: 'empty' | 'away') => void;
}

/** A connection without a charge point, which ends when nothing is left to deliver, or nobody takes it. */
class Errand implements Conversation {
  readonly #host: ConversationHost;
  readonly #parts: ErrandParts;
  readonly #waits = new Waits();
  #closed: ((reason: CloseReason) => void) | undefined;
  #isOver = false;

  constructor(host: ConversationHost, identity: string, parts: ErrandParts) {
    this.#host = host;
    this.#parts = parts;
    parts.began(() => this.#end('the charge point is served elsewhere', 'empty'));
    // The host is told when it is ready to hear it.
    queueMicrotask(() => void this.#run(identity));
  }

  receive(): void {}
  endOfInput(): void {}
  congested(): void {}

  lost(): void {
    this.#end('the errand is given up', 'away');
  }

  stop(): void {
    this.#end('the bridge is being stopped', 'away');
  }

  async #run(identity: string): Promise<void> {
    if (this.#isOver) return;
    const { store } = this.#parts;
    const events = this.#host.opened(
      {
        request: (_method, _params, settle) => {
          settle({ kind: 'error', text: failureText('not connected', identity), depth: 3 });
          return 'sent';
        },
        notify: () => 'closed',
        close: () => this.#end('the bridge is being stopped', 'away'),
      },
      identity,
    );
    this.#closed = (reason) => events.closed(reason);
    const asking = new AskingApplication(events, () => !this.#isOver);
    const parts = {
      ask: asking.ask.bind(asking),
      log: this.#host.log,
      waits: this.#waits,
    };
    const how = await drainSpool(store, identity, {
      deliver: (message) => deliver(message, parts),
      isOver: () => this.#isOver,
    }).catch(() => 'away' as const);
    this.#end(how === 'empty' ? 'nothing is left to deliver' : 'the application takes nothing', how);
  }

  #end(text: string, how: 'empty' | 'away'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const reason: CloseReason = { code: 'CONNECTION_CLOSED', text, by: 'us' };
    this.#waits.close();
    this.#parts.ended(how);
    this.#closed?.(reason);
    this.#host.finished(reason, 'ended');
  }
}
