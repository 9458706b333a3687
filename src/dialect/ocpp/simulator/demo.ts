import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clock, isoTime, systemClock } from '../../../base/clock.ts';
import { connectWs, type WsEndpoint } from '../../../wire/ws.ts';
import type { ListeningDemo } from '../../demo.ts';
import type { Dialect } from '../../dialect.ts';
import { Central } from '../central.ts';
import { openDatabase } from '../database/open.ts';
import { centralDialect } from '../dialect.ts';
import { ChargePoint } from './charge-point.ts';

const IDENTITIES = ['CP001', 'CP002'];
const METER_MS = 3000;

/** A central system with its page, and two charge points that charge. The database is gone after the demo. */
export const demo: ListeningDemo = {
  kind: 'listening',
  listen: 'ws://127.0.0.1:9000/ocpp',
  dialect: centralOfDemo,
  peers: chargeTwice,
  whatToTry: (
    address,
  ) => `A central system for OCPP 1.6 listens on ${address}, and two charge points charge there.
Start and stop them on the page, or bring another one along:

    posbridge charge-point --to ${address}/CP003 --script boot,authorize,start --stay`,
};

async function centralOfDemo(): Promise<Dialect> {
  const folder = await mkdtemp(path.join(tmpdir(), 'posbridge-demo-'));
  const place = { kind: 'sqlite', to: path.join(folder, 'ocpp.db') } as const;
  const central = new Central(
    {
      heartbeatS: 60,
      registrationOf: () => 'Accepted',
      isLenient: () => false,
      usesSpool: true,
      framesKeepMs: 3_600_000,
      dataTransfer: [],
    },
    await openDatabase(place, isoTime(systemClock)),
  );
  const dialect = centralDialect(central);
  return {
    ...dialect,
    async close() {
      await dialect.close?.();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Two charge points of different power, the second a little later. */
function chargeTwice(address: string, clock: Clock): { stop(): void } {
  const points = IDENTITIES.map((identity, index) => {
    const url = `${address}/${identity}`;
    const endpoint: WsEndpoint = { kind: 'ws', text: url, url, secure: false, host: '', port: 0, path: '' };
    const point = new ChargePoint({
      clock,
      newId: randomUUID,
      open: () => connectWs(endpoint, { subprotocol: 'ocpp1.6' }),
      connectors: 2,
      powerW: index === 0 ? 11_000 : 50_000,
      meterMs: METER_MS,
      show: () => {},
    });
    point.start();
    void point
      .until(() => point.isWorking)
      .then(() => point.pause(2000 * (index + 1)))
      .then(() => point.connector(1)?.begin(`TAG-${index + 1}`));
    return point;
  });
  return {
    stop() {
      for (const point of points) point.stop();
    },
  };
}
