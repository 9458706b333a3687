import type { EndpointKind } from '../endpoint/endpoint.ts';
import type { ChannelKind } from './kind.ts';
import { fdKind } from './kinds/fd.ts';
import { fifoKind } from './kinds/fifo.ts';
import { natsKind } from './kinds/nats.ts';
import { nullKind } from './kinds/null.ts';
import { simulatorKind } from './kinds/simulator.ts';
import { tcpKind, unixKind } from './kinds/socket.ts';
import { terminalKind } from './kinds/terminal.ts';

/** Every kind of endpoint that channels can be attached to. */
export const CHANNEL_KINDS: readonly ChannelKind[] = erased([
  fdKind,
  fifoKind,
  natsKind,
  nullKind,
  simulatorKind,
  tcpKind,
  terminalKind,
  unixKind,
]);

/** Each row takes endpoints of its own kind alone; who picks a row by an endpoint's kind may hand it that endpoint. */
function erased(rows: readonly { readonly kind: EndpointKind }[]): readonly ChannelKind[] {
  return rows as readonly ChannelKind[];
}
