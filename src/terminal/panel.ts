import { setImmediate } from 'node:timers';
import type { Clock, Timer } from '../base/clock.ts';
import { MAX_RECEIPT_LINES, type ScreenState, type Stage } from './screen-model.ts';

type Shown = Pick<ScreenState, 'amount' | 'entered'>;

/** What can be seen and touched of the terminal: display, card reader, paper. */
export class Panel {
  readonly #clock: Clock;
  readonly #welcome: string;
  #stage: Stage = 'idle';
  #lines: readonly string[] = [];
  #shown: Shown = {};
  #insertedCard: string | undefined;
  #receipts: ScreenState['receipts'] = [];
  #lastOutcome: ScreenState['lastOutcome'];
  readonly #watchers = new Set<() => void>();
  #isTelling = false;
  #back: Timer | undefined;

  constructor(clock: Clock, welcome: string) {
    this.#clock = clock;
    this.#welcome = welcome;
    this.idle();
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** The id of the card in the chip reader. */
  get insertedCard(): string | undefined {
    return this.#insertedCard;
  }

  set insertedCard(card: string | undefined) {
    this.#insertedCard = card;
    this.changed();
  }

  get state(): Pick<
    ScreenState,
    'stage' | 'lines' | 'amount' | 'entered' | 'insertedCard' | 'receipts' | 'lastOutcome'
  > {
    return {
      stage: this.#stage,
      lines: this.#lines,
      ...this.#shown,
      receipts: this.#receipts,
      ...(this.#insertedCard !== undefined && { insertedCard: this.#insertedCard }),
      ...(this.#lastOutcome !== undefined && { lastOutcome: this.#lastOutcome }),
    };
  }

  idle(): void {
    this.show('idle', [this.#welcome]);
  }

  /** Shows something for a time, then the welcome again, unless there is something else by then. */
  showFor(durationMs: number, ...what: Parameters<Panel['show']>): void {
    this.show(...what);
    this.#back = this.#clock.after(durationMs, () => this.idle());
  }

  close(): void {
    this.#back?.cancel();
  }

  show(stage: Stage, lines: readonly string[], shown: Shown = {}): void {
    this.#back?.cancel();
    this.#stage = stage;
    this.#lines = lines;
    this.#shown = shown;
    this.changed();
  }

  /** What has been entered so far; of a PIN only how much. */
  echo(entered: NonNullable<ScreenState['entered']>): void {
    this.#shown = { ...this.#shown, entered };
    this.changed();
  }

  ended(outcome: NonNullable<ScreenState['lastOutcome']>): void {
    this.#lastOutcome = outcome;
    this.changed();
  }

  /** Puts a paper of its own out; the oldest lines go when there are too many. */
  print(lines: readonly string[]): void {
    this.#receipts = newest([...this.#receipts, lines], MAX_RECEIPT_LINES);
    this.changed();
  }

  tearReceipt(): void {
    this.#receipts = [];
    this.changed();
  }

  /** Calls back from a later turn, once for all changes of a turn. */
  watch(changed: () => void): () => void {
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  changed(): void {
    if (this.#isTelling || this.#watchers.size === 0) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      for (const watcher of [...this.#watchers]) watcher();
    });
  }
}

/** The last lines of `papers`, `count` of them at most, without papers that have none. */
function newest(papers: ScreenState['receipts'], count: number): ScreenState['receipts'] {
  const kept: (readonly string[])[] = [];
  let room = count;
  for (const paper of papers.toReversed()) {
    const lines = room === 0 ? [] : paper.slice(-room);
    if (lines.length > 0) kept.unshift(lines);
    room -= lines.length;
  }
  return kept;
}
