import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import { BlobCipher } from './blob.ts';
import { isEcho, type MessageHeader } from './header.ts';
import type { Keys } from './keys.ts';
import { Mac } from './mac.ts';
import {
  type Envelope,
  joinMessage,
  type MessageFault,
  type NexoMessage,
  type Outgoing,
  openClear,
  readEnvelope,
  textsOf,
  wrapperOf,
} from './message.ts';
import { RecentTexts } from './recent-texts.ts';

export type Decoded = { readonly ok: true; readonly message: NexoMessage } | MessageFault;

/** Nonces that are remembered, so that a recorded message is not taken twice. */
const MAX_NONCES = 10_000;

/** Bytes to messages and back, in the clear or protected by keys. With keys nothing in the clear is taken. */
export class NexoCodec {
  readonly #isWrapped: boolean;
  readonly #blob: BlobCipher | undefined;
  readonly #mac: Mac | undefined;
  readonly #nonces = new RecentTexts(MAX_NONCES);

  constructor(options: { readonly isWrapped: boolean; readonly keys?: Keys }) {
    const { keys } = options;
    this.#isWrapped = options.isWrapped;
    this.#blob = keys?.kind === 'nexo-blob' ? new BlobCipher(keys.key) : undefined;
    this.#mac = keys?.kind === 'mac' ? new Mac(keys.key) : undefined;
  }

  decode(text: Buffer): Decoded {
    const read = readEnvelope(text);
    if (!read.ok) return read;
    const { envelope } = read;
    if (this.#blob !== undefined) return this.#openBlob(envelope, this.#blob);
    if (this.#mac !== undefined) {
      const { name, headerText, bodyText, header, trailer } = envelope;
      const texts = { header: headerText.toString(), name, body: bodyText?.toString() ?? '' };
      const why = this.#mac.faultOf(trailer, texts);
      if (why !== undefined) return { ok: false, why, header };
    }
    return openClear(envelope);
  }

  /** @param isWrapped as the message was that this answers; default: as the vendor has it. */
  encode(outgoing: Outgoing, isWrapped = this.#isWrapped): Buffer {
    const texts = textsOf(outgoing);
    if (this.#blob !== undefined) {
      const { blob, trailer } = this.#blob.seal(Buffer.from(joinMessage(texts, { isWrapped })));
      const sealed = { header: texts.header, name: 'NexoBlob', body: JSON.stringify(blob) };
      const inside = joinMessage(sealed, { isWrapped: false, trailer });
      return Buffer.from(isWrapped ? `{"${wrapperOf(outgoing.name)}":${inside}}` : inside);
    }
    const trailer = this.#mac?.trailerOf(texts);
    return Buffer.from(joinMessage(texts, { isWrapped, ...(trailer !== undefined && { trailer }) }));
  }

  #openBlob({ header, blobText, trailer }: Envelope, cipher: BlobCipher): Decoded {
    if (blobText === undefined || trailer === undefined) {
      return { ok: false, why: 'the message is not encrypted', header };
    }
    const blob: unknown = JSON.parse(blobText.toString());
    if (typeof blob !== 'string') return { ok: false, why: 'NexoBlob is no string', header };
    const opened = cipher.open(blob, trailer);
    if (!opened.ok) return { ok: false, why: opened.why, header };
    const inner = readEnvelope(opened.text);
    if (!inner.ok) return { ok: false, why: `inside NexoBlob: ${inner.why}`, header };
    if (!isSameHeader(header, inner.envelope.header)) {
      return { ok: false, why: 'the header is another one than inside NexoBlob', header };
    }
    if (!this.#nonces.add(nonceOf(trailer))) return { ok: false, why: REPLAYED, header };
    return openClear(inner.envelope);
  }
}

export const REPLAYED = 'Repeated Message: Nonce';

/** In one spelling: base64 has several for the same bytes. */
function nonceOf(trailer: JsonObject): string {
  return Buffer.from(textAt(trailer, 'Nonce') ?? '', 'base64').toString('base64');
}

function isSameHeader(clear: MessageHeader, inner: MessageHeader): boolean {
  return clear.MessageType === inner.MessageType && isEcho(clear, inner);
}
