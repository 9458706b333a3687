import { expect, test } from 'vitest';
import { memoryWirePair } from '../../src/wire/memory.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { closed, posBench, rest, watch } from './kit.ts';

/** A terminal whose protocol has no question about earlier sales: ECR-EFT. */

const SALE = { amountMinor: 1230, currency: 'PLN', receiptId: 17 };

/** Answers link tests; the wire is cut when a sale has arrived. */
const openWire = async (): Promise<Wire> => {
  const [register, far] = memoryWirePair();
  far.start({
    chunk: (bytes) => {
      const [, token = '', type] = /([\dA-F]+)\W(S1|T1)\W/i.exec(bytes.toString('latin1')) ?? [];
      if (type === 'S1') far.reset();
      else if (type === 'T1') far.write(Buffer.concat([Buffer.of(0x06), frameOf(token, 'T2')]), () => {});
    },
    end: () => {},
    closed: () => {},
  });
  return register;
};

function frameOf(token: string, type: string): Buffer {
  const checked = Buffer.from(`${token}\x1c${type}\x1c\x03`, 'latin1');
  return Buffer.from([0x02, ...checked, checked.reduce((sum, byte) => sum ^ byte, 0)]);
}

test('a sale whose answer is lost is unknown at once, stays open, and nobody is asked about it', async () => {
  const { client, clock } = await posBench({ to: 'ecr-eft+tcp:10.0.0.5:5002', openWire, register: 'TILL1' });
  const sale = watch(client.purchase(SALE));
  await rest();
  expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN', sale: { receiptId: '17' } });
  expect(sale.fault.text).toContain('cannot be asked about earlier sales');

  const recovered = watch(client.recover().next());
  await rest();
  expect(recovered.value).toMatchObject({ value: { outcome: 'unknown', receiptId: '17' } });
  await expect(client.purchase(SALE)).rejects.toMatchObject({ code: 'DUPLICATE_TRANSACTION' });
  await closed(client, clock);
});

test('what was never asked for is not known either', async () => {
  const { client } = await posBench({ to: 'ecr-eft+tcp:10.0.0.5:5002', openWire, register: 'TILL1' });
  await expect(client.check(18)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
});
