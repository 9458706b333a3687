import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import type { Screen } from '../screen/server.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Program } from './program.ts';

const DEFAULT_SCREEN = 'tcp:127.0.0.1:8080';

/** The terminal behind every connection: a person decides while a browser shows it, else the amount does. */
export async function openTerminalWithScreen(
  program: Program,
  { wanted, pictures }: { readonly wanted: TcpEndpoint | undefined; readonly pictures: string | undefined },
): Promise<{ readonly terminal: Terminal; readonly screen: Screen }> {
  const [{ Terminal: Simulated }, { openScreen }, { terminalSource }] = await Promise.all([
    import('../terminal/terminal.ts'),
    import('../screen/server.ts'),
    import('../terminal/screen/source.ts'),
  ]);
  const context = { clock: systemClock, log: program.log };
  let screen: Screen | undefined;
  const terminal = new Simulated({ ...context, isInteractive: () => (screen?.viewers ?? 0) > 0 });
  program.useSimulator(terminal);
  screen = await openSomewhere(wanted, (endpoint) =>
    openScreen(endpoint, terminalSource(terminal.screen), { ...context, pictures }),
  );
  return { terminal, screen };
}

/** Somebody else may have the usual port; only one that was asked for has to be that one. */
export async function openSomewhere<T>(
  wanted: TcpEndpoint | undefined,
  open: (endpoint: TcpEndpoint) => Promise<T>,
  usualPlace = DEFAULT_SCREEN,
): Promise<T> {
  const usual = parseEndpoint(usualPlace, 'listen') as TcpEndpoint;
  try {
    return await open(wanted ?? usual);
  } catch (fault) {
    if (wanted !== undefined || !(fault instanceof BridgeError) || fault.code !== 'LISTEN_FAILED')
      throw fault;
    return open({ ...usual, port: 0 });
  }
}

/** A second demo finds the usual place taken. */
export function withOtherPlace(fault: unknown, taken: string): unknown {
  if (!(fault instanceof BridgeError) || fault.code !== 'LISTEN_FAILED') return fault;
  const other = taken.replace(/:(\d+)(?=\/|\?|$)/, (_, port: string) => `:${Number(port) + 1}`);
  const text = `${fault.text}, perhaps by another demo: give this one a place of its own, --listen ${other}`;
  return new BridgeError(fault.code, text, { cause: fault });
}
