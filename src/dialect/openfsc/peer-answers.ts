import type { PeerAnswer } from '../dialect.ts';
import { errorObjectOf, oneLine, refusalOf } from './errors.ts';
import type { ServerAnswer } from './questions.ts';

/** What an application hears that asked the server. */
export function toPeerAnswer(answer: ServerAnswer): PeerAnswer {
  switch (answer.kind) {
    case 'ok':
      return { kind: 'result', text: Buffer.from('{}'), depth: 2 };
    case 'error':
      return {
        kind: 'error',
        text: errorObjectOf({ code: answer.code, text: oneLine(answer.text) }),
        depth: 3,
      };
    case 'gone':
      return refusal('CONNECTION_CLOSED', 'the session ended before the answer');
    case 'late':
      return refusal('TIMEOUT', 'the server has not answered in time');
  }
}

/** What it hears when the server was not asked. */
export function refusal(code: string, why: string): PeerAnswer {
  return { kind: 'error', text: refusalOf(code, why), depth: 3 };
}
