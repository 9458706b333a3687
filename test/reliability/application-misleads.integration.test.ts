import { describe, expect } from 'vitest';
import { type Aftermath, cell, KEY } from './cell.ts';
import { handedOver, type Terminal } from './kit.ts';

/** Answers that must not be believed, and requests that must not be obeyed any more. */
describe('the application', () => {
  async function answered(terminal: Terminal): Promise<Aftermath> {
    const till = terminal.till();
    const first = await till.purchase(KEY);
    await terminal.application.at('answered', KEY);
    return { first, till };
  }

  cell(['answers twice', 'then', 'stored'], answered, { settings: { answers: 'twice' } });
  cell(['answers for another connection', 'then', 'stored'], answered, { settings: { answers: 'astray' } });

  cell(['answers with a line that cannot be read', 'then', 'stored'], answered, {
    settings: { answers: 'unreadable' },
  });

  cell(
    ['answers too late', 'then', 'asked'],
    async (terminal) => {
      const { application } = terminal;
      const till = terminal.till({ args: ['--outcome-wait', '200ms'] });
      const first = till.purchase(KEY);
      await application.at('begun', KEY);
      till.register.end(); // from now on the bridge does not wait for ever
      expect(await first).toEqual({ kind: 'lost', code: 'OUTCOME_UNKNOWN', text: '' });
      expect((await till.bridge.exited).code).toBe(111);
      application.go();
      await application.at('answered', KEY);
      return { first: await first };
    },
    { settings: { haltAt: 'begun' } },
  );

  // It does not read the dead bridge's socket until it has denied the transaction to the next bridge.
  cell(
    ['reads a request that it has denied', 'then', 'not charged'],
    async (terminal) => {
      const { application } = terminal;
      const till = terminal.till();
      const first = till.purchase(KEY);
      await handedOver(till);
      await till.bridge.kill();
      application.set({ reads: true });
      const next = terminal.till();
      const denied = next.check(KEY);
      await application.at('asked', KEY);
      application.resume(0);
      await application.at('refused', KEY);
      expect((await denied).code).toBe('TRANSACTION_NOT_FOUND');
      return { first: await first, till: next };
    },
    { settings: { reads: false } },
  );
});
