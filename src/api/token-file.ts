import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { type Clock, isoTime } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { memberOf } from '../base/member.ts';
import { strangerOf } from '../base/ownership.ts';
import { quoteText } from '../base/printable.ts';
import { textOfFile } from '../base/text-file.ts';
import { type Caller, SCOPES, type Scope } from './caller.ts';

/** A token as it stands in the file, which does not have the token itself. */
export interface TokenEntry {
  readonly name: string;
  /** SHA-256, hexadecimal. A token is 32 random bytes: nobody finds it by trying. */
  readonly digest: string;
  readonly scopes: readonly Scope[];
  /** Undefined: all. */
  readonly terminals?: readonly string[] | undefined;
  readonly created: string;
}

const PREFIX = 'pb_';
const TOKEN_BYTES = 32;
const MAX_FILE_BYTES = 1024 * 1024;
const WATCH_MS = 1000;

export function isName(text: string): boolean {
  return /^[A-Za-z\d][\w.-]{0,63}$/.test(text);
}

/** A token that is known, and what it lets. */
interface Known {
  readonly digest: Buffer;
  readonly caller: Caller;
  /** Everything that stands in the file about it. */
  readonly entry: string;
}

/** The tokens of a file, as it is now: a change counts at once, and one that cannot be read changes nothing. */
export class Tokens {
  #known: readonly Known[];
  readonly #listeners = new Set<() => void>();

  private constructor(entries: readonly TokenEntry[]) {
    this.#known = knownOf(entries, []);
  }

  /** Reads the file and goes on watching it. Rejects with USAGE. */
  static async open(
    file: string,
    on: { readonly renewed: () => void; readonly fault: (why: string) => void },
  ): Promise<{ readonly tokens: Tokens; close(): void }> {
    const tokens = new Tokens(await readTokenFile(file));
    const reload = () => {
      readTokenFile(file).then(
        (entries) => {
          tokens.#renew(entries);
          on.renewed();
        },
        (fault: unknown) => on.fault(describeFault(fault)),
      );
    };
    watchFile(file, { interval: WATCH_MS, persistent: false }, reload);
    return { tokens, close: () => unwatchFile(file, reload) };
  }

  /** Whose token it is. Takes the same time for every token. */
  callerOf(token: string): Caller | undefined {
    const digest = sha256(token);
    let found: Caller | undefined;
    for (const known of this.#known) if (timingSafeEqual(known.digest, digest)) found = known.caller;
    return found;
  }

  /** Whether the token of somebody who was let in earlier is there still, and for the same. */
  isCurrent(caller: Caller): boolean {
    return this.#known.some((known) => known.caller === caller);
  }

  /** Runs `changed` whenever the file has been read again; the result ends that. */
  watch(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  #renew(entries: readonly TokenEntry[]): void {
    this.#known = knownOf(entries, this.#known);
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Rejects with USAGE where it is not there, cannot be read, or could be somebody else's. */
export async function readTokenFile(file: string): Promise<TokenEntry[]> {
  const fail = (why: string, cause?: unknown) => new BridgeError('USAGE', `${file}: ${why}`, { cause });
  let text: string;
  try {
    const handle = await open(file, 'r');
    try {
      const status = await handle.stat();
      const stranger = strangerOf(status, file);
      if (stranger !== undefined) throw new Error(stranger);
      if (status.size > MAX_FILE_BYTES) throw new Error('it is too large to be a file of tokens');
      text = textOfFile(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw fail(`cannot be used: ${describeFault(cause)}`, cause);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw fail('is not JSON; "posbridge api token add" writes it', cause);
  }
  const list = memberOf(parsed, 'tokens');
  if (!Array.isArray(list)) throw fail('has no list "tokens"; "posbridge api token add" writes it');
  const entries = list.map((entry: unknown, at) => {
    const read = readEntry(entry);
    if (typeof read === 'string') throw fail(`token ${at + 1}: ${read}`);
    return read;
  });
  const names = entries.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw fail(`${quoteText(twice, 64)} is there twice`);
  return entries;
}

function readEntry(entry: unknown): TokenEntry | string {
  const [name, digest, created] = ['name', 'digest', 'created'].map((member) => memberOf(entry, member));
  const [scopes, terminals] = ['scopes', 'terminals'].map((member) => memberOf(entry, member));
  if (typeof name !== 'string' || !isName(name)) return 'its "name" is none';
  if (typeof digest !== 'string' || !/^[\da-f]{64}$/.test(digest)) return 'its "digest" is none';
  if (!Array.isArray(scopes) || !scopes.every(isScope)) return `its "scopes" are not of ${SCOPES.join(', ')}`;
  const isList = Array.isArray(terminals) && terminals.every((one) => typeof one === 'string');
  if (terminals !== undefined && !isList) return 'its "terminals" are no list of names';
  return {
    name,
    digest,
    scopes,
    ...(isList && { terminals: terminals as string[] }),
    created: typeof created === 'string' ? created : '',
  };
}

export function isScope(text: unknown): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

/**
 * A new token in the file, which is made if it is missing. The result is the token: it is nowhere else. Rejects with
 * USAGE or STATE_OPEN_FAILED.
 */
export async function addToken(
  file: string,
  { name, scopes, terminals }: Pick<TokenEntry, 'name' | 'scopes' | 'terminals'>,
  clock: Clock,
): Promise<string> {
  const entries = await entriesOf(file);
  if (entries.some((entry) => entry.name === name)) {
    throw new BridgeError(
      'USAGE',
      `${file}: there is a token ${name} already; remove it first, or take another name`,
    );
  }
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  const entry: TokenEntry = {
    name,
    digest: sha256(token).toString('hex'),
    scopes,
    ...(terminals !== undefined && { terminals }),
    created: isoTime(clock),
  };
  await writeTokenFile(file, [...entries, entry]);
  return token;
}

/** False: there is none of this name. Rejects with USAGE or STATE_OPEN_FAILED. */
export async function removeToken(file: string, name: string): Promise<boolean> {
  const entries = await readTokenFile(file);
  const others = entries.filter((entry) => entry.name !== name);
  if (others.length < entries.length) await writeTokenFile(file, others);
  return others.length < entries.length;
}

async function entriesOf(file: string): Promise<TokenEntry[]> {
  const status = await stat(file).catch((fault: NodeJS.ErrnoException) => fault);
  return 'code' in status && status.code === 'ENOENT' ? [] : readTokenFile(file);
}

/** Whole and on the disk, or not at all. */
async function writeTokenFile(file: string, tokens: readonly TokenEntry[]): Promise<void> {
  const draft = `${file}.${process.pid}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ tokens }, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (cause) {
    await unlink(draft).catch(() => {});
    throw new BridgeError('STATE_OPEN_FAILED', `cannot write ${file}: ${describeFault(cause)}`, { cause });
  }
}

/** Of a token that has stayed as it was, the caller is the same object. */
function knownOf(entries: readonly TokenEntry[], before: readonly Known[]): Known[] {
  return entries.map(({ name, digest, scopes, terminals, created }) => {
    const entry = JSON.stringify([name, digest, scopes, terminals, created]);
    const caller = { name, scopes: new Set(scopes), terminals: terminals && new Set(terminals) };
    return (
      before.find((known) => known.entry === entry) ?? { digest: Buffer.from(digest, 'hex'), caller, entry }
    );
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
