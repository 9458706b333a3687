/** What stands in the place of what is hidden. */
export const MASK = '***';

/**
 * How a member is treated because of its name: `secret` whatever it holds, `line` likewise and in running text
 * up to the end of the line (HTTP headers), `card` where 12 or more digits are too many, `encoded` where a text in
 * base64 or hex may be somebody's data (network proxy, EMV), `shown` what identifies a sale or a message, an amount or
 * a time: as it is, `plain` by its digits.
 */
export type MaskRule = 'secret' | 'line' | 'card' | 'encoded' | 'shown' | 'plain';

/**
 * Upper and lower case, accents and everything between letters and digits make no difference: `API-Key` is `api_key`.
 * Names of secrets are known in the languages of Europe, and a few others.
 */
export function maskRuleOf(name: string): MaskRule {
  const known = COMMON_NAMES.get(name) ?? judged.get(name);
  if (known !== undefined) return known;
  const rule = judge(name);
  if (judged.size < MAX_JUDGED && JUDGED.test(name)) judged.set(name, rule);
  return rule;
}

/** Names that came before: a protocol has a few dozen. */
const judged = new Map<string, MaskRule>();
const MAX_JUDGED = 500;
/** No peer fills the memory, or leaves a number in it. */
const JUDGED = /^[\p{L}_]{1,32}$/u;

/**
 * The names in the log lines that every connection writes: compiling the expressions for them takes 2 ms of each start.
 */
export const COMMON_NAMES: ReadonlyMap<string, MaskRule> = new Map([
  ['connection', 'shown'],
  ...'dialect peer endpoint why reason details by awaited signal unix tcp fd fifo file pipe socket'
    .split(' ')
    .map((name) => [name, 'plain'] as const),
]);

/** The rule of a name by the expressions below. */
export function judge(name: string): MaskRule {
  const end = name.slice(-MAX_NAME);
  const plain = lettersOf(end);
  if (LINE.test(plain)) return 'line';
  if (SECRET.test(plain)) return 'secret';
  const lastWord = LAST_WORD.exec(end)?.[0].toLowerCase() ?? '';
  if (SECRET_WORD.test(lastWord)) return 'secret';
  if (NOT_ASCII.test(plain) && isForeignSecret(plain)) return 'secret';
  if (CARD.test(plain) || CARD_WORD.test(lastWord)) return 'card';
  if (ENCODED.test(plain)) return 'encoded';
  const isShown = (SHOWN.test(plain) || SHOWN_WORD.test(lastWord)) && !OF_A_PERSON.test(plain);
  return isShown ? 'shown' : 'plain';
}

/** The letters and digits of a name in small letters, without accents. */
function lettersOf(name: string): string {
  const small = name.toLowerCase();
  if (!NOT_ASCII.test(small)) return small.replace(/[^a-z0-9]/g, '');
  return small
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replace(/[\u0142\u00f8\u0131\u00df\u0111]/g, (letter) => PLAIN_LETTERS[letter] ?? letter);
}

