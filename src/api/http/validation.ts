import { Problem } from '../problem.ts';

/** What Ajv says of a request, as far as it is told. */
export interface SchemaFault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** What is wrong with a request that does not fit its schema. `context`: which part of it. */
export function invalidRequest(faults: readonly SchemaFault[], context: string): Problem {
  const errors = faults.map((fault) => ({
    where: `${PLACES.get(context) ?? context}${pathOf(fault)}`,
    message: messageOf(fault),
  }));
  if (context === 'headers' && faults.some((fault) => fault.params?.['missingProperty'] === KEY)) {
    return new Problem(
      'IDEMPOTENCY_KEY_MISSING',
      'send a header "Idempotency-Key" that is new for every sale',
    );
  }
  const detail = errors.map(({ where, message }) => `${where} ${message}`).join('; ');
  return new Problem('INVALID_REQUEST', detail, { errors });
}

const KEY = 'idempotency-key';
const PLACES: ReadonlyMap<string, string> = new Map([['querystring', 'query']]);

function pathOf({ instancePath, params = {} }: SchemaFault): string {
  const member = params['missingProperty'] ?? params['additionalProperty'];
  return typeof member === 'string' ? `${instancePath}/${member}` : instancePath;
}

function messageOf({ instancePath, keyword, message = 'is not valid', params = {} }: SchemaFault): string {
  if (keyword === 'type' && instancePath === '/amount') {
    return 'is to be a text, such as "12.30": numbers lose decimals';
  }
  if (keyword === 'required') return 'is missing';
  if (keyword === 'additionalProperties') return 'is not known here';
  if (keyword === 'enum') return `is to be one of ${(params['allowedValues'] as string[]).join(', ')}`;
  if (keyword === 'pattern' && instancePath === '/currency')
    return 'is to be three capital letters, such as EUR';
  return message;
}
