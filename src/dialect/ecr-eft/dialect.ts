import { readFile } from 'node:fs/promises';
import { describeFault } from '../../base/errors.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { AnsweringConversation, type AnsweringOptions } from './answering.ts';
import { defaultParameters, readParameters } from './parameters.ts';
import { routes, transactions } from './routes.ts';
import type { CashbackRule } from './sale.ts';

/** The value of `--register` that means: each register is named by its ECR id. */
const BY_ECR_ID = 'ecr-id';
const MAX_PARAMETER_BYTES = 4000;

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
    converse: (host, _framing, options) => new AnsweringConversation(host, options, end),
  };
}

/** How posbridge names itself in T2. */
export const DEVICE = { vendor: 'posbridge', type: 'bridge', id: '0' } as const;

async function parametersFrom(settings: DialectSettings): Promise<readonly Buffer[] | undefined> {
  const path = settings.text('parameters');
  if (path === undefined) return undefined;
  const bytes = await readFile(path).catch((fault) => {
    throw settings.fault('parameters', `${path} cannot be read: ${describeFault(fault)}`);
  });
  if (bytes.length > MAX_PARAMETER_BYTES) {
    throw settings.fault('parameters', `${path} is longer than ${MAX_PARAMETER_BYTES} bytes`);
  }
  const fields = readParameters(bytes);
  if (typeof fields === 'string')
    throw settings.fault('parameters', `${path}: ${fields}; see docs/ecr-eft.md`);
  return fields;
}

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
