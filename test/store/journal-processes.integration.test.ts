import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import { seededRandom } from '../kit/random.ts';
import type { Order } from './journal-child.ts';
import { after, openJournal, sentAt } from './journal-kit.ts';

/** Several processes on one journal, killed as power cuts and operators kill. */

let programs: string;
beforeAll(async () => {
  programs = mkdtempSync(path.join(tmpdir(), 'posbridge-journal-programs-'));
  await build({
    entryPoints: [path.join(import.meta.dirname, 'journal-child.ts')],
    outfile: path.join(programs, 'child.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
});
afterAll(() => rmSync(programs, { recursive: true }));

class Child {
  readonly process: ChildProcess;
  readonly said: string[] = [];
  readonly #watchers = new Set<() => void>();

  private constructor(folder: string) {
    this.process = fork(path.join(programs, 'child.mjs'), [folder], {
      env: { ...process.env, NODE_PATH: path.join(process.cwd(), 'node_modules') },
    });
    this.process.on('message', (text) => {
      this.said.push(String(text));
      for (const look of [...this.#watchers]) look();
    });
    after(() => void this.process.kill('SIGKILL'));
  }

  static async start(folder: string): Promise<Child> {
    const child = new Child(folder);
    await once(child.process, 'message');
    return child;
  }

  async tell(order: Order): Promise<string> {
    const [answer] = await Promise.all([once(this.process, 'message'), this.process.send(order)]);
    return String(answer[0]);
  }

  /** Resolves when it has said this many things. */
  hasSaid(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.said.length < count) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  async kill(): Promise<void> {
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }
}

describe('two processes', () => {
  test('that begin the same transaction at once: exactly one wins', async () => {
    const { folder, journal } = await openJournal();
    const children = await Promise.all([1, 2, 3].map(() => Child.start(folder)));
    for (let round = 0; round < 100; round += 1) {
      const id = Journal.idOf('race', String(round));
      const said = await Promise.all(children.map((child) => child.tell({ do: 'begin', id })));
      expect(said.toSorted()).toEqual(['begun', 'exists', 'exists']);
      expect(await journal.lookup(id)).toMatchObject({ state: 'running' });
    }
    expect(readdirSync(folder).filter((name) => !name.endsWith('.entry'))).toEqual([]);
  });

  test('see each other running, and dead the moment one is killed; one of them takes over', async () => {
    const { folder } = await openJournal();
    const [owner, one, other] = [
      await Child.start(folder),
      await Child.start(folder),
      await Child.start(folder),
    ];
    expect(await owner.tell({ do: 'begin', id: 'aaaa' })).toBe('begun');
    expect(await one.tell({ do: 'lookup', id: 'aaaa' })).toBe('running');
    expect(await one.tell({ do: 'claim', id: 'aaaa' })).toBe('refused');
    await owner.kill();
    expect(await one.tell({ do: 'lookup', id: 'aaaa' })).toBe('unresolved');
    const claims = await Promise.all([one, other].map((child) => child.tell({ do: 'claim', id: 'aaaa' })));
    expect(claims.toSorted()).toEqual(['refused', 'unresolved']);
    const winner = claims[0] === 'refused' ? other : one;
    expect(await one.tell({ do: 'lookup', id: 'aaaa' })).toBe('running');
    expect(await winner.tell({ do: 'finish', id: 'aaaa', text: '{"n":1}' })).toBe('finished');
    expect(await one.tell({ do: 'lookup', id: 'aaaa' })).toBe('done');
    expect(await other.tell({ do: 'lookup', id: 'aaaa' })).toBe('done');
  });

  test('killed at random times have lost nothing that they reported, and left nothing damaged', async () => {
    const open = await openJournal();
    const random = seededRandom(17);
    for (let round = 0; round < 12; round += 1) {
      const children = await Promise.all(['a', 'b'].map(() => Child.start(open.folder)));
      for (const [index, child] of children.entries()) {
        child.process.send({ do: 'begin-many', id: `${round}-${index}-` } satisfies Order);
      }
      const [first, second] = children;
      await first?.hasSaid(2 + Math.floor(random() * 40));
      await Promise.all([first?.kill(), second?.kill()]);
      for (const report of children.flatMap(({ said }) => said)) {
        const [what, id = ''] = report.split(' ');
        if (what === 'ready') continue;
        const lookup = await open.journal.lookup(id);
        if (what === 'finished') expect([report, lookup.state]).toEqual([report, 'done']);
        else expect([report, lookup.state]).toEqual([report, expect.stringMatching(/^(unresolved|done)$/)]);
      }
    }
    expect(await open.journal.isComplete()).toBe(true);
    for await (const { sent } of open.journal.entries()) expect(sent?.register).toBe('child');
  });

  test('one of which died while it began: the other may begin the same', async () => {
    const open = await openJournal();
    for (let round = 0; round < 20; round += 1) {
      const id = Journal.idOf('left over', String(round));
      const child = await Child.start(open.folder);
      child.process.send({ do: 'begin', id } satisfies Order);
      await new Promise((resolve) => setImmediate(resolve));
      await child.kill();
      const { state } = await open.journal.lookup(id);
      expect(['none', 'unresolved']).toContain(state);
      const entry = await open.journal.begin(id, sentAt(open.clock));
      expect(entry === 'exists').toBe(state === 'unresolved');
      if (entry !== 'exists') await entry.release();
    }
    expect(await open.journal.isComplete()).toBe(true);
  });
});
