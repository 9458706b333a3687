import { spawn } from 'node:child_process';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundleOf, temporaryFolder } from './bundle.ts';

const environment = { PATH: process.env['PATH'] ?? '' };

/** Everything that comes back for "hello", the echo process having started as `socat` says. */
async function talk(path: string): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end('hello');
  let text = '';
  for await (const bytes of socket) text += bytes;
  return text;
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve) => server.listen({ path }, resolve));
}

test('serves a connection on 0 and 1 as a super-server starts it', async () => {
  const path = join(temporaryFolder(), 's');
  const command = `EXEC:${process.execPath} ${await bundleOf('stdio-echo')},nofork`;
  const env = { ...environment, PROTO: 'TCP', TCPCONNNUM: '1', TCPREMOTEIP: '192.0.2.1' };
  const server = spawn('socat', ['-d', '-d', `UNIX-LISTEN:${path}`, command], { env });
  await new Promise<void>((resolve) => {
    server.stderr.on('data', (bytes) => String(bytes).includes('listening on') && resolve());
  });
  expect(await talk(path)).toBe('0,1 192.0.2.1\nhello');
});

test('serves a connection on 6 and 7 as a UCSPI client starts it', async () => {
  const path = join(temporaryFolder(), 's');
  const server = createServer({ allowHalfOpen: true });
  const answered = new Promise<string>((resolve) => {
    server.once('connection', async (socket) => {
      socket.end('hello');
      let text = '';
      for await (const bytes of socket) text += bytes;
      resolve(text);
    });
  });
  await listening(server, path);
  const command = `EXEC:${process.execPath} ${await bundleOf('stdio-echo')},fdin=6,fdout=7`;
  spawn('socat', [`UNIX-CONNECT:${path}`, command], {
    env: { ...environment, PROTO: 'UNIX' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect(await answered).toBe('6,7 unix\nhello');
  server.close();
});
