import type { ChannelName } from '../../base/channel-name.ts';
import type { AnswerText, TransactionRules } from '../dialect.ts';
import { errorObjectOf, fscCodeIn } from './errors.ts';

/** Where OpenFSC's messages go. */
export const routes: Readonly<Record<string, ChannelName>> = {
  'openfsc.link': 'ui',
  'openfsc.sessionMode': 'ui',
  'openfsc.drift': 'ui',

  'openfsc.unlockPump': 'payment',
  'openfsc.lockPump': 'payment',
  'openfsc.clear': 'payment',

  'openfsc.prices': 'storage',
  'openfsc.products': 'storage',
  'openfsc.transactions': 'storage',

  'openfsc.pumps': 'device',
  'openfsc.pumpStatus': 'device',
};

const ALREADY_CLEARED = 410;

/**
 * UNLOCKPUMP and CLEAR move money. The platform's transaction id identifies them for ever; when an answer got lost the
 * platform sends the request again, and the application knows it by that id.
 */
export const transactions: TransactionRules = {
  methods: ['openfsc.unlockPump', 'openfsc.clear'],
  scope: 'register',
  // The same id for another pump, or for another sale there, is for the application to refuse.
  identity: ['siteAccessKey', 'fscTransactionId', 'pump', 'siteTransactionId'],
  identityOf: { 'openfsc.unlockPump': ['siteAccessKey', 'fscTransactionId', 'pump'] },
  caseless: ['siteAccessKey', 'fscTransactionId'],
  isParallel: true,
  amount: 'credit',
  currency: 'currency',
  recovery: undefined,
  judge,
  // What else an application says may be about a card; nobody asks for it again.
  kept: ({ kind }) => ({ kind, text: kind === 'result' ? Buffer.from('{}') : alreadyCleared() }),
  repeated: (method) => (method === 'openfsc.clear' ? { kind: 'error', text: alreadyCleared() } : undefined),
};

function alreadyCleared(): Buffer {
  return errorObjectOf({ code: ALREADY_CLEARED, text: 'already cleared' });
}

/** "Already cleared" is as good as done; what says 400 to 499 has done nothing; 500 may mean anything. */
function judge({ kind, text }: AnswerText): 'outcome' | 'refused' | 'nothing' {
  if (kind === 'result') return 'outcome';
  const code = fscCodeIn(text);
  if (code === ALREADY_CLEARED) return 'outcome';
  return code !== undefined && code < 500 ? 'refused' : 'nothing';
}
