import { socketWire } from '../../src/wire/socket-wire.ts';
import { tortureWire } from '../../src/wire/torture.ts';
import { wireContract } from './contract.ts';
import { socketPair } from './pairs.ts';

wireContract(
  'tortured unix socket',
  async () => {
    const [one, other] = await socketPair('unix');
    return { near: tortureWire(socketWire(one)), far: socketWire(other) };
  },
  // A byte in a write of its own takes much room in the kernel.
  { bulkBytes: 50_000, longBytes: 50_000 },
);

wireContract(
  'unix socket, the other side tortured',
  async () => {
    const [one, other] = await socketPair('unix');
    return { near: socketWire(one), far: tortureWire(socketWire(other)) };
  },
  { bulkBytes: 1024 * 1024, longBytes: 50_000 },
);
