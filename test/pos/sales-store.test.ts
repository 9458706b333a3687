import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRoot, mountedFolder } from '../store/journal-kit.ts';
import { posBench, temporaryFolder } from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR' };

describe('a store', () => {
  test.runIf(isRoot)('that is full lets nothing be sent', async () => {
    const folder = mountedFolder('size=4k');
    const { client, terminal } = await posBench({ store: folder });
    try {
      writeFileSync(path.join(folder, 'filler'), Buffer.alloc(64 * 1024));
    } catch {}
    await expect(client.purchase(SALE)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(terminal.attempts).toBe(0);
  });

  test.runIf(isRoot)('that is read-only lets nothing be sent', async () => {
    const folder = mountedFolder('ro');
    const { client, terminal } = await posBench({ store: folder });
    const fault = await client.purchase(SALE).catch((caught) => caught);
    expect(fault).toMatchObject({ code: 'STORE_FAILED' });
    expect(fault.text).toBe(`the store ${folder} cannot be used: read-only file system (EROFS)`);
    expect(terminal.attempts).toBe(0);
  });

  test.skipIf(isRoot)('that may not be written lets nothing be sent', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o500);
    const { client, terminal } = await posBench({ store: folder });
    await expect(client.purchase(SALE)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(terminal.attempts).toBe(0);
  });

  test('that cannot be a folder is refused at opening', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'file'), '');
    await expect(posBench({ store: path.join(folder, 'file/store') })).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
  });

  test.runIf(isRoot)('that fails at the end tells the outcome all the same, and finds it again', async () => {
    const folder = mountedFolder('size=1m');
    const { client, terminal } = await posBench({ store: folder });
    terminal.on('Purchase', (request, connection) => {
      const entry = readdirSync(folder).find((name) => name.endsWith('.entry')) ?? '';
      expect(readFileSync(path.join(folder, entry), 'utf8')).toContain('"state":"sent"');
      try {
        writeFileSync(path.join(folder, 'filler'), Buffer.alloc(2 * 1024 * 1024));
      } catch {}
      connection.answer(request, { charged: true, padding: 'x'.repeat(8192) });
    });
    const outcome = await client.purchase(SALE);
    expect(outcome).toMatchObject({ outcome: 'approved', isRecorded: false });
    rmSync(path.join(folder, 'filler'));
    terminal.on('Check', (request, connection) => connection.answer(request, { charged: true }));
    const { value } = await client.recover().next();
    expect(value).toMatchObject({ outcome: 'approved', receiptId: outcome.receiptId, isRecorded: true });
  });
});
