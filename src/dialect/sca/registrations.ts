import {
  constants,
  createHmac,
  createPublicKey,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** Registers that have paired with the terminal, as they are stored. */
export interface StoredRegistrations {
  readonly labels: Readonly<Record<string, { readonly key: string; readonly counter: number }>>;
}

export type MacVerdict =
  | 'valid'
  /** MAC or MAC_LABEL is missing. */
  | 'missing'
  | 'unknown label'
  | 'wrong'
  /** COUNTER is not greater than the last one of this label. */
  | 'reused';

const KEY_BYTES = 16;
const MIN_MODULUS_BITS = 2048;
export const MAX_COUNTER = 4_294_967_295;
/** Registers that one terminal knows; the oldest registration makes way for a new one. */
const MAX_LABELS = 1000;

/**
 * The registrations of a terminal: each register that has paired has a label, a key and the counter that it used last.
 * The MAC of a request is `base64(HMAC-SHA256(key, COUNTER as decimal digits))`, and counters only grow.
 */
export class Registrations {
  readonly #labels = new Map<string, { readonly key: Buffer; counter: number }>();

  constructor(stored?: StoredRegistrations) {
    for (const [label, { key, counter }] of Object.entries(stored?.labels ?? {}))
      this.#labels.set(label, { key: Buffer.from(key, 'base64'), counter });
  }

  /** Pairs a register: returns its label, and its key encrypted with the public key that it has sent. */
  add(publicKey: KeyObject): { readonly label: string; readonly encryptedKey: string } {
    const key = randomBytes(KEY_BYTES);
    const label = this.#newLabel();
    const [oldest] = this.#labels.keys();
    if (this.#labels.size >= MAX_LABELS && oldest !== undefined) this.#labels.delete(oldest);
    this.#labels.set(label, { key, counter: 0 });
    const encrypted = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
    return { label, encryptedKey: encrypted.toString('base64') };
  }

  has(label: string): boolean {
    return this.#labels.has(label);
  }

  remove(label: string): boolean {
    return this.#labels.delete(label);
  }

  removeAll(): void {
    this.#labels.clear();
  }

  /** The last counter of this label; undefined where there is no such label. */
  counterOf(label: string): number | undefined {
    return this.#labels.get(label)?.counter;
  }

  /** Judges a request, and remembers its counter if it is valid: a valid MAC is valid once. */
  verify(label: string | undefined, counter: string | undefined, mac: string | undefined): MacVerdict {
    if (!label || !mac || !counter) return 'missing';
    const registered = this.#labels.get(label);
    if (registered === undefined) return 'unknown label';
    const given = Buffer.from(mac, 'base64');
    const expected = createHmac('sha256', registered.key).update(counter).digest();
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'wrong';
    const value = readCounter(counter);
    if (value === undefined || value <= registered.counter) return 'reused';
    registered.counter = value;
    return 'valid';
  }

  get stored(): StoredRegistrations {
    const labels = [...this.#labels].map(
      ([label, { key, counter }]) => [label, { key: key.toString('base64'), counter }] as const,
    );
    return { labels: Object.fromEntries(labels) };
  }

  #newLabel(): string {
    for (;;) {
      const label = `P_${[...randomBytes(6)].map((byte) => LETTERS[byte % LETTERS.length]).join('')}`;
      if (!this.#labels.has(label)) return label;
    }
  }
}

/** Without letters and digits that look alike. */
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** COUNTER as a number; undefined for what is no counter. */
export function readCounter(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= 1 && value <= MAX_COUNTER ? value : undefined;
}

/** The RSA key of a REGISTER request (DER in base64); undefined where it is no such key, or too short a one. */
export function readPublicKey(text: string): KeyObject | undefined {
  const der = Buffer.from(text.replace(/\s/g, ''), 'base64');
  for (const type of ['spki', 'pkcs1'] as const) {
    try {
      const key = createPublicKey({ key: der, format: 'der', type });
      const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
      return key.asymmetricKeyType === 'rsa' && bits >= MIN_MODULUS_BITS ? key : undefined;
    } catch {
      // Keys come in two forms.
    }
  }
  return undefined;
}