const PLAIN_LETTERS: Readonly<Record<string, string>> = { ł: 'l', ø: 'o', ı: 'i', ß: 'ss', đ: 'd' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII
const NOT_ASCII = /[^\u0000-\u007f]/;

/** Track data, verification values and PINs: what no store may ever keep. */
export function isNeverStored(name: string): boolean {
  return maskRuleOf(name) === 'secret' && NEVER_STORED.test(name);
}

const NEVER_STORED =
  /transaction.?info|track|magstripe|magnetic|swipe|cv[vcn]|csc|cav|cid|security.?code|card.?verification|verification.?(?:value|code)|puk|pin/i;

/** A member that holds the number itself when it stands inside a card field: `"card": {"number": …}`. */
export function isCardPart(name: string): boolean {
  return CARD_PART.test(name.toLowerCase());
}

/** Longer names are judged by their end. */
const MAX_NAME = 128;

const LINE = /^(?:proxy)?authorization$|^(?:set)?cookie$/;

/** Short words that are innocent inside others (`mapping`, `pin_entry_required`) but not at the end of a name. */
const SECRET_WORD = /^(?:pins?|puk|[ch]?mac|pass|pwd|pw|tracks?|[id]?(?:cvv|cvc|cvn|csc|cav)[0-9]?|cid2)$/;

const SECRET = new RegExp(
  [
    'password|passwd|passphrase|passcode|secret|credential|apikey|accesskey|accesstoken',
    // German, Dutch, Swedish, Norwegian, Danish, Finnish, Estonian, Latvian, Lithuanian
    'passwor[tdk]|kennwort|geheim(?:nis|zahl|nummer)|losungswort|wachtwoord|pincode|losenord|passord|adgangskode|kodeord',
    'pinkode?n?$|salasana|tunnusluku|parool|^salasona|parole$|slaptazodis',
    // French, Spanish, Portuguese, Italian, Romanian, Catalan
    'motdepasse|^mdp$|code(?:secret|confidentiel)|contrase(?:n|ny)a|^clave(?:secreta|depago|api)?$|palabraclave|palavrapasse',
    '^senhas?$|senha(?:do|de)|codigosecreto|paroladordine|codicesegreto|^parola$|parolade',
    // Polish, Czech, Slovak, Hungarian, Croatian, Slovenian, Turkish
    '^haslo|haslo$|^heslo|heslo$|jelszo|lozinka|zaporka|geslo|^sifre(?:si)?$|parolasi|kodpin|pinkod|codepin',
    '^transactioninfo$|pinbl(?:oc)?k|trackdata|track(?:[0-9]|one|two|three)|magstripe|magneticstripe|securitycode|cardverification|verification(?:value|code)$|sensitivecard',
    // A card token stands for a card number and is none: registers keep it.
    '(?:pwd|idtag)$|(?<!card|pan|payment)token$',
    '(?:private|encryption|session|master|shared|signing|signature|auth|authorization|mac|hmac|pin)key$',
    '^(?:card|user|customer|operator|cashier|entered|encrypted|enc|online|offline|clear|plain|new|old)pin$',
    '^pin(?:code|data|value|number|digits|hash|enc|encrypted)$',
    '^(?:retail|message|[ch])?mac(?:value|data|block)$|^retailmac$|^messageauthenticationcode$',
    '^(?:card|[id])?(?:cvv|cvc|cvn|csc|cav)[0-9]?(?:code|value|number|data)?$|^kartenprufnummer$|^prufziffer$|^cryptogramme(?:visuel)?$',
    '^(?:card|raw|encrypted|enc|swipe|msr)tracks?$|^tracks?equivalent|^swipedata$',
    '^(?:emv|icc|chip|tlv)(?:related)?(?:data|tags)$',
  ].join('|'),
);

/** In Russian, Ukrainian, Bulgarian, Greek, Chinese, Japanese, Korean, Arabic and Hebrew. */
const FOREIGN_SECRETS =
  'парол лозинк пинкод секрет κωδικός συνθηματικό 密码 密碼 口令 パスワ 暗証番号 비밀번호 كلمة_المرور كلمة_السر סיסמה סיסמא';

function isForeignSecret(plain: string): boolean {
  foreignSecrets ??= FOREIGN_SECRETS.split(' ').map(lettersOf);
  return plain === 'пин' || foreignSecrets.some((word) => plain.includes(word));
}

let foreignSecrets: readonly string[] | undefined;

/** EMV data in hex, or the network proxy's in base64. */
const ENCODED = /^data$|^(?:emv|icc|tlv)$|^(?:de|field|bit|f)55(?:data)?$/;

/** What identifies a sale, a message or a thing; amounts and times. */
const SHOWN = new RegExp(
  [
    '(?:receipt|sequence|transaction|trace|invoice|order|batch|session|request|response|message|ticket|reference|sale' +
      '|terminal|merchant|register|connection|till|store|shop|article|product|item|serial|approval|authorization)' +
      '(?:ids?|no|nr|num|numbers?|code|ref|reference|counter)$',
    '^(?:sequence|trace|session|register|connection|till)$',
    'amount|^price|price$|^(?:total|sum|volume|quantity|mileage|odometer)|minor$',
    '(?:time|timestamp|date)$',
    '^(?:ean|gtin|barcode|upc|sku|isbn|imei)(?:13|8|14)?(?:code|no|number)?$',
  ].join('|'),
);

const SHOWN_WORD = /^(?:id|ids|uuid|guid|stan|rrn|time|timestamp|date|at|since|until|hash|digest|ref|ms)$/;

/** Such identifiers may be card numbers. */
const OF_A_PERSON =
  /card|pan|account|customer|track|iban|key|tag|user|login|holder|payer|member|voucher|driver/;

const CARD = new RegExp(
  [
    'cardnumber|cardno|cardnum|cardnr|primaryaccount|accountnumber|accountno|accountnum',
    'card$|^cards$|^carddata$|^account$|^accountnr$',
    '^(?:card|masked|full|clear|token|customer|[fd])?pan(?:s|number|data)?$',
    'kartennummer|kartennr|kortnummer|korttinumero|kaartnummer|numerodecarte|numerocarte|numerodetarjeta|numerocarta|numerokarty',
    // EMV tags: the number, track data
    '^(?:tag)?(?:5a|56|57|9f6b|9f1f|9f20)$',
  ].join('|'),
);

const CARD_WORD = /^pans?$/;

const CARD_PART = /^(?:number|no|nr|num|id|value|digits|data|text)$/;

/** `pin` in `wrong_pin`, `wrong-pin` and `wrongPin`. */
const LAST_WORD = /(?:[A-Z]?[a-z0-9]+|[A-Z0-9]+)$/;
