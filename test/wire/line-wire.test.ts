import { expect, test } from 'vitest';
import { unmarkedWire } from '../../src/wire/line-wire.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { wireContract } from './contract.ts';
import { Recorder } from './recorder.ts';

wireContract(
  'unmarked memory',
  async () => {
    const [near, far] = memoryWirePair();
    return { near: unmarkedWire(near, undefined), far };
  },
  { bulkBytes: 1024 },
);

test('an unmarked wire passes damaged bytes on as FF, and reports them', async () => {
  const [one, other] = memoryWirePair();
  const reports: number[] = [];
  const near = new Recorder(unmarkedWire(one, (damaged) => reports.push(damaged))).start();
  const far = new Recorder(other).start();
  for (const hex of ['61ff0062', '63', 'ff', '00', '64', 'ffff', 'ff0001ff0002'])
    await far.write(Buffer.from(hex, 'hex'));
  far.wire.endOutput();
  await near.ended;
  expect(near.chunks.map((chunk) => chunk.toString('hex'))).toEqual(['61ff', '63', 'ff', 'ff', 'ffff']);
  expect(reports).toEqual([1, 1, 2]);
});
