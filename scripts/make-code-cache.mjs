// Runs a bridge as everybody runs it, with an application at a socket and the lock of its terminal, and writes what V8
// has compiled for that to a file beside the bundle, for the start of bin/posbridge.js. (All that has run is in it:
// with less, a start takes 20 ms more.)
//
//     node scripts/make-code-cache.mjs BUNDLE < FRAMES
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const [node, self, bundle] = process.argv;
const { cacheOf, load } = createRequire(import.meta.url)('../bin/posbridge.js');
const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-cache-'));
const place = path.join(folder, 'app.sock');
const application = createServer((socket) => {
  socket.on('error', () => {}).on('end', () => socket.end());
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const { connection, id } = JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
      if (id !== undefined)
        socket.write(`${JSON.stringify({ connection, jsonrpc: '2.0', id, result: {} })}\n`);
    }
  });
});
await new Promise((resolve) => application.listen(place, resolve));
application.unref();
process.env.XDG_RUNTIME_DIR = folder;
process.argv = [node, self, '--app', `unix:${place}`, '--lock', path.join(folder, 'lock')];
const program = load(bundle, (script) => {
  process.on('exit', () => {
    writeFileSync(cacheOf(bundle), script.createCachedData());
    rmSync(folder, { recursive: true, force: true });
  });
});
program.main();
