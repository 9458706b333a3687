import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { readEndpoint } from './readers.ts';
import type { Settings } from './settings.ts';

/** `--screen`: where the simulated terminal shows itself. */
export function readScreen(settings: Settings): TcpEndpoint | undefined {
  const screen = readEndpoint(settings, 'screen', 'listen');
  if (screen === undefined || screen.kind === 'tcp') return screen;
  throw settings.fault('screen', `${screen.text} is no place for a browser; for example tcp:127.0.0.1:8080`);
}
