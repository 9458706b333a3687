import type { BrokeredDemo } from '../demo.ts';
import { DEFAULT_ASSUMPTIONS } from './assumptions.ts';
import { Broker } from './broker.ts';
import { terminalDialect } from './dialect.ts';
import { forgetfulMemory } from './memory.ts';
import { TerminalEnd } from './terminal-end.ts';
import { terminalWishes } from './wishes.ts';

const PINPAD = 'demo';
const HOST_TIMEOUT_MS = 150_000;

/** A broker, a terminal that dials into it without registration, and the terminal's two TCP ports for registers. */
export const demo: BrokeredDemo = {
  kind: 'brokered',
  listen: 'ws://127.0.0.1:8015/',
  currency: 'USD',
  broker: async (isUsual) => {
    const [primary, secondary] = isUsual ? [5015, 5016] : [0, 0];
    const place = {
      pinpad: PINPAD,
      primary: `tcp:127.0.0.1:${primary}`,
      secondary: `tcp:127.0.0.1:${secondary}`,
    };
    return new Broker({
      omitsSubprotocol: false,
      mendsHeaders: false,
      takesUnnamed: false,
      hostTimeoutMs: HOST_TIMEOUT_MS,
      legacy: [place],
      server: 'posbridge',
    }).dialect;
  },
  terminal: async () =>
    terminalDialect(
      new TerminalEnd({
        currency: 'USD',
        authentication: 'skip',
        assumed: DEFAULT_ASSUMPTIONS,
        memory: forgetfulMemory(),
        pairsAlone: true,
        dials: true,
        webSocket: terminalWishes({ pinpad: PINPAD }),
      }),
    ),
  to: ([primary = '', secondary = '']) =>
    `sca+${primary}?currency=USD&secondary=${/:(\d+)$/.exec(secondary)?.[1] ?? 'none'}`,
};
