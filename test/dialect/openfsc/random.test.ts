import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLine } from '../../../src/dialect/openfsc/line.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { mutated, seededRandom } from '../../kit/random.ts';
import { F1, loggedIn, multiplexed, type SiteBench, site } from './kit.ts';

/**
 * Whatever a server or an application says, the site's end goes on or ends in good order, and what it writes is a line.
 */

const FOLDER = path.join(import.meta.dirname, '../../fixtures/openfsc');
const SERVER_LINES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.txt'))
  .flatMap((name) => readFileSync(path.join(FOLDER, name), 'utf8').split('\n'))
  .filter((line) => line.startsWith('S: '))
  .map((line) => line.slice('S: '.length));

function expectWholeLines(bench: SiteBench): void {
  for (const line of bench.sent) {
    const read = readLine(Buffer.from(line, 'latin1'), () => 'ISO-8859-1');
    // A malformed head is sent back as it came.
    if (read.kind === 'fault') expect(line).toMatch(/^\S+ ERR 40[06] /);
  }
}

test('mutated lines of the transcripts, in every state', () => {
  const random = seededRandom(3);
  for (let round = 0; round < 300; round += 1) {
    const bench = round % 2 === 0 ? loggedIn() : multiplexed([site(), site({ name: 'a' })]);
    for (let count = 0; count < 20; count += 1) {
      const line = SERVER_LINES[Math.floor(random() * SERVER_LINES.length)] ?? '';
      bench.conversation.receive(
        mutated(Buffer.from(`${line}\r\n`), random, Buffer.from(' .*\r\n019SC\x00\xff')),
      );
      for (const connection of bench.connections) {
        const request = connection.requests.at(-1);
        if (random() < 0.3 && request !== undefined)
          reply(request, 'error', Buffer.from('{"code":1,"message":"m","data":{}}'));
      }
    }
    expectWholeLines(bench);
    bench.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'over', by: 'wire' });
    expect([bench.finished !== undefined, bench.clock.timerCount]).toEqual([true, 0]);
  }
});

test('random bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (chunks) => {
      const bench = loggedIn();
      for (const chunk of chunks) bench.conversation.receive(Buffer.from(chunk));
      expectWholeLines(bench);
    }),
  );
});

test('any JSON of an application, as result, error, push or request', () => {
  const methods = ['openfsc.pump', 'openfsc.price', 'openfsc.transaction', 'openfsc.lockedPump', 'openfsc.x'];
  const member = fc.constantFrom(
    'pump',
    'status',
    'pumps',
    'prices',
    'productId',
    'unit',
    'currency',
    'description',
    'reason',
    'receiptInfo',
  );
  const object = fc.dictionary(member, fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(object, fc.constantFrom(...methods), (params, method) => {
      const bench = loggedIn();
      const { peer } = bench.connection();
      const text = Buffer.from(JSON.stringify(params));
      peer.notify(JSON.stringify(method), text);
      peer.request(JSON.stringify(method), text, () => {});
      for (const request of ['PUMPS', 'PRICES', 'PUMPSTATUS 1', `CLEAR 3 x ${F1} pace`]) {
        bench.receive(`S1 ${request}`);
        reply(bench.connection().last, 'result', text);
      }
      peer.request('"openfsc.quit"', text, () => {});
      expectWholeLines(bench);
    }),
    { numRuns: 200 },
  );
});
