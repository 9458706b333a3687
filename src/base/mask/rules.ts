/**
 * How a member is treated because of its name: `secret` whatever it holds, `line` likewise and in running text
 * up to the end of the line (HTTP headers), `card` where 12 or more digits are too many, `encoded` where a text in
 * base64 may be somebody's data (network proxy), `plain` by its digits.
 */
export type MaskRule = 'secret' | 'line' | 'card' | 'encoded' | 'plain';

/** Upper and lower case and everything between letters and digits make no difference: `API-Key` is `api_key`. */
export function maskRuleOf(name: string): MaskRule {
  return PLAIN_NAMES.has(name) ? 'plain' : judge(name);
}

/** The names in the log lines that every connection writes: compiling the expressions for them takes 2 ms of each start. */
export const PLAIN_NAMES: ReadonlySet<string> = new Set(
  'connection dialect peer endpoint why reason details by awaited signal'.split(' '),
);

/** The rule of a name by the expressions below. */
export function judge(name: string): MaskRule {
  const end = name.slice(-MAX_NAME);
  const plain = end.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (LINE.test(plain)) return 'line';
  if (SECRET.test(plain)) return 'secret';
  const lastWord = LAST_WORD.exec(end)?.[0].toLowerCase() ?? '';
  if (SECRET_WORD.test(lastWord)) return 'secret';
  if (CARD.test(plain) || CARD_WORD.test(lastWord)) return 'card';
  return plain === 'data' ? 'encoded' : 'plain';
}

/** Track data, verification values and PINs: what no store may ever keep. */
export function isNeverStored(name: string): boolean {
  return maskRuleOf(name) === 'secret' && NEVER_STORED.test(name);
}

const NEVER_STORED =
  /transaction.?info|track|magstripe|magnetic|swipe|cv[vcn]|csc|cav|cid|security.?code|card.?verification|pin/i;

/** A member that holds the number itself when it stands inside a card field: `"card": {"number": …}`. */
export function isCardPart(name: string): boolean {
  return CARD_PART.test(name.toLowerCase());
}

/** Longer names are judged by their end. */
const MAX_NAME = 128;

const LINE = /^(?:proxy)?authorization$|^(?:set)?cookie$/;

/** Short words that are innocent inside others (`mapping`, `pin_entry_required`) but not at the end of a name. */
const SECRET_WORD = /^(?:pins?|[ch]?mac|pass|pwd|tracks?|[id]?(?:cvv|cvc|cvn|csc|cav)[0-9]?|cid2)$/;

const SECRET = new RegExp(
  [
    'password|passwd|passphrase|passcode|secret|credential|apikey|accesskey|accesstoken',
    '^transactioninfo$|pinblock|trackdata|track[0-9]|magstripe|magneticstripe|securitycode|cardverification|sensitivecard',
    '(?:pwd|token|idtag)$',
    '(?:private|encryption|session|master|shared|signing|signature|auth|authorization|mac|hmac|pin)key$',
    '^(?:card|user|customer|operator|cashier|entered|encrypted|enc|online|offline|clear|plain|new|old)pin$',
    '^pin(?:code|data|value|number|digits|hash|enc|encrypted)$',
    '^(?:retail|message|[ch])?mac(?:value|data|block)$|^retailmac$|^messageauthenticationcode$',
    '^(?:card|[id])?(?:cvv|cvc|cvn|csc|cav)[0-9]?(?:code|value|number|data)?$',
    '^(?:card|raw|encrypted|enc|swipe|msr)tracks?$|^tracks?equivalent|^swipedata$',
    '^(?:emv|icc|chip|tlv)(?:related)?(?:data|tags)$',
  ].join('|'),
);

const CARD = new RegExp(
  [
    'cardnumber|cardno|cardnum|cardnr|primaryaccount|accountnumber|accountno|accountnum',
    'card$|^cards$|^carddata$|^account$|^accountnr$',
    '^(?:card|masked|full|clear|token|customer|[fd])?pan(?:s|number|data)?$',
  ].join('|'),
);

const CARD_WORD = /^pans?$/;

const CARD_PART = /^(?:number|no|nr|num|id|value|digits|data|text)$/;

/** `pin` in `wrong_pin`, `wrong-pin` and `wrongPin`. */
const LAST_WORD = /(?:[A-Z]?[a-z0-9]+|[A-Z0-9]+)$/;
