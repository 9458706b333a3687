import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { checkServerIdentity } from 'node:tls';
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
          ...(await ownIdentities(servers)),
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

/**
 * The client checks the name of a server, but where it has an address takes that for `localhost`. It does not say which
 * server it is at, so the certificate has to be for one of our addresses.
 */
async function ownIdentities(
  servers: readonly string[],
): Promise<{ readonly checkServerIdentity: typeof checkServerIdentity }> {
  const { checkServerIdentity: check } = await import('node:tls');
  const hosts = servers.map((server) => new URL(`nats://${server}`).hostname.replace(/^\[|\]$/g, ''));
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return {
    checkServerIdentity: (name, certificate) => {
      const candidates = hosts.includes(name) || addresses.length === 0 ? [name] : addresses;
      const faults = candidates.map((host) => check(host, certificate));
      return faults.includes(undefined) ? undefined : faults[0];
    },
  };
}

async function signIn(
  file: string,
): Promise<{ readonly authenticator: Authenticator } | { readonly user: string; readonly pass: string }> {
  const { credsAuthenticator, nkeyAuthenticator } = await import('@nats-io/transport-node');
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new Error(`the credentials ${file} cannot be read: ${describeFault(cause)}`, { cause });
  });
  const text = bytes.toString().trim();
  if (text.includes('-----BEGIN NATS USER JWT-----')) return { authenticator: credsAuthenticator(bytes) };
  if (/^SU[A-Z2-7]{56}$/.test(text)) return { authenticator: nkeyAuthenticator(Buffer.from(text)) };
  const [, user, pass] = /^([^:\s]+):(\S+)$/.exec(text) ?? [];
  if (user === undefined || pass === undefined) {
    throw new Error(`${file} has neither NATS credentials, nor an NKey seed, nor USER:PASSWORD`);
  }
  return { user, pass };
}
