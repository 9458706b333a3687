import type { Statistics } from '../../base/statistics.ts';
import { CATALOGUE, type Lane } from './catalogue.ts';
import type { SparingLog } from './sparing-log.ts';

/** Notes requests of the peer that come while an earlier one of the same lane is open. Nothing is refused for it. */
export class Lanes {
  readonly #log: SparingLog;
  readonly #statistics: Statistics;
  readonly #open = new Map<Lane, Set<number>>();

  constructor(log: SparingLog, statistics: Statistics) {
    this.#log = log;
    this.#statistics = statistics;
  }

  begin(type: string, token: number): void {
    const { lane, answer } = CATALOGUE.get(type) ?? {};
    if (lane === undefined || answer === undefined) return;
    const open = this.#open.get(lane) ?? new Set();
    this.#open.set(lane, open);
    if (open.size > 0) {
      this.#statistics.count('requests out of turn');
      this.#log.tell('warn', 'the peer asks before its last request of the same lane is answered', {
        type,
        lane,
      });
    }
    open.add(token);
  }

  end(type: string, token: number): void {
    const lane = CATALOGUE.get(type)?.lane;
    if (lane !== undefined) this.#open.get(lane)?.delete(token);
  }
}
