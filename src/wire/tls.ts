import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import { BridgeError, describeFault } from '../base/errors.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** Our certificate, with what is between it and its root, and its key: both or none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /**
   * Who may have signed the peer's certificate. A client without: whom Node.js trusts. A listener without asks for
   * none.
   */
  readonly ca?: string | undefined;
}

export interface TlsContents {
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly ca?: Buffer;
}

/** Reads the files and looks whether they fit together. Throws a BridgeError USAGE. */
export function readTlsFiles(files: TlsFiles): TlsContents {
  const contents: { cert?: Buffer; key?: Buffer; ca?: Buffer } = {};
  for (const name of ['cert', 'key', 'ca'] as const) {
    const file = files[name];
    if (file !== undefined) contents[name] = readPem(file);
  }
  try {
    createSecureContext(contents);
  } catch (cause) {
    const named = Object.values(files).filter((file) => file !== undefined);
    throw new BridgeError('USAGE', `${named.join(', ')}: ${tlsFault(cause)}`, { cause });
  }
  return contents;
}

function readPem(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new BridgeError('USAGE', `${file} cannot be read: ${describeFault(cause)}`, { cause });
  }
  if (bytes.includes('-----BEGIN ')) return bytes;
  throw new BridgeError('USAGE', `${file} is no PEM file: it has no line "-----BEGIN …"`);
}

/**
 * Gives a server new certificates when their files change, for new connections. What cannot be used, as a certificate
 * whose key has not been written yet, changes nothing. The answer stops it.
 */
export function keepCertificates(
  server: Server,
  files: TlsFiles,
  on: { readonly renewed: () => void; readonly fault: (fault: Error) => void },
): () => void {
  const paths = [...new Set(Object.values(files).filter((file): file is string => file !== undefined))];
  const reload = () => {
    try {
      server.setSecureContext(readTlsFiles(files));
    } catch (cause) {
      on.fault(new BridgeError('WIRE_FAULT', `the certificates stay as they are: ${describeFault(cause)}`));
      return;
    }
    on.renewed();
  };
  for (const path of paths) watchFile(path, { interval: WATCH_MS, persistent: false }, reload);
  return () => {
    for (const path of paths) unwatchFile(path, reload);
  };
}

const WATCH_MS = 1000;

/**
 * What a failed TLS handshake means, in one line. `shown`: our own files; in TLS 1.3 the peer looks at our certificate
 * when our handshake is over, and may break the connection without an alert, or so that the alert is lost.
 */
export function tlsFault(fault: unknown, shown: TlsFiles = {}): string {
  const { code = '', message = '' } = fault as NodeJS.ErrnoException;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = /altnames: (.*)$/s.exec(message)?.[1];
    return `the certificate is for another host${names === undefined ? '' : ` (${names})`}`;
  }
  // Some faults carry their name only inside the library's text: `…:SSL routines:ssl3_get_record:wrong version
  // number:…`.
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1]?.replaceAll(' ', '_').toUpperCase();
  const name = code === 'EPROTO' && reason !== undefined ? `ERR_SSL_${reason}` : code;
  const words = TLS_WORDS.get(name.replace(/^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_/, ''));
  if (words !== undefined) return `${words} (${name})`;
  const isPerhapsOurs = BROKEN.has(code) && shown.cert !== undefined;
  return `${describeFault(fault)}${isPerhapsOurs ? PERHAPS_OURS : ''}`;
}

const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
const PERHAPS_OURS =
  '; perhaps it does not accept our certificate (--tls-cert): expired, or signed by nobody that it trusts; its log should say';

const UNKNOWN_ROOT = 'nobody that is trusted has signed its certificate; name the root with --tls-ca FILE';
const TLS_WORDS: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet; is the clock right?'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_ROOT],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_ROOT],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_ROOT],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_ROOT],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_ROOT],
  ['INVALID_PURPOSE', 'its certificate is for another purpose'],
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'it has shown no client certificate'],
  ['ALERT_CERTIFICATE_REQUIRED', 'it wants a client certificate: --tls-cert and --tls-key'],
  ['ALERT_HANDSHAKE_FAILURE', 'it refuses the handshake; perhaps it wants a client certificate: --tls-cert'],
  ['ALERT_CERTIFICATE_EXPIRED', 'it refuses the certificate that it was shown: expired'],
  ['ALERT_BAD_CERTIFICATE', 'it refuses the certificate that it was shown'],
  ['ALERT_CERTIFICATE_UNKNOWN', 'it refuses the certificate that it was shown'],
  ['ALERT_UNKNOWN_CA', 'it does not know who signed the certificate that it was shown'],
  ['ERR_SSL_HTTP_REQUEST', 'it does not speak TLS'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'it does not speak TLS'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'its version of TLS is too old'],
  ['ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'the key does not belong to the certificate'],
  ['ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED', 'the key wants a password; write it without one'],
  ['ERR_OSSL_BAD_DECRYPT', 'the key wants a password; write it without one'],
  ['ERR_OSSL_PEM_BAD_PASSWORD_READ', 'the key wants a password; write it without one'],
]);
