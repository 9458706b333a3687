import { expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import type { LinkState } from '../../src/terminal/screen-model.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { pass } from './kit.ts';
import { Till } from './screen-kit.ts';

/** A terminal with a line to a broker, as the test says it is. */
function linked(): {
  terminal: Terminal;
  clock: FakeClock;
  link: { -readonly [Name in keyof LinkState]: LinkState[Name] };
} {
  const clock = new FakeClock();
  const terminal = new Terminal({ clock, log });
  const link: LinkState = {
    place: 'wss://broker.example/',
    isConnected: false,
    wasConnected: false,
    failures: 0,
    hasSession: false,
  };
  terminal.showLink(() => link);
  return { terminal, clock, link };
}

test('without a broker nothing is shown of one', () => {
  const { state } = new Terminal({ clock: new FakeClock(), log }).screen;
  expect(state.link).toBeUndefined();
  expect(state.lines).toEqual(['Welcome']);
});

test('attempts and errors stand on the display until the broker answers', () => {
  const { terminal, link } = linked();
  expect(terminal.screen.state.lines).toEqual(['Connecting …', 'wss://broker.example/']);
  Object.assign(link, { failures: 2, why: 'connection refused' });
  expect(terminal.screen.state).toMatchObject({
    lines: ['Connecting …', 'wss://broker.example/', 'Attempt 3', 'connection refused'],
    link: { isConnected: false },
  });
  link.isConnected = true;
  expect(terminal.screen.state).toMatchObject({ lines: ['Welcome'], link: { isConnected: true } });
});

test('a connection that is lost is told on the display, in a session by the icon alone', () => {
  const { terminal, link } = linked();
  Object.assign(link, { wasConnected: true, failures: 1, why: 'no route' });
  expect(terminal.screen.state.lines[0]).toBe('Reconnecting …');
  link.hasSession = true;
  expect(terminal.screen.state).toMatchObject({ lines: ['Welcome'], link: { isConnected: false } });
});

test('what a customer is asked stays on the display while the connection is lost', async () => {
  const { terminal, clock, link } = linked();
  const answer = new Till(terminal).purchase(1230);
  await pass(clock, 10);
  expect(terminal.screen.state).toMatchObject({ stage: 'wait-card', link: { isConnected: false } });
  expect(terminal.screen.state.lines[0]).not.toContain('onnecting');
  link.isConnected = true;
  await pass(clock, 5000);
  expect((await answer).result).toMatchObject({ amount: 1230 });
});
