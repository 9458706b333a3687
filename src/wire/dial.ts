import { connect, type Socket } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { afterSilence, type Clock } from '../base/clock.ts';
import type { CheckCertificate } from '../base/web.ts';
import { connectThrough, type ProxyAddress } from './proxy.ts';
import type { TlsFiles } from './tls.ts';

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

export interface DialOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whom to trust, and who we are. */
  readonly tls?: TlsFiles | undefined;
  readonly proxy?: ProxyAddress | undefined;
  readonly checkCertificate?: CheckCertificate | undefined;
}

/** Connects for HTTP: perhaps through a proxy, perhaps with TLS. Rejects with what went wrong. */
export async function dial(target: DialTarget, options: DialOptions): Promise<Socket> {
  const { clock, timeoutMs, signal, proxy } = options;
  const giveUp = new AbortController();
  const abort = () => giveUp.abort(new Error('given up'));
  const deadline = afterSilence(clock, timeoutMs, () =>
    giveUp.abort(new Error(`no connection within ${timeoutMs} ms`)),
  );
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  try {
    const plain =
      proxy === undefined
        ? await connectTcp(target, giveUp.signal)
        : await tunnel(proxy, target, giveUp.signal);
    return target.secure ? await secured(plain, target, options, giveUp.signal) : plain;
  } catch (fault) {
    throw giveUp.signal.aborted ? giveUp.signal.reason : fault;
  } finally {
    deadline.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

function tunnel(proxy: ProxyAddress, target: DialTarget, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  return connectThrough(proxy, target, signal);
}

function connectTcp({ host, port }: DialTarget, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  return settled(connect({ host, port }), 'connect', signal);
}

async function secured(
  socket: Socket,
  { host }: DialTarget,
  { tls = {}, checkCertificate }: DialOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const [{ connect: connectTls, checkServerIdentity }, { readTlsFiles }] = await Promise.all([
    import('node:tls'),
    import('./tls.ts'),
  ]);
  const { isIP } = await import('node:net');
  try {
    signal.throwIfAborted();
    const encrypted = connectTls({
      socket,
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: true, // said, for the environment could turn it off
      ...readTlsFiles(tls),
      checkServerIdentity: (_name, certificate) =>
        checkCertificate === undefined
          ? checkServerIdentity(host, certificate)
          : judged(checkCertificate, certificate),
    });
    return await settled(encrypted, 'secureConnect', signal);
  } catch (fault) {
    socket.destroy();
    throw fault;
  }
}

function judged(check: CheckCertificate, { subject, subjectaltname }: PeerCertificate): Error | undefined {
  const names = subjectaltname?.split(', ').map((name) => name.replace(/^DNS:/, '')) ?? [];
  const { CN } = subject;
  const why = check({ commonName: typeof CN === 'string' ? CN : '', names });
  return why === undefined ? undefined : new Error(`the certificate is not for this terminal: ${why}`);
}

/** The socket, once it has got so far. */
function settled<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const abort = () => socket.destroy(signal.reason);
    const over = () => {
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', failed);
    };
    const failed = (fault: Error) => {
      over();
      socket.on('error', () => {});
      reject(fault);
    };
    socket.once('error', failed);
    socket.once(event, () => {
      over();
      resolve(socket);
    });
    signal.addEventListener('abort', abort);
  });
}
