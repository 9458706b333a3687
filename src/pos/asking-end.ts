import type { AskingDialect, AskingSettings } from '../dialect/asking.ts';
import { DIALECTS, findDialect } from '../dialect/registry.ts';

/** Loads the end of a dialect that asks terminals. Throws for a dialect that has none. */
export async function loadAsking(name: string, settings: AskingSettings): Promise<AskingDialect> {
  const row = findDialect(name);
  if (row?.asks === undefined) {
    throw settings.fault(name, `no terminal is asked in ${name}; there is ${ASKING.join(', ')}`);
  }
  return row.asks(settings);
}

const ASKING = DIALECTS.filter(({ asks }) => asks !== undefined).map(({ name }) => name);
