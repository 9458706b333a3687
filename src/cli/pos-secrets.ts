import { open } from 'node:fs/promises';
import { BridgeError, describeFault } from '../base/errors.ts';
import { textOfFile } from '../base/text-file.ts';
import type { WsCredentials } from '../pos/pos-options.ts';
import { SECRETS } from './options.ts';
import type { Settings } from './settings.ts';

/**
 * Secrets come from a file of one line, else from the environment; they are never the value of an option, which
 * everybody on the machine could read. No error tells anything of what is in them.
 */

type SecretOption = keyof typeof SECRETS;
type Environment = Readonly<Record<string, string | undefined>>;

const MAX_BYTES = 4096;
const PRINTABLE = /^[^\p{Cc}]+$/u;

export function readApiKey(settings: Settings, env: Environment): Promise<string | undefined> {
  return readSecret(settings, 'api-key-file', env);
}

/** `NAME:PASSWORD`; a name has no colon. */
export async function readLogin(settings: Settings, env: Environment): Promise<WsCredentials | undefined> {
  const secret = await readSecret(settings, 'login-file', env);
  if (secret === undefined) return undefined;
  const at = secret.indexOf(':');
  if (at < 1) throw complaint(settings, 'login-file', 'is not one line, NAME:PASSWORD');
  return { user: secret.slice(0, at), password: secret.slice(at + 1) };
}

async function readSecret(
  settings: Settings,
  option: SecretOption,
  env: Environment,
): Promise<string | undefined> {
  const file = settings.text(option);
  const text = file === undefined ? env[SECRETS[option]] : await readLine(settings, option, file);
  if (file === undefined && (text === undefined || text === '')) return undefined;
  if (text === undefined || !PRINTABLE.test(text)) {
    throw complaint(settings, option, 'is not one line of text without control characters');
  }
  return text;
}

/** Its one line, without the line break. */
async function readLine(settings: Settings, option: SecretOption, file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readUpTo(file, MAX_BYTES + 1);
  } catch (cause) {
    throw complaint(settings, option, `cannot be read: ${describeFault(cause)}`, cause);
  }
  if (bytes.length > MAX_BYTES) {
    throw complaint(settings, option, `is longer than ${MAX_BYTES} bytes; wanted is one line`);
  }
  return textOfFile(bytes).replace(/\n$/, '');
}

/** Pipes as well: a password manager may be at the other end. */
async function readUpTo(file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.alloc(maxBytes);
    let length = 0;
    while (length < maxBytes) {
      const { bytesRead } = await handle.read(buffer, length, maxBytes - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/** Not in the usual form: what follows the name of a secret and a colon is masked. */
function complaint(settings: Settings, option: SecretOption, why: string, cause?: unknown): BridgeError {
  const file = settings.text(option);
  const where = file === undefined ? SECRETS[option] : `the file ${file} (--${option})`;
  return new BridgeError('USAGE', `${where} ${why}`, { cause });
}
