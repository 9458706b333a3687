import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import type { Screen } from '../terminal/screen/server.ts';
import { resolveBridgeOptions } from './bridge-options.ts';
import type { Program } from './program.ts';
import { readEndpoint } from './readers.ts';
import { readScreen } from './screen-option.ts';
import { readServerLimits, serve } from './serve.ts';
import type { Settings } from './settings.ts';

const DEFAULT_LISTEN = 'tcp:127.0.0.1:10001';
const DEFAULT_SCREEN = 'tcp:127.0.0.1:8080';

/** `posbridge demo`: a listener with the simulated terminal behind all channels, and the terminal's screen. */
export async function runDemo(settings: Settings): Promise<number> {
  if (settings.text('dialect') === 'openfsc') {
    const { runOpenfscDemo } = await import('./demo-openfsc.ts');
    return runOpenfscDemo(settings);
  }
  const listen = readEndpoint(settings, 'listen', 'listen') ?? parseEndpoint(DEFAULT_LISTEN, 'listen');
  const simulator = parseEndpoint('simulator:', 'channel');
  const channels = new Map(CHANNEL_NAMES.map((channel) => [channel, simulator]));
  const options = await resolveBridgeOptions(settings, { channels });
  const wanted = readScreen(settings);
  let screen: Screen | undefined;
  try {
    return await serve(
      settings,
      { ...options, ...readServerLimits(settings), listen },
      {
        prepare: async (program) => {
          screen = await openTerminalWithScreen(program, wanted);
        },
        ready: (_program, address) => process.stderr.write(whatToTry(address, screen?.url ?? '')),
      },
    );
  } finally {
    await screen?.close();
  }
}

/** The terminal behind every connection: a person decides while a browser shows it, else the amount does. */
async function openTerminalWithScreen(program: Program, wanted: TcpEndpoint | undefined): Promise<Screen> {
  const [{ Terminal }, { openScreen }] = await Promise.all([
    import('../terminal/terminal.ts'),
    import('../terminal/screen/server.ts'),
  ]);
  const context = { clock: systemClock, log: program.log };
  let screen: Screen | undefined;
  const terminal = new Terminal({ ...context, isInteractive: () => (screen?.viewers ?? 0) > 0 });
  program.useSimulator(terminal);
  const open = (endpoint: TcpEndpoint) => openScreen(endpoint, terminal.screen, context);
  const usual = parseEndpoint(DEFAULT_SCREEN, 'listen') as TcpEndpoint;
  screen = await open(wanted ?? usual).catch((fault) => {
    // Somebody else may have the usual port; only one that was asked for has to be that one.
    if (wanted !== undefined || !(fault instanceof BridgeError) || fault.code !== 'LISTEN_FAILED')
      throw fault;
    return open({ ...usual, port: 0 });
  });
  return screen;
}

function whatToTry(address: string, screen: string): string {
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
A simulated payment terminal. Its screen: ${screen}

It listens on ${address}. In another window, buy something for 12.30 EUR:

  printf '%s\\n' '${purchase}' | nc -N ${host} ${port}

and ask what became of it:

  printf '%s\\n' '${check}' | nc -N ${host} ${port}

With the screen open in a browser you are the cardholder: tap or insert a card there. Without it the amount decides: those that end in 01
are declined. Every receipt_id and sequence_id can be used once. Ctrl-C ends the demo.

`;
}

/** One JSONPOS frame without its LF, which the shell's printf adds. */
function frame(message: object): string {
  const json = JSON.stringify(message);
  return `${json.length.toString(16).padStart(8, '0')}:${json}`;
}
