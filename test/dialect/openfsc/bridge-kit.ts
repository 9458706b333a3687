import { Bridge } from '../../../src/bridge/bridge.ts';
import type { BridgeEnd } from '../../../src/bridge/bridge-options.ts';
import { siteDialect } from '../../../src/dialect/openfsc/dialect.ts';
import type { Site } from '../../../src/dialect/openfsc/sites.ts';
import { memoryWirePair } from '../../../src/wire/memory.ts';
import { OutputQueue } from '../../../src/wire/output-queue.ts';
import type { Wire } from '../../../src/wire/wire.ts';
import { type BenchOptions, benchParts, settle } from '../../bridge/kit.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { SERVER_CAPS, site } from './kit.ts';

/** The server's end of a memory wire. */
export class PlayedServer {
  readonly lines: string[] = [];
  closed = false;
  readonly #wire: Wire;
  readonly #output: OutputQueue;
  #text = '';

  /** @param letsIn whether it says OK to whatever a site asks. */
  constructor(wire: Wire, letsIn = true, capabilities = SERVER_CAPS) {
    this.#wire = wire;
    this.#output = new OutputQueue(wire, { clock: new FakeClock() });
    wire.start({
      chunk: (bytes) => {
        const parts = (this.#text + bytes.toString('latin1')).split('\r\n');
        this.#text = parts.pop() ?? '';
        for (const line of parts) {
          this.lines.push(line);
          const [tag, method = ''] = line.split(' ');
          if (letsIn && ['CHARSET', 'PLAINAUTH', 'NEWSESSION', 'LOCKEDPUMP'].includes(method))
            this.say(`${tag} OK`);
        }
      },
      end: () => {},
      closed: () => {
        this.closed = true;
      },
    });
    this.say(capabilities);
  }

  say(...lines: string[]): void {
    for (const line of lines) this.#output.push(Buffer.from(`${line}\r\n`, 'latin1'), 'normal');
  }

  answerTo(tag: string): string | undefined {
    return this.lines.find((line) => line.startsWith(`${tag} OK`) || line.startsWith(`${tag} ERR`));
  }

  vanish(): void {
    this.#wire.destroy();
  }

  pause(): void {
    this.#wire.pause();
  }
}

/** The dialect of a site that uses no charset but ASCII. */
export function dialectFor(sites: readonly Site[] = [site()], usesSessions = false) {
  const push = 'always';
  return siteDialect({
    sites,
    usesSessions,
    charsets: [],
    push,
    transactionInfo: true,
    sessionMode: false,
  });
}

/** A bridge between a played server and one played application. */
export async function siteBridge(more: BenchOptions = {}) {
  const parts = benchParts({ dialect: dialectFor(), timeoutMs: () => 10_000, ...more });
  const [ours, theirs] = memoryWirePair();
  const bridge = await Bridge.open(theirs, parts.options, parts.context);
  const end: { value?: BridgeEnd } = {};
  void bridge.run().then((value) => {
    end.value = value;
  });
  const server = new PlayedServer(ours);
  await settle();
  return { ...parts, bridge, server, end };
}
