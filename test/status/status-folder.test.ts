import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogLevels } from '../../src/base/log-levels.ts';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { OwnStatus } from '../../src/status/own-status.ts';
import type { ProcessStatus } from '../../src/status/process-status.ts';
import { readStatusFolder, writeWishes } from '../../src/status/status-folder.ts';
import { FakeClock } from '../kit/fake-clock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'posbridge-status-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that tells its status in the folder. */
function open(place = folder) {
  const clock = new FakeClock();
  const sink = memorySink();
  const levels = new LogLevels('info');
  const log = createLogger({ format: 'human', clock, level: levels, sink });
  const told = { connections: [] as object[], memory_bytes: 0 };
  const read = () =>
    ({
      pid: process.pid,
      started: '2030-01-01T00:00:00.000Z',
      time: `${clock.wallMs()}`,
      ...told,
    }) as unknown as ProcessStatus;
  const own = new OwnStatus(place, { read, levels, clock, log });
  /** A look at what has changed, and the end of what it writes. */
  const look = async () => {
    await own.written;
    clock.advance(1000);
    await own.written;
  };
  return { clock, sink, levels, told, own, look };
}

const connection = (name: string, open_requests = 0) => ({ connection: name, open_requests, requests: [] });

describe('a process', () => {
  test('writes its file when something has changed that matters, and removes it at the end', async () => {
    const { told, own, look, clock } = open();
    await look();
    const [name = ''] = await readdir(folder);
    const file = path.join(folder, name);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    const { ino } = await stat(file);
    told.memory_bytes = 5;
    await look();
    expect((await stat(file)).ino).toBe(ino);
    told.connections = [connection('till.x')];
    await look();
    expect(JSON.parse(await readFile(file, 'utf8')).status.connections).toHaveLength(1);
    expect(await readStatusFolder(folder, clock)).toMatchObject([{ isAlive: true }]);
    await own.close();
    expect(await readdir(folder)).toEqual([]);
  });

  test('does what is wished of it, once', async () => {
    const { levels, sink, look, own } = open();
    await look();
    const [name = ''] = await readdir(folder);
    await writeWishes(path.join(folder, name), { trace: ['till.x'] });
    await look();
    await look();
    expect(levels.isTraced('till.x')).toBe(true);
    await writeWishes(path.join(folder, name), { trace: [] });
    await look();
    expect(levels.isTraced('till.x')).toBe(false);
    expect(sink.lines).toEqual([
      'info every message of a connection is logged connection=till.x',
      'info messages are logged no longer connection=till.x',
    ]);
    await own.close();
  });

  test('warns once where the folder is not to be trusted, and goes on', async () => {
    await chmod(folder, 0o777);
    const { sink, look, own } = open();
    await look();
    await look();
    expect(sink.lines).toEqual([
      expect.stringMatching(/^warn the status cannot be told .*can be written by everybody/),
    ]);
    await own.close();
  });
});

describe('what another process with the same number has left', () => {
  async function leave(open_requests: number): Promise<FakeClock> {
    const status = { pid: process.pid, started: '', connections: [connection('till.x', open_requests)] };
    await writeFile(path.join(folder, `${process.pid}-abc.json`), JSON.stringify({ birth: '1', status }));
    await writeFile(path.join(folder, 'other.txt'), 'not ours');
    return new FakeClock(Date.now());
  }

  test('is told of as long as something was open in it', async () => {
    const clock = await leave(1);
    for (let count = 0; count < 2; count += 1) {
      expect(await readStatusFolder(folder, clock)).toMatchObject([{ isAlive: false }]);
    }
  });

  test('is told of once where nothing was, and removed; other files stay', async () => {
    const clock = await leave(0);
    expect(await readStatusFolder(folder, clock)).toMatchObject([{ isAlive: false }]);
    expect(await readdir(folder)).toEqual(['other.txt']);
  });
});
