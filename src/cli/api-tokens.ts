import { SCOPES, type Scope } from '../api/caller.ts';
import { addToken, isName, isScope, readTokenFile, removeToken } from '../api/token-file.ts';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import { EXIT } from './exit-codes.ts';
import type { Settings } from './settings.ts';
import { writeLines } from './stdout.ts';

const MAX_SHOWN = 64;

/** `posbridge api token`: who may use the API, and for what. */
export async function runTokens(
  settings: Settings,
  [action = '', name, surplus]: readonly string[],
): Promise<number> {
  const file = settings.text('tokens');
  if (file === undefined) throw usage('say which file the tokens are in: --tokens FILE');
  if (surplus !== undefined) throw usage(`${quoteText(surplus, MAX_SHOWN)} is not understood`);
  switch (action) {
    case 'list':
      if (name !== undefined) throw usage('list takes no name');
      return list(file);
    case 'add':
      return add(settings, file, readName(name, action));
    case 'remove':
      return remove(file, readName(name, action));
    default:
      throw usage('say what to do: token add NAME, token list, or token remove NAME');
  }
}

async function list(file: string): Promise<number> {
  const entries = await readTokenFile(file);
  const rows = entries.map(({ name, scopes, terminals = ['(all)'], created }) =>
    [name, scopes.join(','), terminals.join(','), created].join('\t'),
  );
  await writeLines(rows);
  return EXIT.ok;
}

/** The token itself goes to standard output, this once. */
async function add(settings: Settings, file: string, name: string): Promise<number> {
  const scopes = settings.list('scope').flatMap((text) => text.split(','));
  const strange = scopes.find((scope) => !isScope(scope));
  if (strange !== undefined) throw settings.refused('scope', strange, `one of ${SCOPES.join(', ')}`);
  if (scopes.length === 0) throw usage(`say what the token is for: --scope ${SCOPES.join(', --scope ')}`);
  const terminals = settings.list('for');
  const token = await addToken(
    file,
    {
      name,
      scopes: SCOPES.filter((scope): scope is Scope => scopes.includes(scope)),
      ...(terminals.length > 0 && { terminals }),
    },
    systemClock,
  );
  await writeLines([token]);
  process.stderr.write(`posbridge: ${name} was added to ${file}; its token is above, and nowhere else\n`);
  return EXIT.ok;
}

async function remove(file: string, name: string): Promise<number> {
  if (!(await removeToken(file, name))) throw usage(`${file} has no token ${quoteText(name, MAX_SHOWN)}`);
  process.stderr.write(`posbridge: ${name} was removed from ${file}\n`);
  return EXIT.ok;
}

function readName(name: string | undefined, action: string): string {
  if (name === undefined) throw usage(`token ${action} wants the name of the token, for instance till-1`);
  if (isName(name)) return name;
  throw usage(`${quoteText(name, MAX_SHOWN)} is no name of a token: letters, digits, dots and dashes`);
}

function usage(text: string): BridgeError {
  return new BridgeError('USAGE', `${text}; see posbridge api --help`);
}
