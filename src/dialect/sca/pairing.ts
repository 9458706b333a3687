import { field, type ScaDocument } from './document.ts';
import { readPublicKey } from './registrations.ts';
import { fieldOf, type ScaRequest } from './request.ts';
import {
  CANCELLED,
  CODE_MISMATCH,
  NO_MAC,
  OK,
  rejected,
  responseOf,
  UNKNOWN_LABEL,
  type Verdict,
} from './responses.ts';
import type { TerminalEnd } from './terminal-end.ts';

/** Lets the person at the terminal type a code of this length; undefined: nobody has. */
export type TypeCode = (length: number, typed: (code: string | undefined) => void) => void;

const CODE_LENGTHS = { '1': 4, '2': 8 } as const;

/** Answers SECURITY commands: how registers pair with a terminal, and leave it. */
export function answerSecurity(
  request: ScaRequest,
  end: TerminalEnd,
  typeCode: TypeCode,
  answer: (response: ScaDocument) => void,
): void {
  const { assumed, authentication } = end.options;
  const say = (verdict: Verdict, fields: Parameters<typeof responseOf>[1] = []) =>
    answer(responseOf(verdict, fields, request.echo));
  if (authentication === 'skip') {
    say(rejected(assumed, 'SECURITY commands are not allowed'));
    return;
  }
  const { registrations } = end;
  const label = request.macLabel;
  switch (request.command) {
    case 'REGISTER':
      register(request, end, typeCode, say);
      return;
    case 'TEST_MAC': {
      const verdict = registrations.verify(label, request.echo.counter, request.mac);
      say(verdict === 'valid' ? { ...OK, text: 'Match' } : macVerdict(verdict, end));
      return;
    }
    case 'UNREGISTER':
      if (label === undefined) say(NO_MAC);
      else if (registrations.remove(label)) say({ ...OK, text: `Unregistered ${label}` });
      else say(UNKNOWN_LABEL);
      return;
    case 'UNREGISTERALL':
      registrations.removeAll();
      say({ ...OK, text: 'Unregistered all' });
      return;
    default:
      say(rejected(assumed, 'Unsupported command'));
  }
}

/** What a request without a valid MAC is told. */
export function macVerdict(
  verdict: 'missing' | 'unknown label' | 'wrong' | 'reused',
  { options: { assumed } }: TerminalEnd,
): Verdict {
  if (verdict === 'missing') return NO_MAC;
  if (verdict === 'unknown label') return UNKNOWN_LABEL;
  return rejected(
    assumed,
    verdict === 'wrong' ? 'MAC does not match' : 'COUNTER is not greater than the last',
  );
}

function register(
  request: ScaRequest,
  end: TerminalEnd,
  typeCode: TypeCode,
  say: (verdict: Verdict, fields?: Parameters<typeof responseOf>[1]) => void,
): void {
  const { assumed, pairsAlone } = end.options;
  const key = readPublicKey(fieldOf(request, 'KEY') ?? '');
  const version = fieldOf(request, 'REG_VER') === '2' ? '2' : '1';
  const expected = fieldOf(request, 'ENTRY_CODE');
  if (key === undefined) {
    say(rejected(assumed, 'KEY is no RSA key of 2048 bits or more', 'FIELD_ERROR'));
    return;
  }
  if (version === '1' && !pairsAlone && !/^\d{4}$/.test(expected ?? '')) {
    say(rejected(assumed, 'ENTRY_CODE must have 4 digits', 'FIELD_ERROR'));
    return;
  }
  const pair = (code: string | undefined) => {
    const { label, encryptedKey } = end.registrations.add(key);
    say({ ...OK, text: `Registered ${label}` }, [
      field('MAC_KEY', encryptedKey),
      field('MAC_LABEL', label),
      ...(code === undefined ? [] : [field('ENTRY_CODE', code)]),
    ]);
  };
  if (pairsAlone) {
    pair(undefined);
    return;
  }
  typeCode(CODE_LENGTHS[version], (typed) => {
    if (typed === undefined) say(CANCELLED);
    else if (version === '2') pair(typed);
    else if (typed === expected) pair(undefined);
    else say(CODE_MISMATCH);
  });
}
