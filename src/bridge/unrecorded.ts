import type { Attachment } from '../channel/channel.ts';
import type { InboundRequest, TransactionRules } from '../dialect/dialect.ts';
import { errorText } from '../rpc/error-object.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';
import type { LockHolder } from '../store/lock.ts';
import type { Applications } from './applications.ts';
import type { Identity } from './identity.ts';
import type { Judge } from './judge.ts';
import type { OpenRequest, OpenTransaction } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';
import { beginRunning, type Running, runningNamed } from './running.ts';
import { STOPPING } from './stopping.ts';
import type { TerminalTurn } from './terminal-turn.ts';
import type { TransactionReader } from './transaction-reader.ts';

export interface UnrecordedOptions {
  readonly requests: OpenRequests;
  readonly applications: Applications;
  readonly reader: TransactionReader;
  readonly turn: TerminalTurn;
  readonly rules: TransactionRules;
  readonly judge: Judge;
  readonly isStopping: () => boolean;
  readonly open: (request: InboundRequest, beginning: Beginning) => OpenRequest;
  readonly forward: (open: OpenRequest, bytes: Buffer) => void;
}

/** How a transaction begins. */
export interface Beginning {
  readonly attachment: Attachment | undefined;
  readonly identity: Identity | undefined;
  readonly state: OpenTransaction['state'];
  /** Frees the terminal. */
  readonly release?: () => void;
}

/** Transactions without a journal: what is known of them is known while they run, and in this process. */
export class Unrecorded {
  readonly #options: UnrecordedOptions;

  constructor(options: UnrecordedOptions) {
    this.#options = options;
  }

  start(request: InboundRequest, attachment: Attachment, identity: Identity | undefined): void {
    const name = identity === undefined ? undefined : this.#options.reader.nameOf(identity);
    const compared = this.#options.reader.comparedOf(request);
    // Where nobody can be asked for an outcome, the application itself knows a repeated request: it must not wait for
    // the first.
    const isJoined = name !== undefined && this.#options.rules.recovery !== undefined;
    const place = isJoined ? `${attachment.text} ${name}` : undefined;
    const twin = place === undefined ? undefined : runningNamed(place);
    if (twin !== undefined) {
      this.#join(
        this.#options.open(request, { attachment: undefined, identity, state: 'undecided' }),
        twin,
        compared,
      );
      return;
    }
    const attempt = this.#options.turn.tryAcquire(name);
    if (!attempt.acquired) {
      const open = this.#options.open(request, { attachment, identity, state: 'undecided' });
      this.#options.requests.holdOpen(this.#options.turn.refuse(open, attempt, name));
    } else if (this.#options.isStopping()) {
      attempt.release();
      this.#options.requests.refuse(request, 'CHANNEL_UNAVAILABLE', STOPPING);
    } else {
      const open = this.#options.open(request, {
        attachment,
        identity,
        state: 'queued',
        release: attempt.release,
      });
      if (open.transaction !== undefined && place !== undefined) {
        open.transaction.ended = beginRunning(place, compared);
      }
      this.#options.forward(open, this.#options.applications.lineOf(open, request));
    }
  }

  /** Waits for the first request of the same transaction, and gets the same answer. */
  #join(open: OpenRequest, running: Running, compared: string): void {
    if (running.compared !== compared) {
      const details = 'another request with these identifiers is running';
      this.#options.requests.settleRefused(open, 'DUPLICATE_TRANSACTION', details);
      return;
    }
    open.timer?.cancel();
    running.waiting.push((end) => {
      if (!this.#options.requests.has(open)) return;
      if (end.kind === 'refused') this.#options.requests.settleRefused(open, end.code, end.details);
      else if (end.kind === 'answer') this.#options.requests.finishWith(open, end.answer);
      else this.#options.requests.endUnknown(open, 'the first request for this transaction has no outcome');
    });
  }

  /**
   * What an application says to a recovery request that was passed on, for there is no journal. That it does not find a
   * transaction which another request still waits for proves nothing; undefined: the answer is given as it is.
   */
  overruled(open: OpenRequest, answer: Answer): Promise<Answer> | undefined {
    const { applications, requests, reader, turn, judge } = this.#options;
    const { identity } = open;
    if (identity === undefined || !requests.isRecovery(open.method)) return undefined;
    if (judge.answer(answer).says !== 'not-found') return undefined;
    const active: Answer = {
      kind: 'error',
      text: errorText('TRANSACTION_ACTIVE', 'its request is not answered yet; ask again in a few seconds'),
    };
    const name = reader.nameOf(identity);
    const isHere = [...applications].some(({ text }) => runningNamed(`${text} ${name}`) !== undefined);
    if (isHere) return Promise.resolve(active);
    const attempt = turn.tryAcquire();
    if (attempt.acquired) {
      attempt.release();
      return undefined;
    }
    const own: Answer = { kind: answer.kind, text: Buffer.from(answer.text) };
    // A holder that cannot be told may be at this very transaction.
    const isOther = (holder: LockHolder | undefined) => holder !== undefined && holder.transaction !== name;
    return attempt.holder().then((holder) => (isOther(holder) ? own : active));
  }
}
