import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { AnsweringConversation, type AnsweringOptions } from './answering.ts';
import { defaultParameters } from './parameters.ts';
import { parametersFrom } from './parameters-file.ts';
import { routes, transactions } from './routes.ts';
import type { CashbackRule } from './sale.ts';

/** The value of `--register` that means: each register is named by its ECR id. */
const BY_ECR_ID = 'ecr-id';

/** ECR-EFT, the terminal's end. */
export async function setUp(settings: DialectSettings): Promise<Dialect> {
  const parameters = await parametersFrom(settings);
  return answeringDialect({
    device: { ...DEVICE, parameters: parameters ?? defaultParameters(1) },
    rules: {
      cashback: readCashback(settings),
      namesRegister: settings.text('register') === BY_ECR_ID,
      takesEarlier: readKindC(settings),
    },
  });
}

export function answeringDialect(end: AnsweringOptions): Dialect {
  return {
    name: 'ecr-eft',
    routes,
    transactions,
    calls: { deadlineMs: CALL_MS },
    converse: (host, _framing, options) => new AnsweringConversation(host, options, end),
  };
}

/** A person may have to read, to enter, to put paper in: each step of a conversation has a limit of its own. */
const CALL_MS = 1_800_000;

/** How posbridge names itself in T2. */
export const DEVICE = { vendor: 'posbridge', type: 'bridge', id: '0' } as const;

function readCashback(settings: DialectSettings): CashbackRule {
  const text = settings.text('cashback');
  if (text === undefined) return 'unknown';
  if (text === 'within' || text === 'on-top') return text;
  throw settings.fault('cashback', 'within or on-top is wanted');
}

function readKindC(settings: DialectSettings): boolean {
  const text = settings.text('kind-c') ?? 'refuse';
  if (text === 'refuse' || text === 'check') return text === 'check';
  throw settings.fault('kind-c', 'refuse or check is wanted');
}
