import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

/** What is downloaded, and how it is known to be whole. */
export interface DownloadSource {
  readonly url: URL;
  /** Of the file, lower-case hex. */
  readonly sha256: string | undefined;
}

export const DOWNLOAD_FORM =
  'an http: address such as http://192.0.2.7/large-file#sha256=HEX (the fragment, or else 64 hex digits in the path, says what is expected)';

/** Undefined: it is no address of a file. */
export function readDownloadUrl(text: string): DownloadSource | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'http:' || url.username !== '' || url.password !== '') return undefined;
  const fragment = url.hash === '' ? undefined : /^#sha256=([0-9a-f]{64})$/i.exec(url.hash);
  if (fragment === null) return undefined;
  url.hash = '';
  const inPath = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/i.exec(url.pathname.split('/').at(-1) ?? '');
  return { url, sha256: (fragment?.[1] ?? inPath?.[0])?.toLowerCase() };
}

export interface Downloaded {
  readonly bytes: number;
  readonly sha256: string;
}

export interface DownloadOptions {
  readonly connect: (host: string, port: number) => Duplex;
  /** Bytes so far, and how many there will be, if that is known. */
  readonly progress: (bytes: number, of: number | undefined) => void;
}

const MAX_BYTES = 64 * 1024 * 1024;

/** Downloads and verifies. Rejects with an Error that says in one line what went wrong. */
export async function download(
  { url, sha256 }: DownloadSource,
  { connect, progress }: DownloadOptions,
): Promise<Downloaded> {
  const { get } = await import('node:http');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const createConnection = () => connect(host, Number(url.port || 80));
    get(url, { createConnection, headers: { accept: '*/*' } }, resolve).on('error', reject);
  });
  const hash = createHash('sha256');
  const length = response.headers['content-length'];
  const of = length === undefined ? undefined : Number(length);
  let bytes = 0;
  try {
    if (response.statusCode !== 200) throw new Error(`the server answers with ${response.statusCode}`);
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_BYTES) throw new Error(`the file is larger than ${MAX_BYTES} bytes`);
      hash.update(chunk as Buffer);
      progress(bytes, of);
    }
  } finally {
    response.destroy();
  }
  const found = hash.digest('hex');
  if (sha256 !== undefined && found !== sha256) throw new Error(`the file arrived damaged: SHA-256 ${found}`);
  return { bytes, sha256: found };
}
