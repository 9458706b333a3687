import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { identify } from '../../src/bridge/identity.ts';
import type { Acceptance, TransactionRequest } from '../../src/bridge/journal/request.ts';
import { JournalDesk } from '../../src/bridge/journal-desk.ts';
import { Judge } from '../../src/bridge/judge.ts';
import { errorText } from '../../src/rpc/error-object.ts';
import type { OutcomeText as Answer } from '../../src/rpc/outcome.ts';
import { Journal } from '../../src/store/journal.ts';
import { processLock, type TransactionLock } from '../../src/store/lock.ts';
import type { FakeClock } from '../kit/fake-clock.ts';
import { after, openJournal } from '../store/journal-kit.ts';

export const OUTCOME_WAIT_MS = 900_000;
export const REPEAT_WINDOW_MS = 900_000;

/** One turn of the loop: what is ready happens, and the disk may get further. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits for the disk and for promises; the clock stands still. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

/** Lets time pass while somebody waits for it, until it is so. */
export async function passUntil(clock: FakeClock, isSo: () => boolean, stepMs = 100): Promise<void> {
  while (!isSo()) {
    if (clock.timerCount > 0) clock.advance(stepMs);
    await turn();
  }
}

/** A promise that can be looked at. */
export interface Watched<T> {
  value: T | undefined;
  readonly promise: Promise<T>;
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { value: undefined, promise };
  void promise.then((value) => {
    watched.value = value;
  });
  return watched;
}

export function result(text: string): Answer {
  return { kind: 'result', text: Buffer.from(text) };
}

export function failure(code: string, details = 'said the application'): Answer {
  return { kind: 'error', text: errorText(code, details) };
}

/** The application, as far as it can be asked. */
export class AskedApplication {
  /** The channels that questions came on. */
  readonly questions: (string | undefined)[] = [];
  /** What was asked. */
  readonly params: string[] = [];
  #answers: ((answer: Answer | undefined) => void)[] = [];
  #ready: (Answer | undefined)[] = [];

