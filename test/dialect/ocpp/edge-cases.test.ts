import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/**
 * Edge cases of OCPP 1.6J that every central system meets, and the titles of the tests that show what becomes of each.
 */
const CONVERSATION = 'dialect/ocpp/conversation.test.ts';
const DATABASE = 'dialect/ocpp/database.integration.test.ts';
const FRAME = 'dialect/ocpp/frame.test.ts';
const ADMISSION = 'interop/ocpp-admission.integration.test.ts';
const PROGRAMS = 'interop/ocpp.integration.test.ts';
const KILLED = 'reliability/ocpp.integration.test.ts';
const PINGS = 'wire/ws-client.integration.test.ts';

type Shown = readonly [file: string, title: string];
const CASES: readonly (readonly [what: string, ...tests: Shown[]])[] = [
  ['identity with a space, a slash, a colon, a percent sign', [ADMISSION, 'ends in the identity, decoded']],
  [
    'bad percent-encoding',
    [ADMISSION, 'that ends in no identity is refused with 404, and the process lives on'],
  ],
  ['empty identity', [ADMISSION, 'that ends in no identity is refused with 404, and the process lives on']],
  [
    'subprotocols: none, another one, several, twice',
    [ADMISSION, 'has to be offered, in whatever place'],
    [ADMISSION, 'offered twice is no offer'],
  ],
  [
    'unknown identity, wrong password, strange passwords, another name',
    [ADMISSION, 'an unknown identity gets 404, a wrong password 401'],
    [ADMISSION, 'a password of a person’s own may hold colons'],
  ],
  ['plain GET', [ADMISSION, 'a plain request is told that this is for WebSocket']],
  [
    'a second connection of one identity',
    [CONVERSATION, 'the newest one of a charge point counts; the end of the older one changes nothing'],
    [DATABASE, 'a charge point belongs to the newest, and the older one hears so'],
    [PROGRAMS, 'shared by one process for each connection: the newest one of a charge point wins'],
  ],
  ['half-open socket', [PINGS, 'that are not answered by the next one end the wire']],
  ['busy port', [ADMISSION, 'a busy port is one clear line, and status 111']],
  [
    'malformed messages of every kind',
    [CONVERSATION, '%s with %j is refused with its code'],
    [CONVERSATION, 'a payload that is null or missing is an empty one'],
    [CONVERSATION, 'the same id while the first is open is answered once, from the first'],
    [CONVERSATION, 'ten broken messages in a row end the connection, nine do not'],
    [CONVERSATION, 'an empty message is a sign of life and nothing else'],
    [FRAME, 'takes a CALL with an element too many'],
    [FRAME, 'ignores %s'],
    [FRAME, 'answers %s under -1'],
    [FRAME, 'refuses a CALL whose id is empty or too long, under that id'],
  ],
  [
    'a CALL while the bridge waits for the same charge point',
    [CONVERSATION, 'a CALL is answered while the bridge waits for this charge point'],
  ],
  [
    'late and foreign answers, a CALLERROR with three elements',
    [CONVERSATION, 'a CALLRESULT that fits no call, or comes late, is dropped and counted, never answered'],
    [FRAME, 'takes a CALLERROR with elements too few'],
  ],
  [
    'CALLERROR codes: unknown ones, both spellings',
    [CONVERSATION, 'a CALLERROR %j is an error object that keeps its words'],
  ],
  [
    'two quick CALLs',
    [CONVERSATION, 'two quick CALLs are answered by their ids, whichever is decided first'],
  ],
  [
    'segments and fragments',
    [PROGRAMS, 'cut into WebSocket fragments, and into bytes on the line, are one message'],
  ],
  ['oversize message', [PROGRAMS, 'that are too large end the connection with 1009']],
  ['flood', [CONVERSATION, 'a flood of CALLs is bounded']],
  ['three fields of a boot’s answer', [CONVERSATION, 'has exactly three fields, and our time']],
  ['a CALL before the boot', [CONVERSATION, 'a CALL before the first boot gets SecurityError']],
  [
    'reconnection without a boot',
    [CONVERSATION, 'works after a reconnection without a boot, also after a restart of the bridge'],
  ],
  ['Pending', [CONVERSATION, 'a pending charge point may be configured but not started']],
  ['Rejected', [CONVERSATION, 'a rejected charge point is sent nothing']],
  ['our time', [CONVERSATION, 'has exactly three fields, and our time']],
  [
    'each action on its channel',
    [PROGRAMS, 'each get exactly their actions, and ask one charge point at one time'],
    [CONVERSATION, '%s reaches its application once, its params as the charge point wrote them'],
  ],
  ['unknown actions, those of a central system', [CONVERSATION, '%s with %j is refused with its code']],
  [
    'nobody on the channel',
    [CONVERSATION, 'nobody there: InternalError, never a refusal that the charge point would remember'],
    [CONVERSATION, 'what the database has is taken, although no application wants it'],
    [CONVERSATION, 'DataTransfer goes where the table says'],
  ],
  [
    'an application that dies',
    [PROGRAMS, 'that answers twice, wrongly, under another id, with null, or dies'],
  ],
  [
    'answers: twice, late, foreign, invalid, null',
    [PROGRAMS, 'that answers twice, wrongly, under another id, with null, or dies'],
    [
      CONVERSATION,
      'an answer that the protocol has no words for is refused, and the charge point tries again',
    ],
    [CONVERSATION, 'an application that answers when the charge point is gone is told so'],
  ],
  ['ids of applications', [PROGRAMS, 'gets its ids back as they were; a batch is refused']],
  ['the same id from two charge points', [CONVERSATION, 'two charge points use the same id at one time']],
  [
    'two channels ask one charge point',
    [PROGRAMS, 'each get exactly their actions, and ask one charge point at one time'],
    [CONVERSATION, 'go out one at a time, each with its own answer'],
  ],
  ['a silent charge point', [CONVERSATION, 'a silent charge point: the deadline counts from the asking']],
  ['a charge point that leaves calls behind', [CONVERSATION, 'a connection that is lost ends every call']],
  [
    'a charge point that is unknown, or away',
    [PROGRAMS, 'names the one that it means by its identity'],
    [CONVERSATION, 'is delivered while the charge point is away'],
  ],
  [
    'errors in the other side’s words',
    [CONVERSATION, 'an application’s error %i with %j is a CALLERROR %s'],
    [CONVERSATION, 'a CALLERROR %j is an error object that keeps its words'],
    [CONVERSATION, 'what is no action of a central system, or not valid, or not answered rightly, is said'],
  ],
  [
    'notifications and batches',
    [PROGRAMS, 'a batch is refused, and a notification is a call without an answer'],
    [CONVERSATION, 'a notification of an application is a call whose answer nobody waits for'],
  ],
  [
    'the same start again',
    [
      CONVERSATION,
      'the same start again, under any id, connection or after a restart, gets the first answer',
    ],
    [
      DATABASE,
      'the same StartTransaction gets the same number, over a restart and from two processes at once',
    ],
  ],
  [
    'a stop with -1, or of nobody',
    [CONVERSATION, 'a stop with -1, and of a transaction that nobody knows, is kept and answered'],
  ],
  ['old times', [CONVERSATION, 'old times are no fault']],
  [
    'values as numbers, Celcius',
    [CONVERSATION, 'a numeric value is refused, and taken from a charge point that is treated leniently'],
  ],
  ['thousands of samples', [DATABASE, 'transactionData of thousands of samples is kept']],
  ['killed between persisting and answering', [KILLED, 'between persisting and answering']],
  ['order', [CONVERSATION, 'start, meter values and stop are handled in their order']],
  [
    'two connectors in one millisecond',
    [CONVERSATION, 'two connectors that start in the same millisecond get two numbers'],
  ],
  ['secrets', [CONVERSATION, 'has no tags, passwords, keys or card numbers']],
  [
    'the end with an application that hangs',
    [PROGRAMS, 'comes within the limit although an application hangs'],
  ],
  [
    'thousands of connections',
    [KILLED, 'one after the other: nothing grows'],
    [CONVERSATION, 'nothing grows over thousands of them'],
  ],
  [
    'independent charge points',
    [PROGRAMS, 'boots, authorizes, starts, meters, stops, and answers three calls of an application'],
    [PROGRAMS, 'boots, authorizes, starts, meters, stops, and answers a call of an application'],
  ],
];

test('there are 48 edge cases', () => expect(CASES).toHaveLength(48));

test('each edge case has the tests that it names', () => {
  const texts = new Map<string, string>();
  const textOf = (file: string) => {
    const text = texts.get(file) ?? readFileSync(path.join(import.meta.dirname, '../..', file), 'utf8');
    texts.set(file, text);
    return text;
  };
  const missing = CASES.flatMap(([what, ...tests], index) =>
    tests
      .filter(([file, title]) => !textOf(file).includes(title))
      .map(([, title]) => `${index + 1} ${what}: ${title}`),
  );
  expect(missing).toEqual([]);
});
