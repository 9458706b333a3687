import { unwatchFile, watchFile } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { describeFault } from '../../base/errors.ts';
import { textOfFile } from '../../base/text-file.ts';
import { type Charger, readChargers } from './chargers.ts';

export type Chargers = ReadonlyMap<string, Charger>;

export interface ChargerFileEvents {
  changed(before: Chargers, now: Chargers): void;
  /** What is in the file cannot be used; the charge points stay as they are. Once for each fault. */
  unusable(why: string): void;
}

const WATCH_MS = 1000;

/**
 * The file of the charge points that may connect. It is read again when it has changed: noticed within a second, and
 * whenever somebody asks, so that a charge point that has just been added is let in.
 */
export class ChargerFile {
  readonly #path: string;
  #chargers: Chargers;
  /** What the file was when it was looked at last. */
  #seen: string;
  #reading: Promise<void> | undefined;
  #events: ChargerFileEvents | undefined;

  /** Rejects where it cannot be used. */
  static async open(path: string): Promise<ChargerFile> {
    const { chargers, version } = await read(path);
    return new ChargerFile(path, chargers, version);
  }

  private constructor(path: string, chargers: Chargers, version: string) {
    this.#path = path;
    this.#chargers = chargers;
    this.#seen = version;
  }

  /** As far as it is known at the moment. */
  get chargers(): Chargers {
    return this.#chargers;
  }

  watch(events: ChargerFileEvents): void {
    this.#events = events;
    watchFile(this.#path, { interval: WATCH_MS, persistent: false }, this.#look);
  }

  close(): void {
    unwatchFile(this.#path, this.#look);
  }

  /** As the file says now. Never rejects. */
  async current(): Promise<Chargers> {
    await this.#look();
    return this.#chargers;
  }

  readonly #look = (): Promise<void> => {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  };

  async #read(): Promise<void> {
    const version = await versionOf(this.#path).catch((fault: unknown) => describeFault(fault));
    if (version === this.#seen) return;
    this.#seen = version;
    try {
      const before = this.#chargers;
      const { chargers, version: readVersion } = await read(this.#path);
      this.#seen = readVersion;
      this.#chargers = chargers;
      this.#events?.changed(before, chargers);
    } catch (fault) {
      this.#events?.unusable((fault as Error).message);
    }
  }
}

/** Whether somebody who was let in by the one entry would be by the other. */
export function isProvenAlike(before: Charger | undefined, now: Charger | undefined): boolean {
  return (
    now !== undefined &&
    before?.password === now.password &&
    before?.commonName === now.commonName &&
    before?.organization === now.organization &&
    before?.profile === now.profile
  );
}

async function read(path: string): Promise<{ readonly chargers: Chargers; readonly version: string }> {
  // Looked at before it is read: what is written in between is noticed the next time.
  const version = await versionOf(path);
  const bytes = await readFile(path).catch(unreadable);
  const text = readChargers(textOfFile(bytes));
  if (!text.ok) throw new Error(text.why);
  return { chargers: text.chargers, version };
}

async function versionOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true }).catch(unreadable);
  return `${ino} ${size} ${mtimeNs}`;
}

function unreadable(fault: unknown): never {
  throw new Error(`it cannot be read: ${describeFault(fault)}`);
}
