import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkRoom } from '../../src/api/store-room.ts';
import { noSmallDisk, SmallDisk } from '../reliability/small-disk.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-room-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

test('a folder that is gone takes no sale', async () => {
  await expect(checkRoom(path.join(folder, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test.skipIf(noSmallDisk !== undefined)('a disk takes sales until it is full or read-only', async () => {
  const disk = new SmallDisk(path.join(folder, 'disk'));
  try {
    await checkRoom(disk.folder);
    disk.fill();
    await expect(checkRoom(disk.folder)).rejects.toMatchObject({ code: 'ENOSPC' });
    disk.free();
    await checkRoom(disk.folder);
    disk.setReadOnly(true);
    await expect(checkRoom(disk.folder)).rejects.toMatchObject({ code: 'EROFS' });
  } finally {
    disk.close();
  }
});
