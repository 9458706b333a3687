import { decodeString } from '../../rpc/scan.ts';
import type { Refused } from '../dialect.ts';
import { CATALOGUE, OWN_TYPES } from './catalogue.ts';
import { type Command, isPositive } from './commands.ts';
import { plainText } from './field-json.ts';
import { fitsFrame, isType } from './frame.ts';
import { fieldsOf, METHOD_PREFIX, paramsOf } from './generic.ts';

export type Order = Omit<Command, 'settle'>;
/** A frame that is not answered, under a token of the application's choice or a new one. */
export interface Remark {
  readonly type: string;
  readonly fields: readonly Buffer[];
  readonly token: number | undefined;
}

type Params = Readonly<Record<string, unknown>>;

/** What the register's console and printer take, characters. */
const TEXT_LENGTH = 100;
const LINE_LENGTH = 80;
const MAX_LINES = 1000;

/** The conversation that a request of an application becomes, or why there is none. */
export function orderOf(methodText: string, params: Buffer): Order | Refused {
  const method = decodeString(methodText);
  const members = JSON.parse(params.toString()) as Params;
  const lines = linesOf(members);
  switch (method) {
    case 'Print':
      return lines.length === 0 || lines.length > MAX_LINES
        ? invalid(`lines or text must have 1 to ${MAX_LINES} lines`)
        : printing(lines);
    case 'DisplayScreen':
      return consoleWith('K3', lines.join(' '));
    case 'TextInput':
      return consoleWith('K4', lines.join(' '));
    default:
      return frameOrder(method, members);
  }
}

/** A text for the cashier while nothing is being paid. */
export function messageOrder(text: Buffer): Order {
  return consoleWith('K3', text.toString('latin1'));
}

/** The frame that a notification of an application becomes. */
export function remarkOf(methodText: string, params: Buffer): Remark | Refused {
  const method = decodeString(methodText);
  const type = method.slice(METHOD_PREFIX.length);
  if (!method.startsWith(METHOD_PREFIX) || !isType(type)) return noWords(method);
  if (OWN_TYPES.has(type) || SALES.has(type)) return noWords(method);
  const members = JSON.parse(params.toString()) as Params;
  const fields = fieldsOf(type, members);
  if (typeof fields === 'string') return invalid(fields);
  const { token } = members;
  if (token === undefined) return { type, fields, token: undefined };
  const isToken = typeof token === 'string' && /^[0-9a-f]{1,6}$/i.test(token);
  return isToken
    ? { type, fields, token: Number.parseInt(token, 16) }
    : invalid('token is not 1 to 6 hexadecimal digits');
}

/** Sales are made and answered by the methods of our vocabulary, which a journal can follow. */
const SALES: ReadonlySet<string> = new Set(['S1', 'S2']);

/** A frame of its own and the answer to it. */
export function frameOrder(method: string, members: Params): Order | Refused {
  const type = method.slice(METHOD_PREFIX.length);
  const isOne = method.startsWith(METHOD_PREFIX) && CATALOGUE.get(type)?.answer !== undefined;
  if (!isOne || OWN_TYPES.has(type) || SALES.has(type)) return noWords(method);
  const fields = fieldsOf(type, members);
  if (typeof fields === 'string') return invalid(fields);
  if (!fitsFrame(fields)) return invalid('the fields do not fit a frame');
  return {
    steps: [{ type, fields }],
    conclude: ([answer]) => (answer === undefined ? {} : paramsOf(answer)),
  };
}

/** Claim the printer, print line by line, let it go. */
function printing(lines: readonly string[]): Order {
  const contents = lines.map((line) => ({ type: 'D6', fields: [plainText(line, LINE_LENGTH)] }));
  const end = { type: 'D3', fields: [] };
  return {
    steps: [{ type: 'D2', fields: [] }, ...contents, end],
    cleanUp: end,
    conclude: (answers, isComplete) =>
      isComplete ? {} : `the register does not print: ${answers.at(-1)?.fields[0]?.toString('latin1') ?? ''}`,
  };
}

/** Claim the operator's console, show or ask, let it go. */
function consoleWith(type: 'K3' | 'K4', text: string): Order {
  const end = { type: 'K2', fields: [] };
  return {
    steps: [{ type: 'K1', fields: [] }, { type, fields: [plainText(text, TEXT_LENGTH)] }, end],
    cleanUp: end,
    conclude: (answers) => {
      const [claim, answer] = answers;
      if (claim === undefined || !isPositive(claim)) return 'the operator console is not free';
      if (answer === undefined || !isPositive(answer)) return 'the operator console refuses it';
      return type === 'K3' ? {} : { text: answer.fields[1]?.toString('latin1') ?? '' };
    },
  };
}

function linesOf({ lines, text }: Params): string[] {
  if (Array.isArray(lines)) return lines.map(String);
  return typeof text === 'string' ? text.split('\n') : [];
}

function noWords(method: string): Refused {
  const why = `ecr-eft has no words for ${method}; a frame of its own is sent as ${METHOD_PREFIX}K6 and the like`;
  return { code: 'JSONRPC_METHOD_NOT_FOUND', why };
}

function invalid(why: string): Refused {
  return { code: 'JSONRPC_INVALID_PARAMS', why };
}