  readonly ask: TransactionRequest['ask'] = ({ params, sent }) => {
    this.questions.push(sent?.channel);
    this.params.push(params.toString());
    return new Promise((resolve) => {
      if (this.#ready.length > 0) resolve(this.#ready.shift());
      else this.#answers.push(resolve);
    });
  };

  /** Answers the oldest open question, or the next one. */
  answer(answer: Answer | undefined): void {
    const waiting = this.#answers.shift();
    if (waiting === undefined) this.#ready.push(answer);
    else waiting(answer);
  }
}

export interface DeskBench {
  readonly register: string;
  readonly desk: JournalDesk;
  readonly journal: Journal;
  readonly folder: string;
  readonly clock: FakeClock;
  readonly app: AskedApplication;
  readonly lines: string[];
  readonly terminal: TransactionLock;
  request(params?: object, more?: Partial<TransactionRequest['record']>): Played;
  identityOf(params?: object): NonNullable<TransactionRequest['identity']>;
  idOf(params?: object): string;
}

/** A request and what the desk has told it. */
export interface Played extends TransactionRequest {
  delays: number;
  isLeft: boolean;
}

let terminals = 0;
let connections = 0;

function nextConnection(register: string): string {
  connections += 1;
  return `${register}.${connections}`;
}

/**
 * A desk on a real journal. With `beside` another one on the same journal, terminal and clock, as in another process.
 */
export async function deskBench({
  register = 'till-1',
  connection = nextConnection(register),
  peer = '192.0.2.7',
  beside,
  journal: shared,
}: {
  register?: string;
  connection?: string;
  peer?: string;
  /** In the same process. */
  journal?: Journal;
  beside?: DeskBench;
} = {}): Promise<DeskBench> {
  const opened =
    beside === undefined ? await openJournal() : await openJournal(beside.folder, { clock: beside.clock });
  const { folder, clock } = opened;
  const journal = shared ?? opened.journal;
  const sink = memorySink();
  const log = createLogger({ format: 'human', clock, level: 'info', sink });
  const desk = new JournalDesk({
    journal,
    register,
    connection,
    peer,
    repeatWindowMs: REPEAT_WINDOW_MS,
    outcomeWaitMs: OUTCOME_WAIT_MS,
    notFoundAfterMs: 5000,
    judge: new Judge({
      outcomeCodes: new Set(),
      names: { receipt: 'receipt_id', amount: 'amount', currency: 'currency' },
      log,
    }),
    clock,
    log,
  });
  const accept = desk.accept.bind(desk);
  // An entry that nobody holds any more would be closed by the garbage collector, as if its process had died.
  desk.accept = async (request) => {
    const acceptance = await accept(request);
    if (acceptance.kind === 'begun') after(() => acceptance.entry.release());
    return acceptance;
  };
  terminals += 1;
  const terminal = processLock(beside?.terminal.text ?? `desk ${terminals}`);
  const app = new AskedApplication();
  const identityOf = (params: object = {}) => {
    const text = JSON.stringify({ receipt_id: 17, sequence_id: 1, ...params });
    const identity = identify(Buffer.from(text), ['receipt_id', 'sequence_id']);
    if (typeof identity === 'string') throw new Error(identity);
    return identity;
  };
  return {
    register,
    desk,
    journal,
    folder,
    clock,
    app,
    lines: sink.lines,
    terminal,
    identityOf,
    idOf: (params) => {
      const { first, rest } = identityOf(params);
      return Journal.idOf(register, first, rest);
    },
    request: (params, more) => {
      const played: Played = {
        identity: identityOf(params),
        record: {
          method: 'Purchase',
          channel: 'payment',
          amount: '1230',
          currency: 'EUR',
          ...more,
        },
        compared: JSON.stringify({ method: 'Purchase', amount: '1230', currency: 'EUR', ...more }),
        place: async () => 'unix:/run/pay.sock',
        acquire: () =>
          terminal.tryAcquire({
            connection: register,
            pid: process.pid,
            since: new Date(clock.wallMs()).toISOString(),
          }),
        ask: app.ask,
        mayBegin: () => true,
        delays: 0,
        isLeft: false,
        delayed() {
          played.delays += 1;
        },
        isAbandoned: () => played.isLeft,
      };
      return played;
    },
  };
}

/** Accepts what must be new. */
export async function beginAt(
  bench: DeskBench,
  params?: object,
  more?: Partial<TransactionRequest['record']>,
) {
  const acceptance = await bench.desk.accept(bench.request(params, more));
  if (acceptance.kind !== 'begun') throw new Error(`it is ${acceptance.kind}`);
  return acceptance;
}

/** Accepts and ends. */
export async function endAt(bench: DeskBench, answer: Answer, params?: object): Promise<void> {
  const { entry, release } = await beginAt(bench, params);
  await bench.desk.outcomes.record(entry, answer);
  release();
}

/** The same once more from another connection, in another process. */
export async function repeatAt(
  bench: DeskBench,
  params?: object,
  more?: Partial<TransactionRequest['record']>,
): Promise<Acceptance> {
  const beside = await deskBench({ register: bench.register, beside: bench });
  return beside.desk.accept({ ...beside.request(params, more), ask: bench.app.ask });
}

/** What a register is told whose identifiers belong to another transaction. */
export function duplicateIn(acceptance: Acceptance): { details: string; display: string } | undefined {
  if (acceptance.kind !== 'duplicate') return undefined;
  const { data } = JSON.parse(acceptance.text.toString());
  if (data.string_code !== 'DUPLICATE_TRANSACTION') throw new Error(data.string_code);
  return { details: data.details, display: data.display_message };
}

/** Accepts, then its process dies. */
export async function abandonAt(
  bench: DeskBench,
  params?: object,
  more?: Partial<TransactionRequest['record']>,
): Promise<void> {
  const { entry, release } = await beginAt(bench, params, more);
  await entry.release();
  release();
}

export function codeOf({ kind, text }: Answer): string {
  return kind === 'result' ? 'result' : JSON.parse(text.toString()).data.string_code;
}

export function detailsOf({ text }: Answer): string {
  return JSON.parse(text.toString()).data.details;
}
