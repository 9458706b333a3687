import { type CommandRules, findCommand } from './commands.ts';
import { type Element, REQUEST_ROOT, type ScaDocument, textOf } from './document.ts';
import { repeatedName } from './json-fields.ts';
import type { Echo } from './responses.ts';

/** A request of a register, read. */
export interface ScaRequest {
  readonly functionType: string;
  readonly command: string;
  readonly rules: CommandRules;
  /** The specification does not name it. */
  readonly isUnknown: boolean;
  /** Every field but those that say what it is and who sends it, in order. */
  readonly fields: readonly Element[];
  readonly macLabel: string | undefined;
  readonly mac: string | undefined;
  readonly echo: Echo;
}

export type ReadRequest =
  | { readonly ok: true; readonly request: ScaRequest }
  | { readonly ok: false; readonly why: string; readonly echo: Echo };

const MAX_NAME = 64;
const MAX_POS_RECON = 30;

/** Reads a document as a request. The reason of a refusal quotes nothing of it. */
export function readRequest(document: ScaDocument): ReadRequest {
  const counter = textOf(document, 'COUNTER')?.trim() || undefined;
  const posRecon = textOf(document, 'POS_RECON') || undefined;
  const echo: Echo = { counter, posRecon };
  const refused = (why: string): ReadRequest => ({ ok: false, why, echo });
  if (document.root !== REQUEST_ROOT) return refused(`the root is not ${REQUEST_ROOT}`);
  const functionType = textOf(document, 'FUNCTION_TYPE')?.trim() ?? '';
  const command = textOf(document, 'COMMAND')?.trim() ?? '';
  if (!isName(functionType) || !isName(command))
    return refused('FUNCTION_TYPE or COMMAND is missing or no name');
  const twice = repeatedName(document.fields);
  if (twice !== undefined) return refused('a field is given twice');
  if (posRecon !== undefined && posRecon.length > MAX_POS_RECON)
    return refused(`POS_RECON is longer than ${MAX_POS_RECON} characters`);
  const rules = findCommand(functionType, command);
  if (rules === 'may move money') return refused('unsupported PAYMENT command');
  return {
    ok: true,
    request: {
      functionType,
      command,
      rules: rules === 'unknown' ? { channel: 'device' } : rules,
      isUnknown: rules === 'unknown',
      fields: document.fields.filter(({ name }) => !ENVELOPE.has(name)),
      macLabel: textOf(document, 'MAC_LABEL')?.trim() || undefined,
      mac: textOf(document, 'MAC')?.trim() || undefined,
      echo,
    },
  };
}

const ENVELOPE: ReadonlySet<string> = new Set(['FUNCTION_TYPE', 'COMMAND', 'MAC', 'MAC_LABEL']);

function isName(text: string): boolean {
  return text.length <= MAX_NAME && /^[A-Za-z0-9_]+$/.test(text);
}

/** Returns the text of a field of this request; undefined where it is missing or empty. */
export function fieldOf({ fields }: Pick<ScaRequest, 'fields'>, name: string): string | undefined {
  return fields.find((element) => element.name === name)?.text || undefined;
}

/** Booleans come as 1, TRUE, T and YES. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(?:1|TRUE|T|YES)$/i.test(text.trim());
}

/** Where a register says that it listens: POS_IP and POS_PORT, both or neither. */
export function listenerIn(
  request: Pick<ScaRequest, 'fields'>,
): { address: string; port: number } | undefined {
  const address = fieldOf(request, 'POS_IP')?.trim();
  const text = fieldOf(request, 'POS_PORT')?.trim() ?? '';
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return address === undefined || port < 1 || port > 65_535 ? undefined : { address, port };
}
