import { RESULT } from './catalogue.ts';
import { itemsOf } from './field-json.ts';
import { type Body, type EcrMessage, encodeBody } from './frame.ts';
import { US } from './frame-decoder.ts';
import type { SparingLog } from './sparing-log.ts';

/** What a device says of itself. */
export interface Device {
  readonly vendor: string;
  readonly type: string;
  readonly id: string;
  /** The fields of D5. */
  readonly parameters: readonly Buffer[];
}

/** Without their dot, the highest last. */
const VERSIONS = ['160', '170'] as const;
const HIGHEST = VERSIONS[VERSIONS.length - 1] as string;

/** Answers what concerns the two devices alone: link test, versions, parameters, keys. */
export class House {
  readonly #device: Device;
  readonly #log: SparingLog;
  /** What T2 says. */
  readonly #identity: readonly Buffer[];
  readonly #identityBody: Body;
  /** What both sides speak, as far as it is known. */
  version: string | undefined;

  constructor(device: Device, log: SparingLog) {
    this.#device = device;
    this.#log = log;
    const { vendor, type, id } = device;
    this.#identity = [HIGHEST, vendor, type, id].map((text) => Buffer.from(text));
    this.#identityBody = encodeBody({ type: 'T2', fields: this.#identity });
  }

  /** The answer; undefined where none is due. */
  answer({ token, type, fields }: EcrMessage): (EcrMessage & { readonly body?: Body }) | undefined {
    switch (type) {
      case 'T1':
        return { token, type: 'T2', fields: this.#identity, body: this.#identityBody };
      case 'T3':
        return { token, type: 'T4', fields: [listOf(VERSIONS)] };
      case 'T4':
        return { token, type: 'T5', fields: [Buffer.from(this.#select(fields))] };
      case 'D4':
        return { token, type: 'D5', fields: this.#device.parameters };
      case 'B1':
        this.#log.tell('warn', 'the peer wants to exchange keys, which posbridge cannot; it is refused');
        return { token, type: 'B2', fields: [...this.#identity, REFUSED] };
      case 'B3':
        this.#log.tell('warn', 'the peer sends a key that nobody asked for; it is refused');
        return { token, type: 'B4', fields: [REFUSED] };
      default:
        this.#note(type, fields);
        return undefined;
    }
  }

  /**
   * The highest version that both have. Versions may stand in a list or in fields of their own, and empty ones mean
   * nothing.
   */
  #select(fields: readonly Buffer[]): string {
    const offered = new Set(fields.flatMap(itemsOf).map((item) => item.toString('latin1')));
    const common = VERSIONS.findLast((version) => offered.has(version));
    if (common === undefined) {
      const theirs = [...offered].filter((version) => version !== '').join(', ');
      this.#log.tell('error', 'the peer and posbridge have no version in common', {
        theirs,
        ours: VERSIONS.join(', '),
      });
    }
    this.version = common ?? HIGHEST;
    return this.version;
  }

  #note(type: string, fields: readonly Buffer[]): void {
    const version = fields[0]?.toString('latin1');
    if (type === 'T5') {
      this.version = version;
      this.#log.tell('info', 'the peer has selected a version', { version });
    } else if (type === 'T2') this.version ??= version;
    else this.#log.tell('info', 'the peer answers what nobody asked', { type });
  }
}

function listOf(items: readonly string[]): Buffer {
  return Buffer.from(items.map((item) => `${item}${String.fromCharCode(US)}`).join(''));
}

const REFUSED = Buffer.from(String(RESULT.refused));
