import { type Checked, OPTIONAL_TEXT, readFields, readLines } from '../application/fields.ts';
import { type Caller, isSame } from '../application/registers.ts';
import type { Clock } from '../base/clock.ts';
import { type Answer, errorAnswer, resultAnswer } from './answer.ts';
import type { Cardholder } from './cardholder.ts';
import type { Panel } from './panel.ts';
import { DEFAULT_LANGUAGE, type Texts } from './texts.ts';

export interface CustomerDisplayOptions {
  readonly clock: Clock;
  readonly panel: Panel;
  readonly texts: Texts;
  /** Who types. */
  readonly cardholder: () => Cardholder;
}

const DEFAULT_INPUT_MS = 60_000;
const DEFAULT_INPUT_CHARACTERS = 32;

const DURATION = {
  isNeeded: false,
  form: /^([1-9]\d{0,5})$/,
  words: 'a whole number of milliseconds from 1 to 999999',
};

const INPUT_RULES = {
  text: { isNeeded: false, form: /^".{0,200}"$/s, words: 'a string of at most 200 characters' },
  max_length: { isNeeded: false, form: /^([1-9]|[1-9]\d|1\d\d|200)$/, words: 'a whole number from 1 to 200' },
  timeout_ms: DURATION,
  cashier_language: OPTIONAL_TEXT,
};

const TEST_RULES = {
  api_key: OPTIONAL_TEXT,
  test_id: { isNeeded: true, form: /^"/, words: 'a string' },
};

/**
 * What a register does with display, paper and keypad beside transactions. The protocol's fields for this are not
 * public: these are the simulated terminal's own, documented in docs/terminal.md. The terminal calls only while it is
 * free, except for `print` and `test`.
 */
export class CustomerDisplay {
  readonly #options: CustomerDisplayOptions;
  #input: { readonly caller: Caller; readonly ending: AbortController } | undefined;

  constructor(options: CustomerDisplayOptions) {
    this.#options = options;
  }

  /** Whether a text is being entered. */
  get isInUse(): boolean {
    return this.#input !== undefined;
  }

  /** Ends what was for a register, or for all of an attachment, that is gone; without one, everything. */
  leave(caller?: Partial<Caller>): void {
    const input = this.#input;
    if (input === undefined) return;
    const isTheirs =
      caller === undefined ||
      ('connection' in caller ? isSame(input.caller, caller as Caller) : input.caller.end === caller.end);
    if (isTheirs) input.ending.abort('gone');
  }

  print(params: Buffer): Answer {
    const lines = readLines(params);
    if (!lines.ok) return refusal(lines);
    this.#options.panel.print(lines.value);
    return resultAnswer({});
  }

  show(params: Buffer): Answer {
    const lines = readLines(params);
    if (!lines.ok) return refusal(lines);
    const fields = readFields(params, { duration_ms: DURATION });
    if (!fields.ok) return refusal(fields);
    const { panel } = this.#options;
    const { duration_ms: duration } = fields.value;
    if (lines.value.every((line) => line === '')) panel.idle();
    else if (duration === undefined) panel.show('message', lines.value);
    else panel.showFor(Number(duration), 'message', lines.value);
    return resultAnswer({});
  }

  suspend(params: Buffer): Answer {
    const fields = readFields(params, { api_key: OPTIONAL_TEXT });
    if (!fields.ok) return refusal(fields);
    this.#options.panel.show('suspended', []);
    return resultAnswer({});
  }

  test(params: Buffer, download: () => Promise<Answer>): Answer | Promise<Answer> {
    const fields = readFields(params, TEST_RULES);
    if (!fields.ok) return refusal(fields);
    if (fields.value.test_id === 'large_file_download') return download();
    return errorAnswer('JSONRPC_INVALID_PARAMS', 'test_id is not the name of a test: large_file_download');
  }

  /** Undefined when nobody waits for an answer any more. */
  async enterText(params: Buffer, caller: Caller): Promise<Answer | undefined> {
    const fields = readFields(params, INPUT_RULES);
    if (!fields.ok) return refusal(fields);
    const { text, max_length: maxLength, timeout_ms: timeoutMs } = fields.value;
    const { cashier_language: language = DEFAULT_LANGUAGE } = fields.value;
    const { clock, panel, texts, cardholder } = this.#options;
    const ending = new AbortController();
    this.#input = { caller, ending };
    const limit = clock.after(Number(timeoutMs ?? DEFAULT_INPUT_MS), () => ending.abort('late'));
    const entered = { kind: 'text', text: '' } as const;
    panel.show('text-input', [text ?? texts.say(language, 'enter_text')], { entered });
    try {
      const typed = await cardholder().enterText({
        signal: ending.signal,
        maxLength: Number(maxLength ?? DEFAULT_INPUT_CHARACTERS),
      });
      if (typed === undefined) return errorAnswer('CANCELLED', 'the text was not entered');
      return resultAnswer({ text: typed });
    } catch (fault) {
      if (!ending.signal.aborted) throw fault;
      const isLate = ending.signal.reason === 'late';
      return isLate ? errorAnswer('INPUT_TIMEOUT', 'no text was entered in time') : undefined;
    } finally {
      limit.cancel();
      this.#input = undefined;
      panel.idle();
    }
  }
}

export function refusal({ why }: Extract<Checked<unknown>, { ok: false }>): Answer {
  return errorAnswer('JSONRPC_INVALID_PARAMS', why);
}
