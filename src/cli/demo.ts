import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { readEndpoint, resolveBridgeOptions } from './bridge-options.ts';
import { readServerLimits, serve } from './serve.ts';
import type { Settings } from './settings.ts';

const DEFAULT_LISTEN = 'tcp:127.0.0.1:10001';

/** `posbridge demo`: a listener with the simulated terminal behind all channels. */
export async function runDemo(settings: Settings): Promise<number> {
  const listen = readEndpoint(settings, 'listen', 'listen') ?? parseEndpoint(DEFAULT_LISTEN, 'listen');
  const simulator = parseEndpoint('simulator:', 'channel');
  const channels = new Map(CHANNEL_NAMES.map((channel) => [channel, simulator]));
  const options = await resolveBridgeOptions(settings, channels);
  return serve(settings, { ...options, ...readServerLimits(settings), listen }, (_program, address) =>
    process.stderr.write(whatToTry(address)),
  );
}

function whatToTry(address: string): string {
  const [, host = '127.0.0.1', port = '10001'] = /^tcp:\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const purchase = frame({
    jsonrpc: '2.0',
    id: 'demo-1',
    method: 'Purchase',
    params: { receipt_id: 17, sequence_id: 1, amount: 1230, currency: 'EUR' },
  });
  const check = frame({
    jsonrpc: '2.0',
    id: 'demo-2',
    method: 'Check',
    params: { receipt_id: 17, sequence_id: 1 },
  });
  return `
A simulated payment terminal listens on ${address}. In another window, buy something for 12.30 EUR:

  printf '%s\\n' '${purchase}' | nc -N ${host} ${port}

and ask what became of it:

  printf '%s\\n' '${check}' | nc -N ${host} ${port}

Amounts that end in 01 are declined. Every receipt_id and sequence_id can be used once. Ctrl-C ends the demo.

`;
}

/** One JSONPOS frame without its LF, which the shell's printf adds. */
function frame(message: object): string {
  const json = JSON.stringify(message);
  return `${json.length.toString(16).padStart(8, '0')}:${json}`;
}
