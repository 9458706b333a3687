import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** What can happen between registers, brokers and terminals, and the test that says what becomes of it. */

const FOLDER = import.meta.dirname;
const INTEROP = '../../interop/sca.integration.test.ts';
const CUT = '../../reliability/sca-cut.integration.test.ts';

const CASES: Readonly<Record<string, Readonly<Record<string, readonly [file: string, title: string]>>>> = {
  transport: {
    'subprotocol echoed': ['broker.test.ts', 'sci is repeated where it was offered'],
    'subprotocol not echoed': [INTEROP, 'takes an answer without subprotocol'],
    'no subprotocol offered': ['broker.test.ts', 'sci is repeated where it was offered'],
    'header with odd case': [INTEROP, 'in any case of letters'],
    'header with a space before the colon': [INTEROP, 'where its space before a colon is taken'],
    'missing and duplicate pinpad id': [
      'broker.test.ts',
      'without an id, with two, and with one that is none',
    ],
    'text and binary frame, fragmented frame': [
      INTEROP,
      'text and in binary messages, whole and in fragments',
    ],
    'two documents in one message': ['document-reader.test.ts', 'two documents in one message are two'],
    'document over two messages': ['document-reader.test.ts', 'may be spread over two messages'],
    'XML with and without declaration': ['document-reader.test.ts', 'a declaration, comments, CDATA'],
    'BOM or junk before <': ['document-reader.test.ts', 'a byte order mark too'],
    'non-ASCII text': ['document-reader.test.ts', 'non-ASCII text survives a cut inside a character'],
    'oversize message': ['document-reader.test.ts', 'a document that is a character too long'],
    'DTD and entities': ['document-reader.test.ts', 'a DTD, and entities other than the five of XML'],
    'terminal ping answered, idle beyond 45 s': ['broker.test.ts', 'every 45 s, and stays up'],
    'half-open link detected': ['broker.test.ts', 'that is half open is found out by the next ping'],
    'TLS client certificate missing or wrong': [
      INTEROP,
      'with certificates on both ends lets in who has one',
    ],
  },
  session: {
    'PAYMENT or LINE_ITEM before START': ['sessions.test.ts', 'PAYMENT and LINE_ITEM before START'],
    'double START': ['sessions.test.ts', 'a second START is told that a session is open'],
    'FINISH without START': ['sessions.test.ts', 'FINISH without START'],
    'FINISH from another connection': ['sessions.test.ts', 'FINISH from another connection'],
    'FINISH during UI': ['sessions.test.ts', 'FINISH while the customer is asked something'],
    'two payments in one session': ['sessions.test.ts', 'two payments in one session'],
    'LANE_CLOSED ends the session': ['sessions.test.ts', 'LANE_CLOSED ends an open session'],
    'SETTIME and SAF inside a session': ['sessions.test.ts', 'SETTIME, SAF and TEST_MAC inside a session'],
  },
  concurrency: {
    'STATUS during CAPTURE': ['sessions.test.ts', 'STATUS is answered during CAPTURE'],
    'CANCEL before the card and during card entry': [
      'sessions.test.ts',
      'before the card, and during card entry',
    ],
    'CANCEL in flight': ['sessions.test.ts', 'in flight it is refused'],
    'CANCEL with nothing running': ['sessions.test.ts', 'with nothing running it is refused'],
    'CANCEL twice': ['sessions.test.ts', 'twice: the second one is answered'],
    'replies in both orders': ['asking.test.ts', 'POS_RECON decides, in either order'],
    'second primary request while busy': [
      'sessions.test.ts',
      'a second primary request while one is running',
    ],
    'POS_RECON absent': ['asking.test.ts', 'without POS_RECON the look of it does'],
    'POS_RECON of the wrong request': ['asking.test.ts', 'a POS_RECON of the wrong request'],
    'orphan response': ['asking.test.ts', 'an orphan reaches the applications as a late response'],
  },
  security: {
    'SECURITY rejected with SKIPPOSAUTH=1': ['security.test.ts', 'SECURITY commands are refused'],
    'garbage MAC ignored': ['security.test.ts', 'a wrong MAC, an unknown label and any counter are ignored'],
    'GET_COUNTER first and after others': ['security.test.ts', 'GET_COUNTER tells 1 first'],
    'wrong, reused, unknown and missing MAC': [
      'security.test.ts',
      'a request without a MAC, with a wrong one',
    ],
    'counter 4294967295': ['security.test.ts', 'the last counter is 4294967295'],
    'HMAC round trip': ['security.test.ts', 'the HMAC makes a round trip'],
  },
  results: {
    'decline with SUCCESS': ['payments.test.ts', 'SUCCESS with DECLINED'],
    'codes 5, 6, 7 as payment and as notification': [
      'asking.test.ts',
      'notifications are told from payments',
    ],
    'unknown code': ['payments.test.ts', 'codes that nobody has given a meaning pass through'],
    'text case variants': ['asking.test.ts', 'in either case of letters'],
    'empty elements in both forms': ['document-reader.test.ts', 'an empty field may be written in both ways'],
    'unknown fields, any order': [
      'payments.test.ts',
      'fields come in any order, and unknown ones are passed on',
    ],
  },
  'payment fields': {
    'AUTH_CODE with CTROUTD, CTROUTD alone': [
      'payments.test.ts',
      'AUTH_CODE together with CTROUTD is an error',
    ],
    'amount formats': ['payments.test.ts', 'are read exactly, in the forms that registers write'],
    'negative amount, 7 digits': ['payments.test.ts', 'a sign, seven digits, a third decimal'],
    'duplicate, FORCE_FLAG, another invoice': [
      'payments.test.ts',
      'that repeats the POS_RECON of one in this session',
    ],
    'INVOICE of 40 and 41 characters and with &': ['payments.test.ts', 'INVOICE of 41 characters is refused'],
  },
  'line items': {
    'offer before its merchandise': ['payments.test.ts', 'an offer before its merchandise is refused'],
    'OVERRIDE of an item with an offer': [
      'payments.test.ts',
      'a line that has an offer cannot be overridden',
    ],
    'REMOVE merchandise with offers': ['payments.test.ts', 'removing merchandise removes its offers'],
    'missing subtotal, negative totals': ['payments.test.ts', 'a subtotal that is left out is erased'],
  },
  recovery: {
    'link lost before and during posting': [
      'cut.test.ts',
      'one charge at most, and what the register hears is true',
    ],
    'the same between processes': [CUT, 'a register whose connection to a terminal is cut after any byte'],
    'late response after a reconnection': [
      'recovery.test.ts',
      'is the first message after the reconnection, once',
    ],
    'LAST_TRAN match': ['asking.test.ts', 'LAST_TRAN that shows it tells its outcome'],
    'LAST_TRAN mismatch': ['asking.test.ts', 'or shows a sale that may be newer'],
    'broker restart with a session open': [
      INTEROP,
      'killed during a payment gets its response as the first message',
    ],
    'broker killed at any moment': [CUT, 'a broker that is killed at any byte of a payment'],
    'REBOOT during a session': ['sessions.test.ts', 'REBOOT during a session drops it'],
    'duplicate connection takes over': ['broker.test.ts', 'the newest connection is the live one'],
  },
};

test('every case has a test of this title', () => {
  const missing = Object.values(CASES).flatMap((group) =>
    Object.entries(group).filter(([, [file, title]]) => {
      const text = readFileSync(path.join(FOLDER, file), 'utf8');
      return !text
        .split('\n')
        .some((line) => /^\s*test(?:\.each\(.*\))?\(/.test(line) && line.includes(title));
    }),
  );
  expect(missing).toEqual([]);
});
