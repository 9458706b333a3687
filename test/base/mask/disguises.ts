/** Ways in which a card number gets into a text. Each text holds the whole number for who reads it so. */
export const DISGUISES: readonly (readonly [name: string, (digits: string) => string])[] = [
  ['plain', (digits) => `card ${digits} declined`],
  ['between letters', (digits) => `x${digits}y`],
  ['spaces', (digits) => grouped(digits, ' ')],
  ['dashes', (digits) => grouped(digits, '-')],
  ['dots', (digits) => grouped(digits, '.')],
  ['slashes', (digits) => grouped(digits, '/')],
  ['underscores', (digits) => grouped(digits, '_')],
  ['commas', (digits) => grouped(digits, ', ')],
  ['bars', (digits) => grouped(digits, '|')],
  ['colons', (digits) => grouped(digits, ':')],
  ['line breaks', (digits) => grouped(digits, '\n')],
  ['CR and LF', (digits) => grouped(digits, '\r\n')],
  ['no-break spaces and long dashes', (digits) => grouped(digits, '\u00a0\u2013')],
  ['zero-width spaces', (digits) => grouped(digits, '\u200b')],
  ['middle dots', (digits) => grouped(digits, '\u00b7')],
  ['percent-encoded spaces', (digits) => `https://h/p?n=${grouped(digits, '%20')}&m=1`],
  ['percent-encoded digits', (digits) => digits.replace(/./g, (digit) => `%3${digit}`)],
  ['a space after each digit', (digits) => [...digits].join(' ')],
  ['fullwidth digits', (digits) => inScript(digits, 0xff10)],
  ['Arabic digits', (digits) => inScript(digits, 0x660)],
  ['Persian digits in groups', (digits) => grouped(inScript(digits, 0x6f0), ' ')],
  ['Devanagari digits', (digits) => inScript(digits, 0x966)],
  ['mathematical digits', (digits) => inScript(digits, 0x1d7ce)],
  ['JSON escapes', (digits) => `{"x":"${digits.replace(/./g, (digit) => `\\u003${digit}`)}"}`],
  [
    'JSON in JSON in JSON',
    (digits) => JSON.stringify({ a: JSON.stringify({ b: JSON.stringify([digits]) }) }),
  ],
  ['a JSON number', (digits) => `{"x":${digits}}`],
  ['elements of four digits', (digits) => JSON.stringify({ n: digits.match(/.{1,4}/g) })],
  [
    'elements of four digits, cut off',
    (digits) => JSON.stringify({ n: digits.match(/.{1,4}/g) }).slice(0, -2),
  ],
  [
    'printed lines',
    (digits) => JSON.stringify({ lines: ['PAN', ...(digits.match(/.{1,4}/g) ?? []), 'TOTAL'] }),
  ],
  ['a longer piece, zeros before', (digits) => `ref 00${digits} ok`],
  ['a longer piece, more behind', (digits) => `ref ${digits}00 ok`],
  ['with its length before (ISO 8583)', (digits) => `${digits.length}${digits}`],
  ['tag 5A', (digits) => `9F02060000000001005A${lengthOf(digits)}${padded(digits)}5F340101`],
  ['tag 5A in bytes', (digits) => `5A ${lengthOf(digits)} ${padded(digits).replace(/..(?=.)/g, '$& ')}`],
  ['tag 57', (digits) => `5713${digits}D25122010000012300F`],
  ['de55', (digits) => JSON.stringify({ de55: `5A${lengthOf(digits)}${padded(digits)}9F360201AB` })],
  ['track 2', (digits) => `;${digits}=25121010000012345678?`],
  ['track 1', (digits) => `%B${digits}^DOE/JOHN^25121010000?`],
  ['base64', (digits) => JSON.stringify({ note: base64(digits) })],
  [
    'base64 of JSON, for URLs',
    (digits) => `x=${Buffer.from(`{"card": "${grouped(digits, ' ')}"}`).toString('base64url')}`,
  ],
  [
    'base64 of EMV',
    (digits) =>
      Buffer.from(`9F02060000000001005A${lengthOf(digits)}${padded(digits)}9F02`, 'hex').toString('base64'),
  ],
  [
    'hex of characters',
    (digits) =>
      Buffer.from(digits)
        .toString('hex')
        .replace(/..(?=.)/g, '$& '),
  ],
  ['the bytes of a buffer', (digits) => JSON.stringify(Buffer.from(digits))],
  ['two digits a byte of a buffer', (digits) => JSON.stringify(Buffer.from(padded(digits), 'hex'))],
  ['a member name', (digits) => `{"${digits}":1}`],
  ['behind a name', (digits) => `pan: ${digits}`],
  ['card.number', (digits) => `{"card":{"number":"${digits}"}}`],
];

function grouped(digits: string, separator: string): string {
  return [...digits].map((digit, at) => (at > 0 && at % 4 === 0 ? separator : '') + digit).join('');
}

function inScript(digits: string, zero: number): string {
  return digits.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
}

/** Two digits a byte, as EMV packs them. */
function padded(digits: string): string {
  return digits.length % 2 === 0 ? digits : `${digits}F`;
}

function lengthOf(digits: string): string {
  return (padded(digits).length / 2).toString(16).toUpperCase().padStart(2, '0');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
