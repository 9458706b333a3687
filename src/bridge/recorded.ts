import { faultPoint } from '../base/fault-point.ts';
import { ownLine } from '../channel/application-line.ts';
import type { Attachment } from '../channel/channel.ts';
import type { InboundRequest } from '../dialect/dialect.ts';
import type { Identity } from './identity.ts';
import type { Acceptance } from './journal/request.ts';
import type { JournalDesk } from './journal-desk.ts';
import type { OpenRequest } from './open-request.ts';
import { type OutcomeSearch, placeAt } from './outcome-search.ts';
import { STOPPING } from './stopping.ts';
import type { UnrecordedOptions } from './unrecorded.ts';

/** Transactions of one connection that may wait for the journal: each keeps its params. */
const MAX_ACCEPTING = 64;

export interface RecordedOptions extends UnrecordedOptions {
  readonly search: OutcomeSearch;
  readonly pid: number;
  /** Ends it without an outcome. */
  readonly giveUp: (open: OpenRequest, why: string) => void;
}

/** Transactions with a journal, which decides what becomes of a request before an application has any of it. */
export class Recorded {
  readonly #options: RecordedOptions;
  /** Requests that the journal has not decided yet. */
  #accepting = 0;

  constructor(options: RecordedOptions) {
    this.#options = options;
  }

  start(request: InboundRequest, attachment: Attachment, identity: Identity, desk: JournalDesk): void {
    const { requests } = this.#options;
    const open = this.#options.open(request, { attachment, identity, state: 'undecided' });
    if (this.#accepting >= MAX_ACCEPTING) {
      // It may be a repetition of one that is running, so it is not refused.
      requests.endUnknown(open, `${MAX_ACCEPTING} transactions wait to be recorded already`);
      return;
    }
    const own = { ...request, params: Buffer.from(request.params) };
    requests.holdOpen(this.#accept(open, identity, own, attachment, desk));
  }

  async #accept(
    open: OpenRequest,
    identity: Identity,
    request: InboundRequest,
    attachment: Attachment,
    desk: JournalDesk,
  ): Promise<void> {
    const bytes = ownLine(this.#options.applications.lineOf(open, request));
    const letGo = this.#options.applications.holdBack(attachment);
    const carried = this.#options.reader.carriedBy(request.params);
    this.#accepting += 1;
    const acceptance = await desk.accept({
      identity,
      record: {
        method: request.method,
        channel: this.#options.applications.channelOf(request.method),
        pid: this.#options.pid,
        ...this.#options.reader.moneyOf(request.params),
      },
      place: () => placeAt(attachment),
      compared: this.#options.reader.comparedOf(request),
      acquire: (transaction) => this.#options.turn.acquire(transaction),
      isRepeatable: this.#options.rules.recovery === undefined,
      repeated: (outcome) => this.#options.rules.repeated?.(request.method, outcome),
      mayBegin: () => !this.#options.isStopping(),
      ask: (question) => this.#options.search.askOnce(question, carried),
      delayed: () => {
        open.timer?.cancel(); // waiting for the holder of the same transaction has a limit of its own
        letGo();
      },
      isAbandoned: () => !this.#options.requests.has(open),
    });
    this.#accepting -= 1;
    this.#accepted(open, bytes, acceptance);
    letGo();
  }

  #accepted(open: OpenRequest, bytes: Buffer, acceptance: Acceptance): void {
    const { transaction } = open;
    if (!this.#options.requests.has(open) || transaction === undefined) {
      if (acceptance.kind !== 'begun') return;
      acceptance.release();
      this.#options.requests.holdOpen(this.#options.requests.withdraw(acceptance.entry));
      return;
    }
    switch (acceptance.kind) {
      case 'begun':
        transaction.entry = acceptance.entry;
        transaction.release = acceptance.release;
        transaction.state = 'queued';
        if (this.#options.isStopping()) {
          this.#options.giveUp(open, STOPPING);
          return;
        }
        faultPoint('after-sent');
        this.#options.forward(open, bytes);
        faultPoint('after-hand-over');
        return;
      case 'answer':
        this.#options.requests.finishWith(open, acceptance.answer);
        return;
      case 'duplicate':
        this.#options.requests.finishWith(open, { kind: 'error', text: acceptance.text });
        return;
      case 'refused':
        this.#options.requests.settleRefused(open, acceptance.code, acceptance.details);
        return;
      case 'busy':
        this.#options.requests.holdOpen(this.#options.turn.refuse(open, acceptance.attempt, undefined));
        return;
      case 'unknown':
        this.#options.requests.endUnknown(open, acceptance.details);
    }
  }
}
