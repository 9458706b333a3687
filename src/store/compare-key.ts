import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import path from 'node:path';
import { createFile, ifThere, linkNew, openFile, openFolder, writeWhole } from './journal-file.ts';

const KEY_FILE = 'compare.key';
const KEY_BYTES = 32;

/**
 * The key of the hashes in a journal: random bytes in a file (0600) that all processes share. A hash without a key
 * would tell what was hashed to whoever tries all amounts and prices.
 */
export class CompareKey {
  readonly #folder: string;
  #key: Promise<Buffer> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** HMAC-SHA-256, hex. */
  async fingerprint(text: string): Promise<string> {
    this.#key ??= this.readOrMake();
    try {
      return createHmac('sha256', await this.#key)
        .update(text)
        .digest('hex');
    } catch (fault) {
      this.#key = undefined; // the disk may be well again the next time
      throw fault;
    }
  }

  /** The key itself, for a copy of the journal. */
  async readOrMake(own?: Buffer): Promise<Buffer> {
    return (await this.#read()) ?? (await this.#make(own)) ?? this.readOrMake(own);
  }

  async #read(): Promise<Buffer | undefined> {
    const name = path.join(this.#folder, KEY_FILE);
    const file = await openFile(name, 'read');
    if (file === undefined) return undefined;
    try {
      const bytes = await file.readFile();
      if (bytes.length === KEY_BYTES) return bytes;
      throw new Error(`${name} is damaged (${bytes.length} bytes, not ${KEY_BYTES}); remove it`);
    } finally {
      await file.close();
    }
  }

  /**
   * Written and synced before it has its name, so that nobody ever reads half of it. Undefined where another process
   * was first.
   */
  async #make(key: Buffer = randomBytes(KEY_BYTES)): Promise<Buffer | undefined> {
    const name = path.join(this.#folder, KEY_FILE);
    const unborn = `${name}.${randomUUID()}.new`;
    const file = await createFile(unborn);
    try {
      await writeWhole(file, key);
      await file.datasync();
      if ((await ifThere(linkNew(unborn, name))) !== true) return undefined;
    } finally {
      await file.close();
      await unlink(unborn).catch(() => {});
    }
    const folder = await openFolder(this.#folder);
    await folder.sync().finally(() => folder.close());
    return key;
  }
}
