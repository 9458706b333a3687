import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import { Workbench } from './kit.ts';

/** The network of a register, for an application behind the bridge: its messages cross the bridge as they are. */

let bench: Workbench;
let client: PosClient | undefined;
let echo: Server;

beforeEach(async () => {
  bench = await Workbench.open();
  echo = createServer((socket) => {
    socket.on('error', () => {}).pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await client?.close();
  echo.close();
  await bench.close();
});

test('an application reaches an echo and closes it, under ids of every kind', async () => {
  const address = echo.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const application = await bench.application(() => ({ result: {} }));
  const { port: at } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
  client = await PosClient.open({ to: `tcp:127.0.0.1:${at}`, store: bench.path('store') });
  const offering = client;
  const started = new Promise((resolve) => {
    void offering.offerNetwork({ allow: ['127.0.0.1:*'], onEvent: resolve, linkSpeed: 1_000_000 });
  });
  await client.connect();
  await started;

  for (const id of ['9223372036854775807', '"-9223372036854775808"', '1']) {
    const say = (text: string) => application.send(`{"jsonrpc":"2.0",${text}}\n`);
    const answered = (to: string) =>
      application.waitFor(({ message }) => message?.id === to && message.method === undefined);
    say(
      `"id":"c${id.length}","method":"NetworkConnect","params":{"connection_id":${id},"host":"127.0.0.1","port":${port}}`,
    );
    expect((await answered(`c${id.length}`)).message?.result).toEqual({});
    const content = randomBytes(1000).toString('base64');
    say(`"method":"Data","params":{"id":${id},"data":"${content}"}`);
    await application.waitFor(({ text }) => text.includes(`"params":{"id":${id},"data":"${content}"}`));
    say(`"id":"d${id.length}","method":"NetworkDisconnect","params":{"connection_id":${id}}`);
    expect((await answered(`d${id.length}`)).message?.result).toEqual({});
    await application.waitFor(({ text }) => text.includes(`{"connection_id":${id},"reason":`));
  }
});
