import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { DescriptorGuard } from '../../src/wire/descriptor-guard.ts';
import { HANDSHAKE_LIMIT_MS, Handshakes } from '../../src/wire/handshakes.ts';
import { FakeClock } from '../kit/fake-clock.ts';

let ports = 1000;
const report = () => {};

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '192.0.2.7';
  readonly remotePort: number;
  readonly _handle: { fd: number };
  destroyed = false;

  constructor({ port = ports++, fd = 20 } = {}) {
    super();
    this.remotePort = port;
    this._handle = { fd };
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const socket = (options?: { port?: number; fd?: number }) => new FakeSocket(options) as FakeSocket & Socket;

test('a handshake has five seconds', () => {
  const clock = new FakeClock();
  const handshakes = new Handshakes(100, { clock, report });
  const [slow, fast] = [socket(), socket()];
  for (const one of [slow, fast]) handshakes.begin(one);
  handshakes.done(fast);
  clock.advance(HANDSHAKE_LIMIT_MS - 1);
  expect(slow.destroyed).toBe(false);
  clock.advance(1);
  expect([slow.destroyed, fast.destroyed]).toEqual([true, false]);
  expect([handshakes.pending, clock.timerCount]).toEqual([0, 0]);
});

test('a quarter of the connections may be in their handshake; another one takes the place of the oldest', () => {
  const clock = new FakeClock();
  const handshakes = new Handshakes(100, { clock, report });
  const all = Array.from({ length: 30 }, () => socket());
  for (const one of all) handshakes.begin(one);
  expect(all.map(({ destroyed }) => destroyed)).toEqual([...Array(5).fill(true), ...Array(25).fill(false)]);
  // A deadline for each, and the time until the next report.
  expect([handshakes.pending, clock.timerCount]).toEqual([25, 26]);
});

test('a newcomer that takes a place is reported at once, the others of a burst together', () => {
  const clock = new FakeClock();
  const faults: string[] = [];
  const handshakes = new Handshakes(1, { clock, report: (fault) => faults.push(fault.message) });
  for (let count = 0; count < 8; count += 1) handshakes.begin(socket());
  expect(faults).toEqual([]);
  for (let count = 0; count < 5; count += 1) handshakes.begin(socket());
  expect(faults).toEqual([expect.stringContaining('dropped a newcomer before the handshake: 8 others')]);
  clock.advance(10_000);
  expect(faults).toEqual([faults[0], expect.stringContaining('dropped 4 newcomers')]);
  expect(clock.timerCount).toBe(0);
});

test('a socket that TLS is put around is known by its peer; one that closes needs no place', () => {
  const clock = new FakeClock();
  const handshakes = new Handshakes(1, { clock, report });
  const [plain, other] = [socket({ port: 7 }), socket()];
  handshakes.begin(plain);
  handshakes.begin(other);
  handshakes.done(socket({ port: 7 }));
  other.destroy();
  clock.advance(HANDSHAKE_LIMIT_MS);
  expect([plain.destroyed, handshakes.pending, clock.timerCount]).toEqual([false, 0, 0]);
});

test('the last descriptors are for who is here; a shortage is reported once, and again after it was over', () => {
  const faults: string[] = [];
  let refused = 0;
  const count = () => {
    refused += 1;
  };
  const guard = new DescriptorGuard((fault) => faults.push(fault.message), count, 256);
  expect(guard.admit(socket({ fd: 200 }))).toBe(true);
  for (const fd of [224, 225, 255]) {
    const late = socket({ fd });
    expect([guard.admit(late), late.destroyed]).toEqual([false, true]);
  }
  expect(refused).toBe(3);
  expect(faults).toEqual([expect.stringContaining('all but 32 of 256 descriptors are in use')]);
  expect(guard.admit(socket({ fd: 210 }))).toBe(true);
  guard.admit(socket({ fd: 230 }));
  expect(faults).toHaveLength(1);
  guard.admit(socket({ fd: 20 }));
  guard.admit(socket({ fd: 230 }));
  expect(faults).toHaveLength(2);
});
