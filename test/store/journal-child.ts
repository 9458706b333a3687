// A process that has a journal open and does what it is told, for journal-processes.integration.test.ts.
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { Journal } from '../../src/store/journal.ts';
import type { OwnedEntry } from '../../src/store/owned-entry.ts';

export type Order =
  | { readonly do: 'begin' | 'claim' | 'lookup' | 'finish'; readonly id: string; readonly text?: string }
  /** Begins entries of its own, one after the other, and reports each, until it is killed. */
  | { readonly do: 'begin-many'; readonly id: string };

const [folder = ''] = process.argv.slice(2);
const journal = await Journal.open(folder, { clock: systemClock, log: silentLogger, keepMs: 86_400_000 });
const owned = new Map<string, OwnedEntry>();

const time = () => new Date(systemClock.wallMs()).toISOString();
const begin = (id: string) =>
  journal.begin(id, {
    state: 'sent',
    version: 2,
    register: 'child',
    identity: { receipt_id: id },
    method: 'Purchase',
    pid: process.pid,
    time: time(),
  });

async function obey({ do: what, id, ...more }: Order & { text?: string }): Promise<string> {
  switch (what) {
    case 'begin': {
      const entry = await begin(id);
      if (entry === 'exists') return 'exists';
      owned.set(id, entry);
      return 'begun';
    }
    case 'claim': {
      const entry = await journal.claim(id);
      if (entry === undefined) return 'refused';
      owned.set(id, entry);
      return entry.lookup.state;
    }
    case 'lookup':
      return (await journal.lookup(id)).state;
    case 'finish':
      await owned.get(id)?.finish({ kind: 'result', text: more.text ?? '{}', time: time() });
      return 'finished';
    case 'begin-many':
      for (let n = 0; ; n += 1) {
        const entry = await begin(`${id}${n}`);
        process.send?.(`begun ${id}${n}`);
        if (entry !== 'exists') await entry.finish({ kind: 'result', text: `{"n":${n}}`, time: time() });
        process.send?.(`finished ${id}${n}`);
      }
  }
}

process.on('message', (order: Order) => {
  void obey(order).then(
    (answer) => process.send?.(answer),
    (fault) => process.send?.(String(fault)),
  );
});
process.send?.('ready');
