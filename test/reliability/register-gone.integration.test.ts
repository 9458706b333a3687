import { describe, expect } from 'vitest';
import { TestRegister } from '../kit/register.ts';
import type { Step } from './application.ts';
import { cell, KEY } from './cell.ts';
import { type BridgeOptions, delayed, handedOver, type Terminal, Till, until } from './kit.ts';

/** The register's connection is reset; the bridge, here `serve`, lives on. */
describe('register gone', () => {
  /** Purchases on a connection of its own; `gone` resets it and then gives a register that asks, on a new one. */
  async function purchase(terminal: Terminal, options: BridgeOptions = {}) {
    const { server, port } = await terminal.serve(options);
    const socket = await terminal.bench.connect(port);
    const register = TestRegister.on(socket);
    const till = new Till(server, register);
    await terminal.application.at('connected');
    const begin = () => till.purchase(KEY);
    const gone = async () => {
      socket.resetAndDestroy();
      await server.says(/disconnected .*reason=CONNECTION_CLOSED/);
      return new Till(server, TestRegister.on(await terminal.bench.connect(port)));
    };
    return { till, register, begin, gone };
  }

  cell(['register gone', 'before sent', 'free'], async (terminal) => {
    const { begin, gone } = await purchase(terminal, delayed('fdatasync')); // of the new entry
    const first = begin();
    await until(() => terminal.files('.new').length === 1, 'a transaction is being recorded');
    const till = await gone();
    expect(terminal.files('.entry')).toEqual([]);
    await until(() => terminal.files('.new').length === 0, 'it is withdrawn');
    return { first: await first, till };
  });

  cell(
    ['register gone', 'sent', 'free'],
    async (terminal) => {
      const { register, begin, gone } = await purchase(terminal);
      // So much is unread that the Purchase has to wait in the bridge.
      for (let count = 0; count < 8; count += 1) register.notify('Filler', { text: 'x'.repeat(200_000) });
      const first = begin();
      await until(() => terminal.files('.entry').length === 1, 'a transaction is on record');
      await until(() => terminal.files('.new').length === 0, 'a transaction is on record');
      await register.request('_Keepalive');
      terminal.application.set({ reads: true }); // for the next register there may be another connection
      const till = await gone();
      await until(() => terminal.files('.entry').length === 0, 'it is withdrawn');
      terminal.application.resume(0);
      await till.register.request('_Keepalive');
      return { first: await first, till };
    },
    { settings: { reads: false } },
  );

  cell(
    ['register gone', 'handed over', 'stored'],
    async (terminal) => {
      const { application } = terminal;
      const { till, begin, gone } = await purchase(terminal);
      const first = begin();
      await handedOver(till);
      application.set({ reads: true });
      const next = await gone();
      expect((await next.check(KEY)).code).toBe('TRANSACTION_ACTIVE');
      application.resume(0);
      await next.checkUntilOver(KEY);
      return { first: await first, till: next };
    },
    { settings: { reads: false } },
  );

  const at = (step: Step) => async (terminal: Terminal) => {
    const { application } = terminal;
    const { begin, gone } = await purchase(terminal);
    const first = begin();
    await application.at(step, KEY);
    const till = await gone();
    expect((await till.check(KEY)).code).toBe('TRANSACTION_ACTIVE');
    application.go();
    await till.checkUntilOver(KEY);
    return { first: await first, till };
  };

  cell(['register gone', 'running', 'stored'], at('begun'), { settings: { haltAt: 'begun' } });
  cell(['register gone', 'charged', 'stored'], at('charged'), { settings: { haltAt: 'charged' } });

  cell(['register gone', 'answered', 'stored'], async (terminal) => {
    const { application } = terminal;
    const { begin, gone } = await purchase(terminal, delayed('fdatasync', 2)); // of the outcome
    const first = begin();
    await application.at('answered', KEY);
    const till = await gone();
    await till.checkUntilOver(KEY);
    expect(application.count('asked')).toBe(0);
    return { first: await first, till };
  });

  cell(['register gone', 'done', 'stored'], async (terminal) => {
    const { begin, gone } = await purchase(terminal);
    const first = begin();
    await first;
    await gone();
    return { first: await first };
  });
});
