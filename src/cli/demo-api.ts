import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openApiServer } from '../api/http/server.ts';
import { ApiService } from '../api/service.ts';
import { systemClock } from '../base/clock.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import type { Program } from './program.ts';
import { version } from './version.ts';

const KEEP_MS = 86_400_000;
const OUTCOME_WAIT_MS = 900_000;
const MAX_CONNECTIONS = 200;

/**
 * Offers the demo's terminal by HTTP as well, with a store that goes with it. The result is where; it ends with the
 * program.
 *
 * @param terminal `DIALECT+ENDPOINT`.
 */
export async function offerDemo(
  program: Pick<Program, 'log' | 'own'>,
  { terminal, protocol, endpoint }: { terminal: string; protocol: string; endpoint: TcpEndpoint },
): Promise<string> {
  const { log } = program;
  const store = await mkdtemp(path.join(tmpdir(), 'posbridge-demo-'));
  program.own({ close: () => rm(store, { recursive: true, force: true }) });
  const service = await ApiService.open({
    terminals: [{ name: 'demo', place: terminal, protocol, client: { to: terminal } }],
    store: path.join(store, 'sales'),
    keepMs: KEEP_MS,
    outcomeWaitMs: OUTCOME_WAIT_MS,
    clock: systemClock,
    log,
  });
  const server = await openApiServer({
    service,
    endpoints: [endpoint],
    tls: undefined,
    tokens: undefined,
    allowOrigins: [],
    ratePerS: Number.POSITIVE_INFINITY,
    maxConnections: MAX_CONNECTIONS,
    version,
    clock: systemClock,
    log,
  }).catch(async (fault: unknown) => {
    await service.close();
    throw fault;
  });
  program.own({
    async close() {
      await server.close();
      await service.close();
    },
  });
  service.start();
  return server.addresses[0] ?? '';
}
