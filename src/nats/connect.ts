import { readFile } from 'node:fs/promises';
import type { Authenticator, NatsConnection } from '@nats-io/transport-node';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { NatsEndpoint } from '../endpoint/endpoint.ts';
import type { NatsAccess } from './access.ts';

/** For one server: with three, all have been tried within 5 s. */
const CONNECT_MS = 1500;
/** A server that stands still is noticed within 9 s. */
const PING_EVERY_MS = 3000;
const MAX_PINGS_OUT = 2;

/**
 * One connection to any of the servers, with one life: a lost one is never mended behind our back, since what waits in
 * the client's buffer would be sent much later then. Who needs another connects again.
 *
 * Errors: NATS_UNAVAILABLE
 */
export async function connectNats(
  { servers, text }: Pick<NatsEndpoint, 'servers' | 'text'>,
  access: NatsAccess = {},
): Promise<NatsConnection> {
  try {
    const { connect } = await import('@nats-io/transport-node');
    const { ca, certificate, key } = access;
    const hasTls = ca !== undefined || certificate !== undefined;
    return await connect({
      servers: [...servers],
      name: `posbridge ${process.pid}`,
      reconnect: false,
      timeout: CONNECT_MS,
      pingInterval: PING_EVERY_MS,
      maxPingOut: MAX_PINGS_OUT,
      noAsyncTraces: true,
      ...(access.credentials !== undefined && (await signIn(access.credentials))),
      ...(hasTls && {
        tls: {
          ...(ca !== undefined && { caFile: ca }),
          ...(certificate !== undefined && { certFile: certificate }),
          ...(key !== undefined && { keyFile: key }),
        },
      }),
    });
  } catch (cause) {
    throw new BridgeError(
      'NATS_UNAVAILABLE',
      `no server of ${text} can be reached: ${describeFault(cause)}`,
      {
        cause,
      },
    );
  }
}

async function signIn(
  file: string,
): Promise<{ readonly authenticator: Authenticator } | { readonly user: string; readonly pass: string }> {
  const { credsAuthenticator, nkeyAuthenticator } = await import('@nats-io/transport-node');
  const bytes = await readFile(file);
  const text = bytes.toString().trim();
  if (text.includes('-----BEGIN NATS USER JWT-----')) return { authenticator: credsAuthenticator(bytes) };
  if (/^SU[A-Z2-7]{56}$/.test(text)) return { authenticator: nkeyAuthenticator(Buffer.from(text)) };
  const [, user, pass] = /^([^:\s]+):(\S+)$/.exec(text) ?? [];
  if (user === undefined || pass === undefined) {
    throw new Error(`${file} has neither NATS credentials, nor an NKey seed, nor USER:PASSWORD`);
  }
  return { user, pass };
}
