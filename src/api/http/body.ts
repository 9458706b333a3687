import { scanObject } from '../../rpc/scan.ts';
import { Problem } from '../problem.ts';

/** Longer ones are refused before they are read. */
export const MAX_BODY_BYTES = 16 * 1024;

/** A JSON object that says everything once. Throws INVALID_REQUEST. */
export function readBody(bytes: Buffer): unknown {
  const scan = scanObject(bytes, []);
  if (!scan.ok)
    throw new Problem('INVALID_REQUEST', `the body is no JSON object that can be used: ${scan.why}`);
  if (scan.depth > 1)
    throw new Problem('INVALID_REQUEST', 'the body has members that are objects or lists; none is wanted');
  return JSON.parse(bytes.toString()) as unknown;
}
