import { readFile } from 'node:fs/promises';
import { BridgeError, describeFault } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import { textOfFile } from '../base/text-file.ts';

/** Texts for the cashier and the cardholder's display. */
const ENGLISH = {
  welcome: 'Welcome',
  present_card: 'Insert or tap the card',
  enter_pin: 'Enter PIN',
  wrong_pin: 'Wrong PIN, try again',
  processing: 'Please wait',
  check_signature: 'Check the signature',
  remove_card: 'Remove the card',
  enter_text: 'Enter a text',
  approved: 'Approved',
  declined: 'Declined',
  cancelled: 'Cancelled by the customer',
  aborted: 'Cancelled',
  card_removed: 'Card removed too early',
  card_timeout: 'No card was presented',
  card_expired: 'The card has expired',
  pin_timeout: 'No PIN was entered',
  pin_tries: 'Too many wrong PINs',
  signature_refused: 'Signature not accepted',
  reversal_refused: 'Nothing to reverse',
  interrupted: 'Interrupted, not charged',
  busy: 'The terminal is busy',
};

const FINNISH: Readonly<Record<TextName, string>> = {
  welcome: 'Tervetuloa',
  present_card: 'Syötä tai näytä kortti',
  enter_pin: 'Syötä PIN',
  wrong_pin: 'Väärä PIN, yritä uudelleen',
  processing: 'Odota hetki',
  check_signature: 'Tarkista allekirjoitus',
  remove_card: 'Poista kortti',
  enter_text: 'Syötä teksti',
  approved: 'Hyväksytty',
  declined: 'Hylätty',
  cancelled: 'Asiakas keskeytti',
  aborted: 'Keskeytetty',
  card_removed: 'Kortti poistettu liian aikaisin',
  card_timeout: 'Korttia ei esitetty',
  card_expired: 'Kortti on vanhentunut',
  pin_timeout: 'PIN-koodia ei syötetty',
  pin_tries: 'Liian monta väärää PIN-koodia',
  signature_refused: 'Allekirjoitusta ei hyväksytty',
  reversal_refused: 'Ei peruutettavaa tapahtumaa',
  interrupted: 'Keskeytyi, ei veloitettu',
  busy: 'Maksupääte on varattu',
};

export const DEFAULT_LANGUAGE = 'en';

export type TextName = keyof typeof ENGLISH;
export const TEXT_NAMES = Object.keys(ENGLISH) as readonly TextName[];

type Language = Readonly<Partial<Record<TextName, string>>>;

/** Texts by language. What a language does not have is said in English. */
export class Texts {
  readonly #languages = new Map<string, Language>([
    [DEFAULT_LANGUAGE, ENGLISH],
    ['fi', FINNISH],
  ]);

  /** `language` as a register says it: `fi`, `fi-FI`, `FI_fi`. */
  say(language: string, name: TextName): string {
    const [main = ''] = language.toLowerCase().split(/[-_]/);
    const texts = this.#languages.get(language.toLowerCase()) ?? this.#languages.get(main);
    return texts?.[name] ?? ENGLISH[name];
  }

  /** Adds a language, or replaces texts of one. */
  add(language: string, texts: Language): void {
    this.#languages.set(language, { ...this.#languages.get(language), ...texts });
  }

  /**
   * Reads a file of further languages: `{"sv": {"declined": "Avböjt"}}`, at most 64 KiB. Rejects with USAGE, naming the
   * member that is wrong.
   */
  async addFile(file: string): Promise<void> {
    for (const [language, texts] of Object.entries(await readJson(file))) this.add(language, texts);
  }
}

const MAX_FILE_BYTES = 65_536;
const MAX_TEXT_CHARACTERS = 200;

async function readJson(file: string): Promise<Readonly<Record<string, Language>>> {
  const wrong = (why: string, cause?: unknown) =>
    new BridgeError('USAGE', `--texts ${file}: ${why}; it wants {"sv": {"declined": "Avböjt"}}`, {
      cause,
    });
  let value: unknown;
  try {
    const bytes = await readFile(file);
    if (bytes.length > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
    value = JSON.parse(textOfFile(bytes));
  } catch (cause) {
    throw wrong(describeFault(cause), cause);
  }
  if (!isObject(value)) throw wrong('it is no JSON object');
  for (const [language, texts] of Object.entries(value)) {
    const shown = quoteText(language, 64);
    if (!/^[a-z]{2,3}(-[a-z0-9]{2,8})?$/.test(language)) throw wrong(`${shown} is no language such as sv`);
    if (!isObject(texts)) throw wrong(`${shown} is no object of texts`);
    for (const [name, text] of Object.entries(texts)) {
      const member = `${shown}.${quoteText(name, 64)}`;
      if (!TEXT_NAMES.includes(name as TextName)) {
        throw wrong(`${member}: there is no such text, only ${TEXT_NAMES.join(', ')}`);
      }
      if (typeof text !== 'string' || text === '' || text.length > MAX_TEXT_CHARACTERS) {
        throw wrong(`${member} is no string of 1 to ${MAX_TEXT_CHARACTERS} characters`);
      }
    }
  }
  return value as Readonly<Record<string, Language>>;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
