import path from 'node:path';
import { memorySink } from '../../../src/base/log-sink.ts';
import { createLogger } from '../../../src/base/logger.ts';
import type { AskingDialect } from '../../../src/dialect/asking.ts';
import { jsonposAsking } from '../../../src/dialect/jsonpos/asking.ts';
import { Gateway } from '../../../src/pos/gateway/gateway.ts';
import { GatewayStore } from '../../../src/pos/gateway/gateway-store.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { Attached } from '../../terminal/kit.ts';
import { after, PlayedTerminal, rest, temporaryFolder, watch } from '../kit.ts';

export const SALE = { receipt_id: 17, sequence_id: 1, amount: 1230, currency: 'EUR' };
export const CHECK = { receipt_id: 17, sequence_id: 1 };
export const PAID = { amount: 1230, currency: 'EUR' };

/** A protocol like any other, but for one thing: its terminals cannot be asked about earlier sales. */
export const forgetful: AskingDialect = {
  ...jsonposAsking,
  transactions: { methods: jsonposAsking.transactions.methods, recovery: undefined },
};

export interface GatewayBench {
  readonly gateway: Gateway;
  readonly terminal: PlayedTerminal;
  readonly clock: FakeClock;
  readonly lines: string[];
  /** A bridge's attachment, with one connection that it has announced. */
  bridge(connection: string, params?: object): Attached;
}

/** A gateway to a played terminal, on a clock that stands still. */
export async function gatewayBench({
  dialect = jsonposAsking,
  folder = path.join(temporaryFolder(), 'store'),
}: {
  readonly dialect?: AskingDialect;
  readonly folder?: string;
} = {}): Promise<GatewayBench> {
  const terminal = new PlayedTerminal();
  const clock = new FakeClock(Date.now());
  const sink = memorySink();
  const log = createLogger({ format: 'human', clock, level: 'debug', sink });
  let ids = 0;
  const isForgetful = dialect.transactions.recovery === undefined;
  const gateway = new Gateway({
    dialect,
    to: 'jsonpos+tcp:10.0.0.5:10001',
    place: { kind: 'tcp', text: 'tcp:10.0.0.5:10001', host: '10.0.0.5', port: 10_001 },
    store: isForgetful
      ? await GatewayStore.open(folder, { place: 'tcp:10.0.0.5:10001', clock, log })
      : undefined,
    openWire: terminal.openWire,
    maxFrameBytes: 262_134,
    keepalive: 'off',
    sync: false,
    discardMs: 0,
    linkSpeed: undefined,
    clock,
    log,
    randomId: () => `r${++ids}`,
  });
  after(async () => {
    const closing = watch(gateway.close());
    while (!closing.isSettled) {
      await rest();
      if (!closing.isSettled) clock.advance(1000);
    }
  });
  return {
    gateway,
    terminal,
    clock,
    lines: sink.lines,
    bridge: (connection, params = { peer: '192.0.2.7' }) => {
      const attached = new Attached(gateway);
      attached.announce(connection, '_Connected', { connection, ...params });
      return attached;
    },
  };
}
