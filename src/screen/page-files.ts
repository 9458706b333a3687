import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
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

/** Reads the built page, by the path under which a browser asks for each file. Rejects with LISTEN_FAILED. */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  try {
    const files = FILES.map(async ({ path, name, type }) => {
      const body = await readFile(join(folder, name));
      const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
      return [path, { type, body, etag }] as const;
    });
    return new Map(await Promise.all(files));
  } catch (cause) {
    const text = `cannot read the page of the screen: ${describeFault(cause)}; run "npm run build"`;
    throw new BridgeError('LISTEN_FAILED', text, { cause });
  }
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
