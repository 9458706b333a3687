import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import type { Peer, Wire } from './wire.ts';

type HttpEndpoint = Extract<Endpoint, { kind: 'http' }>;

/** Posts that may wait for their turn; more are lost. */
const MAX_WAITING = 64;
/** How long a peer may take to answer. */
const LIMIT_MS = 60_000;
const MAX_URL = 2048;

export interface PosterOptions {
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  readonly onFault: (fault: Error) => void;
}

/**
 * What posts messages to a peer, one after the other, where it has said that it listens. Undefined where that is no
 * place for them: it has to be on the peer's own machine, so that nobody makes us post to others.
 */
export function posterTo(
  url: string | undefined,
  peer: Peer,
  options: PosterOptions,
): Wire['post'] | undefined {
  const endpoint = url === undefined || url.length > MAX_URL ? undefined : endpointOf(url);
  if (endpoint === undefined || endpoint.host !== peer.address) return undefined;
  let last = Promise.resolve();
  let waiting = 0;
  return (message, answered) => {
    if (waiting >= MAX_WAITING) {
      answered(undefined);
      return;
    }
    waiting += 1;
    last = last
      .then(() => post(endpoint, message, options))
      .catch((fault: unknown) => {
        options.onFault(new Error(`a message could not be posted to ${peer.text}: ${describeFault(fault)}`));
        return undefined;
      })
      .then((body) => {
        waiting -= 1;
        answered(body);
      });
  };
}

function endpointOf(url: string): HttpEndpoint | undefined {
  try {
    const endpoint = parseEndpoint(url, 'listen');
    return endpoint.kind === 'http' ? endpoint : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves with the body of the answer, which may be empty. */
async function post(
  endpoint: HttpEndpoint,
  message: Uint8Array,
  { clock, maxMessageBytes }: PosterOptions,
): Promise<Buffer> {
  const { connectHttp } = await import('./http-wire.ts');
  const wire = await connectHttp(endpoint, { clock, maxMessageBytes });
  return new Promise((resolve, reject) => {
    let body = Buffer.alloc(0);
    const limit = clock.after(LIMIT_MS, () => {
      reject(new Error('it does not answer'));
      wire.destroy();
    });
    wire.start({
      chunk: (bytes) => {
        body = Buffer.from(bytes);
      },
      end: () => {},
      closed: (fault) => {
        limit.cancel();
        if (fault === undefined) resolve(body);
        else reject(fault);
      },
    });
    wire.write(message, () => wire.endOutput());
  });
}
