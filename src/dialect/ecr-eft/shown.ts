import type { EcrMessage } from './frame.ts';
import { paramsOf } from './generic.ts';

/**
 * What people may see of a message: keys are nobody's business, and a card token is masked as a card number would be.
 */
export function shownText({ type, fields }: Pick<EcrMessage, 'type' | 'fields'>): string {
  if (SECRET_TYPES.has(type)) return '{}';
  const shown =
    type === 'S2' && fields.length > CARD_TOKEN ? fields.toSpliced(CARD_TOKEN, 1, HIDDEN) : fields;
  return JSON.stringify(paramsOf({ type, fields: shown }));
}

/** Whether something of it is not shown. */
export function isHidden({ type, fields }: Pick<EcrMessage, 'type' | 'fields'>): boolean {
  if (SECRET_TYPES.has(type)) return fields.length > 0;
  return type === 'S2' && (fields[CARD_TOKEN]?.length ?? 0) > 0;
}

const CARD_TOKEN = 1;
const HIDDEN = Buffer.from('***');
const SECRET_TYPES: ReadonlySet<string> = new Set(['B2', 'B3']);
