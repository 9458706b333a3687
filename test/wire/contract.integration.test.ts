import { join } from 'node:path';
import type { Endpoint } from '../../src/endpoint/endpoint.ts';
import { listen } from '../../src/wire/listen.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { connectWire } from '../../src/wire/socket.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { connectWs } from '../../src/wire/ws.ts';
import { temporaryFolder } from './bundle.ts';
import { type WirePair, wireContract } from './contract.ts';
import { tcpEndpoint, unixEndpoint, wsEndpoint } from './endpoints.ts';
import { fifoWires, remotePair } from './pairs.ts';

wireContract('memory', async () => pairOf(memoryWirePair()), { bulkBytes: 1024 });
wireContract('memory with messages', async () => pairOf(memoryWirePair({ framing: 'messages' })), {
  bulkBytes: 256 * 1024,
});
wireContract('tcp, accepted side', () => accepted(tcpEndpoint(0)));
wireContract('tcp, connecting side', async () => swapped(await accepted(tcpEndpoint(0))));
wireContract('unix, accepted side', () => accepted(unixEndpoint(join(temporaryFolder(), 's'))));
wireContract('unix, connecting side', async () =>
  swapped(await accepted(unixEndpoint(join(temporaryFolder(), 's')))),
);
wireContract('named pipes', fifoWires);
for (const kind of ['tcp', 'unix', 'pipe'] as const) {
  for (const end of ['near', 'far'] as const) {
    wireContract(`${kind} at 0 and 1 of a process, ${end} end`, () => remotePair(end, kind), {
      isLocal: false,
    });
  }
}
wireContract('WebSocket, accepted side', () => accepted(wsEndpoint(0, '/pos')), { halfClose: false });
wireContract('WebSocket, connecting side', async () => swapped(await accepted(wsEndpoint(0, '/pos'))), {
  halfClose: false,
});

function pairOf([near, far]: [Wire, Wire]): WirePair {
  return { near, far };
}

function swapped({ near, far, ...rest }: WirePair): WirePair {
  return { near: far, far: near, ...rest };
}

async function accepted(endpoint: Endpoint): Promise<WirePair> {
  let take: (wire: Wire) => void = () => {};
  const near = new Promise<Wire>((resolve) => {
    take = resolve;
  });
  const listener = await listen(endpoint, { onWire: (wire) => take(wire) });
  const far = await connectTo(endpoint, listener.address);
  return { near: await near, far, close: () => listener.close() };
}

function connectTo(endpoint: Endpoint, address: string): Promise<Wire> {
  const port = Number(/:(\d+)(\/|$)/.exec(address)?.[1]);
  switch (endpoint.kind) {
    case 'tcp':
      return connectWire(tcpEndpoint(port));
    case 'ws':
      return connectWs(wsEndpoint(port, endpoint.path));
    case 'unix':
      return connectWire(endpoint);
    default:
      throw new TypeError(endpoint.kind);
  }
}
