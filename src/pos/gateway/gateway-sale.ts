import type { Abortable } from '../../application/abort.ts';
import type { Identifiers } from '../../application/identifiers.ts';
import type { Caller, Register } from '../../application/registers.ts';
import { meaningOfAnswer, type OutcomeText, readStatement } from '../../rpc/outcome.ts';
import type { OwnedEntry } from '../../store/owned-entry.ts';
import type { Answer } from '../answer.ts';
import type { TerminalConnection } from '../terminal-connection.ts';
import type { TerminalRecord, Terminals } from '../terminals.ts';
import { passedOn, refusal } from './gateway-answer.ts';
import type { GatewayStore } from './gateway-store.ts';
import { unsent, type Way } from './way.ts';

export interface GatewaySaleOptions {
  readonly method: string;
  /** JSON. */
  readonly params: string;
  readonly caller: Caller;
  readonly register: Register | undefined;
  readonly identifiers: Identifiers | undefined;
  readonly apiKey: string | undefined;
  /** Since when, for people. */
  readonly since: string;
  readonly way: Way;
  /** Where outcomes are kept, for terminals that cannot be asked for them. */
  readonly store: GatewayStore | undefined;
  readonly terminals: Terminals;
  /** Its answer was lost, after this terminal had it. */
  readonly lost: (terminal: TerminalRecord) => void;
  /** Tells the register something for its cashier. */
  readonly say: (message: string) => void;
}

/**
 * A sale that has the terminal: connecting ──▶ sent ──▶ over.
 *
 * It is sent once or not at all. An answer that may have been lost is answered with OUTCOME_UNKNOWN, never with an
 * outcome: the bridge then asks by Check.
 */
export class GatewaySale implements Abortable {
  readonly caller: Caller;
  readonly register: Register | undefined;
  readonly identifiers: Identifiers | undefined;
  readonly apiKey: string | undefined;
  readonly since: string;
  readonly #options: GatewaySaleOptions;
  readonly #giveUp = new AbortController();
  #connection: TerminalConnection | undefined;
  #isWatched = true;
  #serialNumber: string | undefined;

  constructor(options: GatewaySaleOptions) {
    this.#options = options;
    this.caller = options.caller;
    this.register = options.register;
    this.identifiers = options.identifiers;
    this.apiKey = options.apiKey;
    this.since = options.since;
  }

  /** What carries it, once it is sent. */
  get connection(): TerminalConnection | undefined {
    return this.#connection;
  }

  /** Whether its register's connection is still there. */
  get isWatched(): boolean {
    return this.#isWatched;
  }

  /** Some connections are gone. */
  left(isGone: (caller: Caller) => boolean): void {
    if (isGone(this.caller)) this.#isWatched = false;
  }

  /** It was not sent yet, and will not be. False: it was. */
  withdraw(): boolean {
    if (this.#connection !== undefined) return false;
    this.#giveUp.abort();
    return true;
  }

  /** Resolves to what the register is answered. */
  async run(): Promise<OutcomeText> {
    const { store, method, params, identifiers } = this.#options;
    const begun = identifiers && (await store?.begin(identifiers, method, params));
    if (begun !== undefined && 'kind' in begun) return begun;
    const entry = begun && new Entry(begun, store);
    const answer = await this.#send();
    if ('kind' in answer) {
      await entry?.withdraw();
      return answer;
    }
    return this.#judge(await answer.given, entry);
  }

  async #send(): Promise<OutcomeText | { readonly given: Promise<Answer> }> {
    const { way, method, params, terminals } = this.#options;
    const { signal } = this.#giveUp;
    for (;;) {
      const connection = await way.provenConnection(signal);
      if (signal.aborted) return refusal('ABORTED', 'aborted before it was sent to the terminal');
      if ('kind' in connection) return connection;
      const given = connection.ask(method, params);
      if (given === 'closed') continue;
      if (typeof given === 'string') return unsent(given);
      this.#connection = connection;
      // Not waited for: who has the sale is good to know, but not now.
      void terminals.serialNumberOf(connection).then((serialNumber) => {
        this.#serialNumber = serialNumber;
      });
      return { given };
    }
  }

  async #judge(answer: Answer, entry: Entry | undefined): Promise<OutcomeText> {
    if (answer.lost !== undefined) {
      await entry?.release();
      this.#sayUnknown();
      const { terminals, lost } = this.#options;
      lost({ place: await terminals.place, serialNumber: this.#serialNumber });
      const why = `the connection to the terminal was lost in mid-transaction (${answer.lost.text})`;
      return refusal('OUTCOME_UNKNOWN', `${why}; it may be charged`);
    }
    const passed = passedOn(answer);
    switch (meaningOfAnswer(readStatement(passed).says)) {
      case 'charged':
      case 'not-charged':
        await entry?.finish(answer);
        break;
      case 'refused':
        await entry?.withdraw();
        break;
      case 'ask':
        await entry?.release();
        this.#sayUnknown();
    }
    return passed;
  }

  /** Nothing but a person can end it now: the cashier does not have to wait until the bridge gives up. */
  #sayUnknown(): void {
    const { store, say } = this.#options;
    if (store !== undefined && this.#isWatched) say(LOOK);
  }
}

const LOOK =
  'It is not known whether this was paid. Look at the receipt or the list of payments of the terminal before you take money again.';

/** The sale's place in the store. */
class Entry {
  readonly #owned: OwnedEntry;
  readonly #store: GatewayStore | undefined;

  constructor({ owned }: { readonly owned: OwnedEntry }, store: GatewayStore | undefined) {
    this.#owned = owned;
    this.#store = store;
  }

  async finish(answer: Answer): Promise<void> {
    await this.#store?.finish(this.#owned, answer);
  }

  async withdraw(): Promise<void> {
    await this.#store?.withdraw(this.#owned);
  }

  async release(): Promise<void> {
    await this.#store?.release(this.#owned);
  }
}
