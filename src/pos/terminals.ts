import type { Clock } from '../base/clock.ts';
import { maskText } from '../base/mask.ts';
import type { WireEndpoint } from '../endpoint/endpoint.ts';
import { placeOf } from '../endpoint/place.ts';
import { readTerminalInfo } from './status.ts';
import type { TerminalConnection } from './terminal-connection.ts';
import { Limit, unlessAborted } from './wait.ts';

/** How long it is waited for a terminal to say who it is. */
const ANSWER_MS = 5000;

/** Which terminal a sale went to. */
export interface TerminalRecord {
  /** Where it was. */
  readonly place: string;
  /** Undefined where it has not said. */
  readonly serialNumber: string | undefined;
}

export interface TerminalsOptions {
  readonly to: WireEndpoint;
  readonly clock: Clock;
  /** Params of the question. */
  readonly params: string;
}

/**
 * Who is at the other end. Two terminals are the same if their serial numbers are, wherever they are; where one of
 * the numbers is not known, if their places are.
 */
export class Terminals {
  readonly #options: TerminalsOptions;
  #place: Promise<string> | undefined;
  readonly #serialNumbers = new WeakMap<TerminalConnection, Promise<string | undefined>>();

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  /** Where the terminal is, however that is written; what only says how to speak is left out. Never rejects. */
  get place(): Promise<string> {
    this.#place ??= this.#findPlace();
    return this.#place;
  }

  /** Asks, once a connection, and is never in anybody's way: undefined when it does not say in time. Never rejects. */
  serialNumberOf(connection: TerminalConnection): Promise<string | undefined> {
    const known = this.#serialNumbers.get(connection);
    if (known !== undefined) return known;
    const asked = this.#ask(connection);
    this.#serialNumbers.set(connection, asked);
    return asked;
  }

  /**
   * The terminal at the other end, if it is certainly another one; undefined where it is the one of the record, or may
   * be.
   */
  async other(
    record: TerminalRecord | undefined,
    connection: TerminalConnection,
  ): Promise<TerminalRecord | undefined> {
    if (record === undefined) return undefined;
    const place = await this.place;
    if (record.serialNumber === undefined) {
      return record.place === place ? undefined : { place, serialNumber: undefined };
    }
    const serialNumber = await this.serialNumberOf(connection);
    const isSame = serialNumber === undefined ? record.place === place : record.serialNumber === serialNumber;
    return isSame ? undefined : { place, serialNumber };
  }

  async #findPlace(): Promise<string> {
    return maskText(await placeOf(this.#options.to));
  }

  async #ask(connection: TerminalConnection): Promise<string | undefined> {
    const { clock, params } = this.#options;
    const asked = connection.ask('TerminalInfo', params);
    if (typeof asked === 'string') return undefined;
    const limit = new Limit(clock, ANSWER_MS);
    const answer = await unlessAborted(asked, limit.signal);
    limit.stop();
    return answer?.kind === 'result' ? readTerminalInfo(answer.text).serialNumber : undefined;
  }
}

/** For people. */
export function describeTerminal({ place, serialNumber }: TerminalRecord): string {
  return serialNumber === undefined ? place : `${place} (serial number ${serialNumber})`;
}
