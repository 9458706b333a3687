import { constants, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { access, OpenFile, readlink, realpath, stat, whileStarting } from '../../src/base/files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-'));
  writeFileSync(path.join(folder, 'file'), 'text');
  symlinkSync('file', path.join(folder, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const ways = [
  ['at once', whileStarting],
  ['in turn', <T>(run: () => Promise<T>) => run()],
] as const;

describe.each(ways)('files are looked at %s', (_, way) => {
  test('with the same results', async () => {
    const link = path.join(folder, 'link');
    await way(async () => {
      expect(await readlink(link)).toBe('file');
      expect(await realpath(link)).toBe(await realpath(path.join(folder, 'file')));
      expect((await stat(link)).size).toBe(4);
      await expect(access(link, constants.R_OK)).resolves.toBeUndefined();
      const file = await OpenFile.open(link, constants.O_RDWR);
      expect((await file.stat()).isFile()).toBe(true);
      await file.write('T');
      expect((await file.read(100)).toString()).toBe('Text');
      await file.close();
      await file.close();
      expect(file.fd).toBe(-1);
      await (await OpenFile.open(link, constants.O_WRONLY | constants.O_TRUNC)).close();
      writeFileSync(link, 'text');
    });
  });

  test('with the same faults', async () => {
    const missing = path.join(folder, 'missing');
    await way(async () => {
      for (const asked of [
        () => readlink(missing),
        () => realpath(missing),
        () => stat(missing),
        () => access(missing, constants.R_OK),
        () => OpenFile.open(missing, constants.O_RDONLY),
      ]) {
        await expect(asked()).rejects.toMatchObject({ code: 'ENOENT' });
      }
    });
  });
});
