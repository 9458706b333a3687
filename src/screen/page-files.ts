import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { BridgeError, describeFault } from '../base/errors.ts';

/** A file of the page, in memory. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const FILES = [
  { path: '/', name: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/app.js', name: 'app.js', type: 'text/javascript; charset=utf-8' },
  { path: '/style.css', name: 'style.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', name: 'icon.svg', type: 'image/svg+xml' },
];

/** Nothing from elsewhere, nothing inline, in nobody's frame; and no browser guesses what a file is. */
export const SECURITY_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

const PICTURE = '.png';
/** A picture of somebody else's has no reason to be larger. */
const MAX_PICTURE_BYTES = 262_144;
const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** Reads the built page, by the path under which a browser asks for each file. Rejects with LISTEN_FAILED. */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  try {
    const pictures = (await readdir(folder)).filter((name) => extname(name) === PICTURE);
    const files = [...FILES, ...pictures.map((name) => ({ path: `/${name}`, name, type: 'image/png' }))];
    const read = files.map(
      async ({ path, name, type }) => [path, pageFile(type, await readFile(join(folder, name)))] as const,
    );
    return new Map(await Promise.all(read));
  } catch (cause) {
    const text = `cannot read the page of the screen: ${describeFault(cause)}; run "npm run build"`;
    throw new BridgeError('LISTEN_FAILED', text, { cause });
  }
}

/**
 * Pictures of a page that a folder has under the same names take the place of the built ones. Rejects with
 * LISTEN_FAILED where it has none of them, or something else under such a name.
 */
export async function replacePictures(
  files: ReadonlyMap<string, PageFile>,
  folder: string,
): Promise<ReadonlyMap<string, PageFile>> {
  const fail = (why: string, cause?: unknown) =>
    new BridgeError('LISTEN_FAILED', `cannot use the files of ${folder}: ${why}`, { cause });
  const names = [...files.keys()].map((path) => path.slice(1)).filter((name) => extname(name) === PICTURE);
  const there = new Set(
    await readdir(folder).catch((cause: unknown) => {
      throw fail(describeFault(cause), cause);
    }),
  );
  const replaced = names.filter((name) => there.has(name));
  if (replaced.length === 0) throw fail(`none is called ${names.join(' or ')}`);
  const all = new Map(files);
  for (const name of replaced) {
    const body = await readFile(join(folder, name)).catch((cause: unknown) => {
      throw fail(`${name}: ${describeFault(cause)}`, cause);
    });
    const isPng = body.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE);
    if (!isPng || body.length > MAX_PICTURE_BYTES)
      throw fail(`${name} is no PNG of at most ${MAX_PICTURE_BYTES} bytes`);
    all.set(`/${name}`, pageFile('image/png', body));
  }
  return all;
}

function pageFile(type: string, body: Buffer): PageFile {
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}

/** Browsers keep a file, but ask each time whether it is still the same. */
export function servePageFile(file: PageFile, request: IncomingMessage, response: ServerResponse): void {
  const headers = { ...SECURITY_HEADERS, 'Cache-Control': 'no-cache', ETag: file.etag };
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, 'Content-Type': file.type, 'Content-Length': file.body.length });
  response.end(request.method === 'HEAD' ? undefined : file.body);
}
