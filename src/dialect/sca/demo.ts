import type { ListeningDemo } from '../demo.ts';
import { DEFAULT_ASSUMPTIONS } from './assumptions.ts';
import { terminalDialect } from './dialect.ts';
import { forgetfulMemory } from './memory.ts';
import { TerminalEnd } from './terminal-end.ts';

/** A terminal on one TCP port, with which registers pair without a code. */
export const demo: ListeningDemo = {
  kind: 'listening',
  listen: 'tcp:127.0.0.1:5015',
  dialect: async () =>
    terminalDialect(
      new TerminalEnd({
        currency: 'USD',
        authentication: 'required',
        assumed: DEFAULT_ASSUMPTIONS,
        memory: forgetfulMemory(),
        pairsAlone: true,
        dials: false,
        webSocket: { subprotocol: 'sci', isBinary: true },
      }),
    ),
  whatToTry: (address) => `In another window, buy something for 12.30 USD:

  posbridge pos purchase 12.30 USD --to 'sca+${address}?currency=USD&secondary=none'

The register pairs with the terminal, opens a session, pays and closes it.`,
};
