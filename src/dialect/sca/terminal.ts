import type { Assumptions } from './assumptions.ts';
import { Basket } from './basket.ts';
import type { CommandRules } from './commands.ts';
import { BUSY, NO_SESSION, SESSION_IN_PROGRESS, type Verdict } from './responses.ts';

/** A connection of a register, as far as the rules of sessions go. */
export interface Owner {
  /** The register: its MAC_LABEL, or the one that the terminal dials, or nobody in particular. */
  register: string;
  isOpen: boolean;
  /** It is nobody in particular, and cannot be told from others on another connection. */
  readonly isNameless: boolean;
}

export interface Session {
  readonly invoice: string;
  /** Part of the identity of its payments: the invoice and the start. */
  readonly receiptId: string;
  readonly startedMs: number;
  readonly owner: Owner;
  readonly basket: Basket;
  /** Whether START asked for running commentary. */
  readonly wantsNotifications: boolean;
  /** Where the register listens for what it has not asked for, beside TCP connections of its own. */
  readonly listener?: { readonly address: string; readonly port: number } | undefined;
  /** What identified its payments so far. */
  readonly payments: Set<string>;
}

/** A primary request that is being worked on. */
export interface Running {
  readonly owner: Owner;
  readonly command: string;
}

/**
 * What a terminal is doing, whichever connection asks: idle, in a session, busy with one primary request. The session
 * outlives the connection that has opened it.
 *
 *   idle ──START──▶ session ──FINISH of its owner, LANE_CLOSED, REBOOT──▶ idle
 *   a primary request makes either of them busy until it is answered
 */
export class Terminal {
  readonly #assumed: Assumptions;
  #session: Session | undefined;
  #running: Running | undefined;

  constructor(assumed: Assumptions) {
    this.#assumed = assumed;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get running(): Running | undefined {
    return this.#running;
  }

  /** Returns what a primary or secondary command is refused with because of what the terminal is doing. */
  refusalOf(functionType: string, command: string, rules: CommandRules, owner: Owner): Verdict | undefined {
    if (rules.isSecondary) return undefined;
    const isItem = functionType === 'LINE_ITEM' && this.#assumed['items-while-busy'] === 'yes';
    if (this.#running !== undefined && !isItem) return BUSY;
    if (rules.session === 'forbidden' && this.#session !== undefined) return SESSION_IN_PROGRESS;
    if (rules.session === 'needed') {
      if (this.#session === undefined) return NO_SESSION;
      if (command === 'FINISH' ? !this.#isOwner(owner) : owner.register !== this.#session.owner.register)
        return BUSY;
    }
    return undefined;
  }

  start(session: Omit<Session, 'basket' | 'payments'>): void {
    this.#session = { ...session, basket: new Basket(), payments: new Set() };
  }

  /** Ends the session. Returns the one that there was. */
  finish(): Session | undefined {
    const session = this.#session;
    this.#session = undefined;
    return session;
  }

  begin(running: Running): void {
    this.#running = running;
  }

  /** Nothing happens where another request is running by now. */
  end(running: Running): void {
    if (this.#running === running) this.#running = undefined;
  }

  #isOwner(owner: Owner): boolean {
    const own = this.#session?.owner;
    if (own === undefined || owner === own) return own !== undefined;
    // One without a name that is gone cannot come back as itself: its session would stay open for ever.
    const hasReturned = !own.isOpen && (own.isNameless || own.register === owner.register);
    return hasReturned && this.#assumed['finish-from'] === 'reconnected';
  }
}
