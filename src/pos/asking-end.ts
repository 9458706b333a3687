import path from 'node:path';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { AskingDialect } from '../dialect/asking.ts';
import { DIALECTS, findDialect } from '../dialect/registry.ts';
import type { DialectRow } from '../dialect/row.ts';
import type { TerminalEndpoint, WireEndpoint } from '../endpoint/endpoint.ts';
import { EXAMPLES, invalid } from '../endpoint/syntax.ts';
import { splitTerminal, type TerminalPlace } from '../endpoint/terminal.ts';
import { callbackEndpoint } from './callbacks.ts';

/** A terminal, as it can be asked. */
export interface AskedPlace {
  readonly dialect: AskingDialect;
  readonly wire: WireEndpoint;
}

export interface AskingEndOptions {
  /** How the register is called, where it has a name. */
  readonly register?: string | undefined;
  /** Where dialects remember, each in a folder of its own. */
  readonly store: string | undefined;
  /** Throws where this process uses the folder for another terminal. */
  readonly claim?: ((folder: string) => void) | undefined;
}

/** A place without a dialect is one of jsonpos. */
export function asTerminal(place: WireEndpoint | TerminalEndpoint): TerminalEndpoint {
  if (place.kind === 'terminal') return place;
  return { kind: 'terminal', text: place.text, dialect: 'jsonpos', place, query: '' };
}

/** Refuses what can never be asked. Errors: ENDPOINT_INVALID. */
export function checkTerminal(terminal: TerminalEndpoint): TerminalPlace & { readonly row: AskingRow } {
  const { text, dialect, place } = terminal;
  const row = findDialect(dialect);
  if (row === undefined || !isAsking(row)) {
    const names = DIALECTS.filter(isAsking).map(({ name }) => name);
    const why = `no terminal is asked in ${dialect}, only in ${names.join(', ')}`;
    throw invalid(text, why, `${names[0]}+${EXAMPLES[place.kind]}`);
  }
  const names = (row.terminalOptions ?? []).map(({ name }) => name);
  return { row, ...splitTerminal(terminal, names) };
}

/** Loads the end that asks a terminal. Rejects with ENDPOINT_INVALID or USAGE for what cannot be used. */
export async function openAskingEnd(
  terminal: TerminalEndpoint,
  { register, store, claim }: AskingEndOptions,
): Promise<AskedPlace> {
  const { row, wire, options } = checkTerminal(terminal);
  const { text, place } = terminal;
  const dialect = await row.asks({
    text: (option) => options.get(option),
    register,
    folder: async (what) => {
      const folder = folderFor(row.name, store, what);
      claim?.(folder);
      return opened(folder);
    },
    fault: (option, why) =>
      invalid(text, `${option}: ${why}`, `${row.name}+${EXAMPLES[place.kind]}?${option}=…`),
  });
  if (dialect.callbacks !== undefined) callbackEndpoint(dialect.callbacks);
  return { dialect, wire };
}

type AskingRow = DialectRow & Required<Pick<DialectRow, 'asks'>>;

function isAsking(row: DialectRow): row is AskingRow {
  return row.asks !== undefined;
}

function folderFor(dialect: string, store: string | undefined, what: string): string {
  if (store !== undefined) return path.join(store, dialect);
  const text = `${dialect} has to remember ${what}: say where, with --terminal-store DIR or --journal DIR`;
  throw new BridgeError('USAGE', text);
}

async function opened(folder: string): Promise<string> {
  try {
    const { openStateFolder } = await import('../store/state-folder.ts');
    await openStateFolder(folder);
    return folder;
  } catch (cause) {
    throw new BridgeError('STATE_OPEN_FAILED', `cannot use ${folder}: ${describeFault(cause)}`, { cause });
  }
}
