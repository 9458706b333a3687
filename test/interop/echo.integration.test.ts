import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frameOf } from '../kit/register.ts';
import { exitedWith, freePort, type Running, Workbench } from './kit.ts';

/** A line on which everything that is sent comes back: half-duplex adapters, a plug that is looped. */

let bench: Workbench;
const servers: Server[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await bench.close();
});

/**
 * A relay to a terminal. It gives the register what it sends: from the moment on when it has sent `from`, on that
 * connection, or `always`, on every one after it too.
 */
class EchoingRelay {
  readonly to: string;
  isWell = false;
  #isStruck = false;

  static async open(terminalPort: number, from: string, where: 'there' | 'always'): Promise<EchoingRelay> {
    const relay = new EchoingRelay(await freePort());
    const server = createServer({ allowHalfOpen: true }, (register) => {
      const terminal = connect({ port: terminalPort, host: '127.0.0.1', allowHalfOpen: true });
      let seen = '';
      let isEchoing = false;
      for (const end of [register, terminal]) end.on('error', () => {});
      terminal.on('data', (bytes) => register.write(bytes));
      terminal.on('end', () => register.end());
      terminal.on('close', () => register.destroy());
      register.on('data', (bytes) => {
        seen += bytes.toString('latin1');
        isEchoing ||= seen.includes(from);
        if (isEchoing && where === 'always') relay.#isStruck = true;
        if ((isEchoing || relay.#isStruck) && !relay.isWell) register.write(bytes);
        terminal.write(bytes);
      });
      register.on('end', () => terminal.end());
      register.on('close', () => terminal.destroy());
    });
    servers.push(server);
    await once(server.listen(Number(relay.to.split(':')[2]), '127.0.0.1'), 'listening');
    return relay;
  }

  private constructor(port: number) {
    this.to = `tcp:127.0.0.1:${port}`;
  }
}

/** A plug whose two wires are joined, as a serial line. */
async function loopedPlug(): Promise<string> {
  const link = bench.path('looped');
  const socat = bench.start('socat', ['-d', '-d', `PTY,link=${link},raw,echo=0`, 'EXEC:cat']);
  await socat.says('starting data transfer');
  return link;
}

const CHARGED = { result: { amount: 1230, currency: 'EUR' } };

async function chargingTerminal() {
  const application = await bench.application(() => CHARGED);
  const app = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
  return { application, ...(await bench.startServe(app)) };
}

function startPos(args: readonly string[], to: string): Running {
  return bench.start('posbridge', ['pos', ...args, '--to', to, '--store', bench.path('store')]);
}

describe('the register on a line that echoes', () => {
  test('from the first byte sends no sale, and says why', async () => {
    const { application, port } = await chargingTerminal();
    const { to } = await EchoingRelay.open(port, '', 'always');
    const purchase = startPos(['purchase', '12.30', 'EUR', '--connect-timeout', '3s'], to);
    expect(await purchase.exited, purchase.errors).toEqual(exitedWith(111));
    expect(purchase.errors).toContain('the line echoes what is sent; nothing was sent');
    expect(application.requests('Purchase')).toEqual([]);
  });

  test('that begins with the purchase asks on over another connection', async () => {
    const { application, port } = await chargingTerminal();
    const { to } = await EchoingRelay.open(port, '"Purchase"', 'there');
    const purchase = startPos(['purchase', '12.30', 'EUR'], to);
    expect(await purchase.exited, purchase.errors).toEqual(exitedWith(0));
    expect(purchase.errors).toContain('the line echoes what is sent');
    expect(application.requests('Purchase')).toHaveLength(1);
  });

  test('that echoes on and on leaves the purchase open, and what was charged is found when it is well', async () => {
    const { application, port } = await chargingTerminal();
    const relay = await EchoingRelay.open(port, '"Purchase"', 'always');
    const sale = ['purchase', '12.30', 'EUR', '--receipt', '17', '--outcome-wait', '3s'];
    const purchase = startPos(sale, relay.to);
    expect(await purchase.exited, purchase.errors).toEqual(exitedWith(75));
    expect(application.requests('Purchase')).toHaveLength(1);
    relay.isWell = true;
    const check = startPos(['check', '17'], relay.to);
    expect(await check.exited, check.errors).toEqual(exitedWith(0));
    expect(application.requests('Purchase')).toHaveLength(1);
  });

  test.each(['--sync', '--no-sync'])('that is a looped plug says so (%s)', async (sync) => {
    const link = await loopedPlug();
    const sale = ['purchase', '12.30', 'EUR', sync, '--connect-timeout', '3s'];
    const purchase = startPos(sale, `serial:${link}`);
    expect(await purchase.exited, purchase.errors).toEqual(exitedWith(111));
    expect(purchase.errors).toContain('the line echoes what is sent; nothing was sent');
  });
});

describe('a bridge whose own words come back', () => {
  const app = () => ['--app', `unix:${bench.socketPath}`, '--keepalive', '1,1,5'];

  test('ends as on a broken protocol', async () => {
    await bench.application(() => CHARGED);
    const bridge = bench.startBridge(app());
    const { stdin, stdout } = bridge.child;
    if (stdin === null || stdout === null) throw new Error('it has no pipes');
    stdout.pipe(stdin);
    expect(await bridge.exited, bridge.errors).toEqual(exitedWith(76));
    expect(bridge.errors).toContain('the line echoes what is sent');
  });

  test('ends so on a line that is synchronised, too', async () => {
    await bench.application(() => CHARGED);
    const bridge = bench.startBridge([...app(), '--sync']);
    const { stdin, stdout } = bridge.child;
    if (stdin === null || stdout === null) throw new Error('it has no pipes');
    stdout.pipe(stdin);
    stdin.write(frameOf({ jsonrpc: '2.0', id: 'sync-1', method: '_Sync', params: {} }));
    expect(await bridge.exited, bridge.errors).toEqual(exitedWith(76));
    expect(bridge.errors).toContain('the line echoes what is sent');
  });
});
