import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/**
 * 12 random letters and digits, different at every call: for ids that must not come twice.
 *
 * @param generator a file that gives random bytes, where there is one.
 */
export function randomId(generator = '/dev/urandom'): string {
  const text = (readBytes(generator) ?? randomBytes(ID_BYTES)).toString('base64url');
  return text.replaceAll('-', 'a').replaceAll('_', 'b'); // so that it can stand in names of files and connections
}

/** The same bytes as from `node:crypto`, which costs a process 4 ms and a MB to load for this alone. */
function readBytes(file: string): Buffer | undefined {
  try {
    const fd = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(ID_BYTES);
      return readSync(fd, bytes) === ID_BYTES ? bytes : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined; // not everywhere
  }
}

const ID_BYTES = 9;
