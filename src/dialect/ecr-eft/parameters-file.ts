import { readFile } from 'node:fs/promises';
import { describeFault } from '../../base/errors.ts';
import { readParameters } from './parameters.ts';

const MAX_BYTES = 4000;

/**
 * The fields of D5 from the file that the option `parameters` names; undefined where it names none. Rejects with
 * `fault`.
 */
export async function parametersFrom(settings: {
  text(option: string): string | undefined;
  fault(option: string, why: string): Error;
}): Promise<readonly Buffer[] | undefined> {
  const path = settings.text('parameters');
  if (path === undefined) return undefined;
  const bytes = await readFile(path).catch((fault) => {
    throw settings.fault('parameters', `${path} cannot be read: ${describeFault(fault)}`);
  });
  if (bytes.length > MAX_BYTES)
    throw settings.fault('parameters', `${path} is longer than ${MAX_BYTES} bytes`);
  const fields = readParameters(bytes);
  if (typeof fields === 'string')
    throw settings.fault('parameters', `${path}: ${fields}; see docs/ecr-eft.md`);
  return fields;
}
