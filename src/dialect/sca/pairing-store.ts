import {
  constants,
  createHmac,
  generateKeyPair as generateKeyPairWithCallback,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Element, field } from './document.ts';
import { replaceFile } from './replace-file.ts';

const generateKeyPair = promisify(generateKeyPairWithCallback);
const KEY_BYTES = 16;

/** What a terminal has given us when we paired with it. */
export interface Registration {
  readonly label: string;
  /** Base64. */
  readonly key: string;
}

/** Where the registration with one terminal is kept. */
export interface PairingStore {
  readonly registration: Registration | undefined;
  save(registration: Registration): Promise<void>;
}

/** Opens the registration with the terminal that is called so in this folder. */
export async function openPairing(folder: string, name: string): Promise<PairingStore> {
  const file = path.join(folder, `registration-${name}.json`);
  const text = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return undefined;
    throw fault;
  });
  let registration = text === undefined ? undefined : (JSON.parse(text) as Registration);
  return {
    get registration() {
      return registration;
    },
    save: async (next) => {
      registration = next;
      await replaceFile(folder, file, JSON.stringify(next));
    },
  };
}

/** A pair of keys for REGISTER: the public one in base64, as the request carries it. */
export async function makeKeys(): Promise<{ readonly publicKey: string; readonly privateKey: KeyObject }> {
  const { publicKey, privateKey } = await generateKeyPair('rsa', { modulusLength: 2048 });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    privateKey,
  };
}

/** Decrypts MAC_KEY (PKCS#1 v1.5, whose padding Node.js leaves to us). Undefined: it is no key. */
export function readMacKey(text: string, privateKey: KeyObject): string | undefined {
  try {
    const encrypted = Buffer.from(text, 'base64');
    const block = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encrypted);
    const end = block.indexOf(0, 2);
    const isPadded = block[0] === 0 && block[1] === 2 && end >= 10;
    const key = block.subarray(end + 1);
    return isPadded && key.length === KEY_BYTES ? key.toString('base64') : undefined;
  } catch {
    return undefined;
  }
}

/** Puts MAC_LABEL, MAC and the next counter into requests. */
export class Signer {
  readonly #registration: Registration;
  #counter: number;

  /** @param counter the last one that the terminal has seen. */
  constructor(registration: Registration, counter: number) {
    this.#registration = registration;
    this.#counter = counter;
  }

  sign(fields: readonly Element[]): readonly Element[] {
    const { label, key } = this.#registration;
    this.#counter += 1;
    const counter = String(this.#counter);
    const mac = createHmac('sha256', Buffer.from(key, 'base64')).update(counter).digest('base64');
    return [...fields, field('COUNTER', counter), field('MAC', mac), field('MAC_LABEL', label)];
  }
}
