import { isoTime } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { OutcomeText as Answer } from '../../rpc/outcome.ts';
import { storable } from '../../rpc/storable.ts';
import { entryId } from '../../store/entry-id.ts';
import type { Outcome } from '../../store/entry-state.ts';
import { type SentRecord, VERSION } from '../../store/journal-record.ts';
import type { Identity } from '../identity.ts';
import type { JournalDeskOptions } from './desk-options.ts';
import type { TransactionRequest } from './request.ts';

/** What one connection writes into the journal. */
export class Records {
  readonly #options: JournalDeskOptions;

  constructor(options: JournalDeskOptions) {
    this.#options = options;
  }

  idOf(identity: Identity): string {
    return entryId(this.#options.register, identity.first, identity.rest);
  }

  /** Of a request that may begin. */
  async sentOf({ identity, record, compared, place }: TransactionRequest): Promise<SentRecord> {
    const [hash, at] = await Promise.all([this.#options.journal.fingerprint(compared), place()]);
    const where = at === undefined ? {} : { place: at };
    return this.#recordOf(identity, { ...record, ...where, state: 'sent', hash });
  }

  /** Of a transaction of which no request is known. */
  absent(identity: Identity): SentRecord {
    return this.#recordOf(identity, { state: 'absent', method: '' });
  }

  /** A first record, with what the desk knows itself. */
  #recordOf<R extends Pick<SentRecord, 'state' | 'method'>>(identity: Identity, record: R): SentRecord {
    const { register, connection, peer, clock } = this.#options;
    const { values, params } = identity;
    return {
      ...record,
      version: VERSION,
      register,
      identity: values,
      params: params.toString(),
      connection,
      ...(peer !== undefined && { peer }),
      time: isoTime(clock),
      ...clock.bootTime?.(),
    };
  }

  /** The outcome for the disk: never with card data or other secrets. */
  doneOf({ kind, text }: Answer): Outcome {
    const own = text.toString();
    const kept = storable(own);
    if (kept !== own) this.#options.log.warn('an answer has card secrets; it is stored without them');
    return { kind, text: kept, time: isoTime(this.#options.clock) };
  }

  /** Reports that the disk does not take what became of a transaction. */
  notTaken(fault: unknown): void {
    this.#options.log.error('THE JOURNAL CANNOT TAKE AN OUTCOME', {
      journal: this.#options.journal.text,
      why: describeFault(fault),
    });
  }
}
