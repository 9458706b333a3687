/**
 * What the kernel puts into the input of a terminal line that is set to `inpck parmrk -ignpar`: it marks the bytes that
 * arrived with a parity or framing error, as it does a break.
 *
 * Shape:  FF FF            the byte FF
 *         FF 00 X          a damaged byte that was read as X; X = 00 also for a break
 *         anything else    itself
 * Source: termios(3), PARMRK
 */
export const MARKING = ['inpck', 'parmrk', '-ignpar', '-ignbrk', '-brkint', '-istrip'] as const;

/**
 * Takes the marks out again, over any split. A damaged byte is passed on as FF, which is in no UTF-8 text: what it was
 * part of is refused instead of misread. An FF in front of any other byte is nothing that the kernel writes, and stays.
 *
 *   plain ──FF──▶ marked ──00──▶ damaged ──X──▶ plain
 *     ▲             └─FF, other─┐
 *     └─────────────────────────┘
 */
export class LineMarkDecoder {
  #state: 'plain' | 'marked' | 'damaged' = 'plain';

  /** The bytes without marks: `chunk` itself if there are none, else a copy. `damaged` is how many were damaged. */
  push(chunk: Buffer): { readonly bytes: Buffer; readonly damaged: number } {
    if (this.#state === 'plain' && !chunk.includes(MARK)) return { bytes: chunk, damaged: 0 };
    // An FF that waited since the last chunk may come back, in front of the first byte.
    const bytes = Buffer.allocUnsafe(chunk.length + 1);
    let length = 0;
    let damaged = 0;
    for (const byte of chunk) {
      if (this.#state === 'plain') {
        if (byte === MARK) this.#state = 'marked';
        else bytes[length++] = byte;
      } else if (this.#state === 'marked') {
        this.#state = byte === DAMAGED ? 'damaged' : 'plain';
        if (byte === DAMAGED) continue;
        bytes[length++] = MARK;
        if (byte !== MARK) bytes[length++] = byte;
      } else {
        this.#state = 'plain';
        bytes[length++] = MARK;
        damaged += 1;
      }
    }
    return { bytes: bytes.subarray(0, length), damaged };
  }
}

const MARK = 0xff;
const DAMAGED = 0x00;
