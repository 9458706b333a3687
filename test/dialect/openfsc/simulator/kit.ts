import { EXAMPLE_SITES } from '../../../../src/dialect/openfsc/simulator/example-sites.ts';
import { Platform } from '../../../../src/dialect/openfsc/simulator/platform.ts';
import {
  DEFAULT_SETTINGS,
  type PlatformSettings,
} from '../../../../src/dialect/openfsc/simulator/settings.ts';
import type { SiteRecord } from '../../../../src/dialect/openfsc/simulator/site-record.ts';
import { memoryWirePair } from '../../../../src/wire/memory.ts';
import type { Wire } from '../../../../src/wire/wire.ts';
import { FakeClock } from '../../../kit/fake-clock.ts';

const [ONE, TWO] = EXAMPLE_SITES;
if (ONE === undefined || TWO === undefined) throw new Error('there are two example sites');
export const [K1, K2] = [ONE.siteAccessKey, TWO.siteAccessKey];
export const [SECRET1, SECRET2] = [ONE.secret, TWO.secret];
export const F1 = 'e2f74ef5-f427-4ae6-bdd3-70a96709992f';
export const F2 = '70644955-ef32-4d33-a88b-67b500a7c00d';
export const SITE_CAPS =
  '* CAPABILITY CLEAR HEARTBEAT LOCKPUMP PRICES PRODUCTS PUMPS PUMPSTATUS QUIT SESSIONMODE TRANSACTIONINFO TRANSACTIONS UNLOCKPUMP';

/** A site's end of one wire, played by the test: lines out, lines in. */
export class PlayedSite {
  readonly wire: Wire;
  /** Lines that nobody has looked at. */
  readonly #lines: string[] = [];
  #rest = '';
  #isClosed = false;
  #wake: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(wire: Wire) {
    this.wire = wire;
    wire.start({
      chunk: (bytes) => {
        const lines = (this.#rest + bytes.toString('latin1')).split('\r\n');
        this.#rest = lines.pop() ?? '';
        this.#lines.push(...lines);
        this.#wake?.();
      },
      end: () => {
        this.#isClosed = true;
        this.#wake?.();
        wire.destroy();
      },
      closed: () => {
        this.#isClosed = true;
        this.#wake?.();
      },
    });
  }

  /** Lines, a CRLF behind each. */
  send(...lines: string[]): void {
    this.bytes(Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'));
  }

  bytes(bytes: Buffer): void {
    this.#writing = this.#writing.then(
      () => new Promise((resolve) => this.wire.write(bytes, () => resolve())),
    );
  }

  /** The next line of the platform; undefined when it has closed. */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift();
  }

  /** Until a line matches; the others are dropped. */
  async until(wanted: RegExp): Promise<string> {
    for (;;) {
      const line = await this.next();
      if (line === undefined) throw new Error(`closed before ${wanted}`);
      if (wanted.test(line)) return line;
    }
  }

  /** Everything up to the end. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.next(); line !== undefined; line = await this.next()) lines.push(line);
    return lines;
  }
}

/** A platform with everything that it tells written down. */
export class PlatformBench {
  readonly clock = new FakeClock();
  readonly platform: Platform;
  readonly notes: string[] = [];
  /** `C1: …` and `S1: …`. */
  readonly lines: string[] = [];

  constructor(settings: Partial<PlatformSettings> = {}) {
    this.platform = new Platform({
      clock: this.clock,
      settings: { ...DEFAULT_SETTINGS, ...settings },
      sites: EXAMPLE_SITES,
      events: {
        line: (connection, direction, text) =>
          void this.lines.push(`${direction === 'in' ? 'C' : 'S'}${connection}: ${text}`),
        note: (text) => void this.notes.push(text),
      },
    });
  }

  get site(): SiteRecord {
    const [site] = this.platform.sites;
    if (site === undefined) throw new Error('no site');
    return site;
  }

  connect(adapt: (wire: Wire) => Wire = (wire) => wire): PlayedSite {
    const [mine, theirs] = memoryWirePair();
    this.platform.attach(adapt(theirs));
    return new PlayedSite(mine);
  }

  /** A site that is logged in; its opening lines have been looked at. */
  async login(capabilities = SITE_CAPS): Promise<PlayedSite> {
    const site = this.connect();
    site.send(capabilities, `C1 PLAINAUTH ${K1} ${SECRET1}`);
    await site.until(/^C1 OK$/);
    return site;
  }

  /** The same on a session, with priority. */
  async loginSession(name: string, priority?: number, site = this.connect()): Promise<PlayedSite> {
    const wish = priority === undefined ? '' : ` ${priority}`;
    site.send(SITE_CAPS, `C1 NEWSESSION ${name}${wish}`, `${name}.C1 PLAINAUTH ${K1} ${SECRET1}`);
    await site.until(new RegExp(`^${name}\\.C1 (?:OK|ERR)`));
    return site;
  }
}
