import { isBegunBy, SIGNATURE, WORD } from '../wire/proxy-header.ts';

/**
 * Looks at the first bytes of a stream for protocols that a web page can be made to speak. Behind such a beginning a
 * page of anybody's can put what it likes: a body that is a Refund, a TLS session ticket that holds a `_Sync`. A
 * proxy's header is found as well, for an operator who has not said that the proxy may send one.
 *
 * Bytes that may still become such a beginning are held back; those of a peer that belongs are told apart by the first
 * byte or the first frame.
 */
export class StrangeStart {
  #held: Buffer = Buffer.alloc(0);

  /**
   * `undefined`: not decided yet, and the bytes are held. Else who is there, with everything that was read. Valid only
   * during the call.
   */
  judge(chunk: Buffer): { readonly stranger: Stranger | undefined; readonly bytes: Buffer } | undefined {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const stranger = strangerIn(bytes);
    if (stranger === 'perhaps') {
      this.#held = chunk === bytes ? Buffer.from(chunk) : bytes;
      return undefined;
    }
    this.#held = NOTHING;
    return { stranger, bytes };
  }

  /** What is held back, when nothing more will come. */
  rest(): Buffer {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }
}

export type Stranger = 'HTTP' | 'TLS' | 'PROXY';

/** `METHOD TARGET HTTP/…`, the record that begins a TLS handshake, or how a header of the PROXY protocol begins. */
export function strangerIn(bytes: Buffer): Stranger | 'perhaps' | undefined {
  if (bytes[0] === TLS_HANDSHAKE) {
    const start = [...bytes.subarray(0, TLS_START.length)];
    const isAlike = start.every((byte, at) => TLS_START[at] === undefined || TLS_START[at] === byte);
    if (!isAlike) return undefined;
    return bytes.length < TLS_START.length ? 'perhaps' : 'TLS';
  }
  for (const start of PROXY_STARTS) {
    if (!isBegunBy(bytes, start)) continue;
    return bytes.length < start.length ? 'perhaps' : 'PROXY';
  }
  const text = bytes.toString('latin1', 0, MAX_LINE);
  const [all = '', version = ''] = REQUEST_LINE.exec(text) ?? [];
  if (version === 'HTTP/') return 'HTTP';
  const isCut = all !== '' && all.length === text.length && 'HTTP/'.startsWith(version);
  if (!isCut) return undefined;
  return text.length === MAX_LINE ? 'HTTP' : 'perhaps';
}

const NOTHING = Buffer.alloc(0);
/** As much of a request line as may have come. */
const REQUEST_LINE = /^[A-Za-z-]{1,32}(?: (?:\S+(?: ([HTP/]{0,5}))?)?)?/;
/** Of a request line; what is longer and still looks like one counts as one. */
const MAX_LINE = 8192;
const PROXY_STARTS = [
  SIGNATURE,
  ...['TCP4 ', 'TCP6 ', 'UNKNOWN'].map((family) => Buffer.from(`${WORD}${family}`)),
];
const TLS_HANDSHAKE = 0x16;
/** Handshake, version 3.x, two bytes of length, ClientHello. */
const TLS_START: readonly (number | undefined)[] = [TLS_HANDSHAKE, 3, undefined, undefined, undefined, 1];
