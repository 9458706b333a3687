import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskText, maskValue } from '../../src/base/mask.ts';
import { withCheckDigit } from './mask/networks.ts';

const PAN = '4111111111111111';
const HIDDEN = '************1111';

describe('card numbers in text', () => {
  test.each([
    ['plain', `card ${PAN} declined`, `card ${HIDDEN} declined`],
    ['glued to letters', `x${PAN}y`, `x${HIDDEN}y`],
    ['with spaces', '4111 1111 1111 1111', HIDDEN],
    ['with many spaces', '4111    1111 1111  1111.', `${HIDDEN}.`],
    ['with dashes', '4111-1111-1111-1111', HIDDEN],
    ['in odd groups', '41 1-1 111 1111111-11', HIDDEN],
    ['with no-break spaces and long dashes', '4111\u00a01111\u20131111\u22121111', HIDDEN],
    ['of 12 digits', '675912345674', '************5674'],
    ['of 19 digits', '6304000000000000000', '************0000'],
    ['in 21 digits', '411111111111111111117', '************'],
    ['among other groups', '12 4111 1111 1111 1111', `12 ${HIDDEN}`],
    ['joined by what follows', '4111 1111 1111 1111 25', '************ 25'],
    ['two after each other', `${PAN} ${PAN}`, HIDDEN],
    ['percent-encoded spaces', '4111%201111%201111%2D1111', HIDDEN],
    ['more than 21 digits in one piece', '1234567890123456789012', '************9012'],
  ])('hides a number %s', (_, text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  test.each([
    '1250',
    'amount 1250 EUR, receipt 17, sequence 321',
    '2026-11-21T21:56:53Z',
    '2026-11-21 21:56:53.123',
    '4111111111111112',
    '1234-5678-9012',
    '41234567890',
    '127.0.0.1:10001 and [::1]:10001',
    '9eb56d5e-6563-430a-9d39-5ddf567e73d5',
    '+49 170 1234567',
    '412345678905',
    '9012.3456.7890.1238',
    '4111x1111x1111x1111',
  ])('leaves %j readable', (text) => {
    expect(maskText(text)).toBe(text);
  });

  test.each([
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
    [Array(40).fill(0)],
    [Array(40).fill(100)],
    [[20, 30, 40, 50, 60, 70, 80, 90]],
  ])('leaves the list of small numbers %j readable', (list) => {
    expect(maskText(JSON.stringify({ list }))).toBe(JSON.stringify({ list }));
    expect(maskValue({ list })).toEqual({ list });
  });

  test.each([
    ['<pin>1234</pin>', '<pin>***</pin>'],
    ['<n:PIN type="x">12 34</n:PIN>', '<n:PIN type="x">***</n:PIN>'],
    ['<a>1</a><password>\n zebra </password><b>2</b>', '<a>1</a><password>***</password><b>2</b>'],
    ['<contraseña>zebra', '<contraseña>***'],
    [JSON.stringify({ a: '<cvv>123</cvv>' }), JSON.stringify({ a: '<cvv>***</cvv>' })],
    ['<PAN>4111111111111112</PAN>', `<PAN>************1112</PAN>`],
    ['<pin></pin> 1234', '<pin></pin> 1234'],
    ['<card><pin>1234</pin><amount>12</amount></card>', '<card><pin>***</pin><amount>12</amount></card>'],
    ['a < b > 12', 'a < b > 12'],
  ])('hides what an element of XML holds, by its name: %s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
    expect(maskText(masked)).toBe(masked);
  });

  test.each([
    [`${PAN}=25121010000012345678?`, `${HIDDEN}=***?`],
    [`;${PAN}=2512 `, `;${HIDDEN}=*** `],
    [`${PAN}D25121010000012300F`, `${HIDDEN}D***`],
    [`${PAN} D2512`, `${HIDDEN} D***`],
    [`4111 1111 1111 1111 = 25121010`, `${HIDDEN} = ***`],
    [`%B${PAN}^DOE/JOHN ^25121010000?`, `%B${HIDDEN}^***?`],
    [`"%B${PAN}^DOE/JOHN^2512","amount":1`, `"%B${HIDDEN}^***","amount":1`],
    ['4111111111111112=25121010000012345678', '************1112=***'],
    ['%B1234567890123^DOE/JOHN^2512', '%B************0123^***'],
  ])('hides the track data in %s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  test.each(['PAN 92873498723498792384', 'pan: 92873498723498792384', 'card_number=92873498723498792384'])(
    'hides every long number behind a name for cards: %s',
    (text) => {
      expect(maskText(`${text} next`)).toBe(text.replace('9287349872349879', '************').concat(' next'));
    },
  );
});

describe('names in JSON', () => {
  test.each([
    'api_key',
    'apiKey',
    'API-KEY',
    'api key',
    'accesskey',
    'siteAccessKey',
    'password',
    'DbPassword',
    'passwd',
    'pwd',
    'secret',
    'client_secret',
    'token',
    'AccessToken',
    'refresh_token',
    'Authorization',
    'pin',
    'PIN',
    'wrong_pin',
    'enteredPin',
    'pinBlock',
    'encrypted_pin_block',
    'mac',
    'MAC',
    'message_mac',
    'cvv',
    'CVV2',
    'cvc',
    'card_cvc2',
    'cvn',
    'cid2',
    'track',
    'track1',
    'Track2',
    'track_3_data',
    'trackData',
    'magstripe',
    'AuthorizationKey',
    'idTag',
  ])('hides whatever stands in %s', (name) => {
    for (const value of ['x', 12, true, null, [1, { a: ']' }], { b: '}"' }, 'with "quotes"']) {
      const hidden = { a: [{ [name]: '***' }], z: 1 };
      expect(maskValue({ a: [{ [name]: value }], z: 1 })).toEqual(hidden);
      expect(maskText(JSON.stringify({ a: [{ [name]: value }], z: 1 }))).toBe(JSON.stringify(hidden));
    }
  });

  test.each([
    'pin_entry_required',
    'mapping',
    'machine',
    'forced_authorization',
    'opinion',
    'spinner',
    'tracking_id',
    'mac_label',
    'authorization_code',
    'tokens_left',
    'card_token',
    'paymentToken',
    'receipt_id',
    'card_brand',
  ])('leaves %s readable', (name) => {
    const text = JSON.stringify({ [name]: 'x', b: { [name]: 1 } });
    expect(maskText(text)).toBe(text);
    expect(maskValue(JSON.parse(text))).toEqual(JSON.parse(text));
  });

  test.each([
    'pan',
    'PAN',
    'cardNumber',
    'card_number',
    'card-no',
    'card',
    'primaryAccountNumber',
    'customer_pan',
  ])('hides 12 or more digits in %s, whatever they are', (name) => {
    const cases: [unknown, unknown][] = [
      ['92873498723498792384', '************2384'],
      ['123456789012', '************9012'],
      ['1234 5678-9012', '************9012'],
      ['1234.5678.9012', '***'],
      [123456789012, '************9012'],
      [
        ['x', '123456789012'],
        ['x', '************9012'],
      ],
      [
        { number: '123456789012', expiry: '1227' },
        { number: '************9012', expiry: '1227' },
      ],
      ['12345678901', '12345678901'],
      ['visa', 'visa'],
    ];
    for (const [value, masked] of cases) {
      expect(maskValue({ [name]: value })).toEqual({ [name]: masked });
      expect(JSON.parse(maskText(JSON.stringify({ [name]: value })))).toEqual({ [name]: masked });
    }
    expect(maskText(`{"${name}":92873498723498792384}`)).toBe(`{"${name}":"************2384"}`);
  });

  test('hides numbers that are no strings, however they are written', () => {
    expect(maskText(`[${PAN}, -${PAN}, 4.111111111111111e15, ${PAN}.0, 41111111111111110e-1]`)).toBe(
      `["${HIDDEN}", "-${HIDDEN}", "${HIDDEN}", "${HIDDEN}.0", "${HIDDEN}"]`,
    );
    expect(maskValue([Number(PAN), BigInt(PAN), 1250])).toEqual([HIDDEN, HIDDEN, 1250]);
  });

  test('hides card numbers in keys', () => {
    expect(maskValue({ [PAN]: 1 })).toEqual({ [HIDDEN]: 1 });
    expect(maskText(`{"${PAN}":1}`)).toBe(`{"${HIDDEN}":1}`);
  });

  test('keeps everything else byte for byte', () => {
    const text = '{ "a" : 1.10,\r\n"b":[ 1e3 ,"\\u00e4\\/" ,{}],\t"pin":1,"c":"ä" }';
    expect(maskText(text)).toBe(text.replace('"pin":1', '"pin":"***"'));
  });
});

describe('escapes and encodings', () => {
  test.each([
    ['escaped digits', '{"x":"\\u0034111111111111111"}', `{"x":"${HIDDEN}"}`],
    ['escaped separators', '{"x":"4111\\u00201111\\u002d1111-1111"}', `{"x":"${HIDDEN}"}`],
    ['escaped digits, cut off', '{"x":"\\u0034111\\u00201111\\u002D1111-1111', `{"x":"${HIDDEN}`],
    ['an escaped name', '{"\\u0061pi_key":"x"}', '{"\\u0061pi_key":"***"}'],
    ['an escaped name, cut off', '{"\\u0061pi_key":"x', '{"\\u0061pi_key":"***'],
    ['JSON in a string', '"{\\"api_key\\":\\"x\\"}"', '"{\\"api_key\\":\\"***\\"}"'],
    [
      'JSON in a string with hexadecimal quotes',
      '{"d":"{\\u0022pin\\u0022:\\u0022x\\u0022}',
      '{"d":"{\\u0022pin\\u0022:\\u0022***\\u0022}',
    ],
  ])('sees through %s', (_, text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  test('sees through JSON in JSON in JSON, whole or cut off anywhere', () => {
    let text = '{"api_key":"hush \\"hush\\\\","b":1,"pin":["hush"],"t":"x"}';
    for (let depth = 0; depth < 4; depth++) {
      for (let end = 0; end <= text.length; end++) expect(maskText(text.slice(0, end))).not.toContain('hus');
      for (let start = 0; start < text.indexOf('api_key'); start++) {
        expect(maskText(text.slice(start))).not.toContain('hush');
      }
      text = JSON.stringify({ d: text });
    }
  });

  test('is not led astray by quotes around an excerpt', () => {
    expect(maskText('cannot parse "{"api_key":"x","a":"b"}" at 3')).toBe(
      'cannot parse "{"api_key":"***","a":"b"}" at 3',
    );
    expect(maskText('5" of {"api_key" : "se\\"cret')).toBe('5" of {"api_key" : "***');
    expect(maskText("{ api_key: 'x', pin: 1 }")).toBe("{ api_key: '***', pin: *** }");
  });

  test('hides an object or array behind a name, cut off or not', () => {
    expect(maskText('got {"pin":{"a":"}","b":[1]},"c":2')).toBe('got {"pin":***,"c":2');
    expect(maskText('got {"pin":{"a":"}","b":[1')).toBe('got {"pin":***');
  });
});

describe('running text', () => {
  test.each([
    ['wss://me:hush@pos.example.com/x', 'wss://***@pos.example.com/x'],
    ['wss://me:hu/sh@pos.example.com/x', 'wss://***@pos.example.com/x'],
    ['wss://me:hu@sh@pos.example.com/x', 'wss://***@pos.example.com/x'],
    [`wss://me:${'hush'.repeat(200)}@pos.example.com/x`, 'wss://***@pos.example.com/x'],
    ['"wss:\\/\\/me:hush@pos.example.com', '"wss:\\/\\/***@pos.example.com'],
    ['http://pos.example.com/a@b', 'http://pos.example.com/a@b'],
    ['http://[::1]:80/a@b', 'http://[::1]:80/a@b'],
    ['http://h/p?a=1&api_key=hush&b=2', 'http://h/p?a=1&api_key=***&b=2'],
    ['http://h/p?password=hu%20sh', 'http://h/p?password=***'],
    ['password=hush', 'password=***'],
    ['password: hush, user: me', 'password: ***, user: me'],
    ['(password=hu,sh)', '(password=***)'],
    ['password="hu sh" x', 'password="***" x'],
    ["--api-key='hu sh' x", "--api-key='***' x"],
    ['pin => hush', 'pin => ***'],
    ['site access key: hush', 'site access key: ***'],
    ['headers[authorization]=Basic aHVzaA==', 'headers[authorization]=***'],
    ['Authorization: Basic aHVzaA==\r\nHost: h', 'Authorization: ***\r\nHost: h'],
    ['{"Authorization":"Basic aHVzaA==","a":1', '{"Authorization":"***","a":1'],
  ])('hides the secret in %s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  test.each([
    'a pin is wanted',
    'tcp:127.0.0.1:10001',
    'opening 5: ok',
    'C:\\pin',
    'fuel pan 12',
    '',
    'pin:',
    'pin=""',
  ])('leaves %j as it is', (text) => {
    expect(maskText(text)).toBe(text);
  });
});

describe('values', () => {
  test('leaves its argument alone and takes `__proto__` for a key', () => {
    const value = JSON.parse(`{"__proto__":{"pin":1},"a":["${PAN}"]}`);
    const before = JSON.stringify(value);
    const masked = maskValue(value);
    expect(JSON.stringify(masked)).toBe(`{"__proto__":{"pin":"***"},"a":["${HIDDEN}"]}`);
    expect(JSON.stringify(value)).toBe(before);
    expect(Object.getPrototypeOf(masked)).toBe(Object.prototype);
  });

  test('ends at a depth of 100, at circles, and after 100 000 values', () => {
    let deep: unknown = 'x';
    for (let depth = 0; depth < 5000; depth++) deep = [deep];
    expect(JSON.stringify(maskValue(deep))).toBe(`${'['.repeat(100)}"***"${']'.repeat(100)}`);
    const circle: { a?: unknown; b?: unknown } = {};
    circle.a = circle;
    circle.b = circle;
    expect(JSON.stringify(maskValue(circle)).length).toBeLessThan(2_000_000);
  });

  test('makes JSON of everything', () => {
    const value = {
      f: () => 1,
      s: Symbol('x'),
      d: new Date(0),
      b: Buffer.from('ab'),
      e: new Error(PAN),
      n: 1n,
      u: undefined,
    };
    expect(JSON.parse(JSON.stringify(maskValue(value)))).toEqual({
      f: '<function>',
      s: '<symbol>',
      d: '1970-01-01T00:00:00.000Z',
      b: '<2 bytes>',
      e: HIDDEN,
      n: '1',
    });
  });
});

/** Digits as a reader of the text would see them after all decoding; an escape that is cut off shows none. */
function digitsOf(text: string): string {
  return text
    .replace(/\\+(?:u[0-9a-f]{0,3})?$/i, '')
    .replace(/\\+u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\D/g, '');
}

/** Numbers that networks issue. */
const pan = fc
  .tuple(
    fc.constantFrom(
      ...[
        '4 13',
        '4 16',
        '4 19',
        '51 16',
        '2221 16',
        '34 15',
        '36 14',
        '3528 16',
        '6011 16',
        '62 19',
        '67 12',
        '50 17',
        '2204 16',
      ],
    ),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 20, maxLength: 20 }),
  )
  .map(([issuer, digits]) => {
    const [prefix = '', length = ''] = issuer.split(' ');
    return withCheckDigit(`${prefix}${digits.join('')}`.slice(0, Number(length) - 1));
  })
  // One in ten of those with 13 digits is an article number.
  .filter((digits) => maskText(digits) !== digits);

const separated = fc
  .tuple(pan, fc.array(fc.constantFrom('', '', ' ', '-', '  ', ' - '), { minLength: 20, maxLength: 20 }))
  .map(([digits, separators]) => ({
    digits,
    text: [...digits]
      .map((d, index) => d + (separators[index] ?? ''))
      .join('')
      .trim(),
  }));

/** A JSON string literal of a text, some of whose characters are escaped. */
function literal(text: string, escapes: readonly boolean[]): string {
  const units = Array.from(text, (character, index) =>
    escapes[index % escapes.length]
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
      : character,
  );
  return `"${units.join('')}"`;
}

const PIECES = [
  ...[
    '"',
    '\\"',
    '\\\\\\"',
    '\\',
    "'",
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '=',
    '=>',
    ' ',
    '\n',
    '\\n',
    '-',
    '&',
    '?',
    '@',
    '://',
  ],
  ...[
    'pin',
    'api_key',
    '"pin":',
    '\\"mac\\":',
    'pan',
    '"card":',
    'authorization',
    'card',
    'number',
    'x',
    'D2512',
    '^',
    '***',
  ],
  ...[
    PAN,
    '4111',
    '1111 ',
    '0',
    '123456789012',
    '\\u0034',
    '\\u0022',
    '\\u005c',
    '%20',
    'true',
    '1.5e3',
    HIDDEN,
    '\ue001',
  ],
];
const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(''));
const anyText = fc.oneof(soup, fc.string({ unit: 'binary' }), fc.json());

const names = fc.constantFrom('a', 'pin', 'card', 'number', 'API-Key', 'pan', 'mapping', '__proto__', PAN);
const anyJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.jsonValue({ maxDepth: 0 }),
      fc.constantFrom(Number(PAN), PAN, '123456789012', 1e22, 123456789012),
      soup,
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(names, tie('value')), { maxLength: 4, selector: ([name]) => name })
      .map(Object.fromEntries),
    tie('value').map((value) => JSON.stringify(value)),
  ),
})).value;

describe('always', () => {
  test('no card number survives, wherever it stands and however it is written', () => {
    const place = fc.record({
      card: separated,
      escapes: fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
      name: fc.constantFrom('x', 'note', 'text', 'pan'),
      nesting: fc.array(fc.constantFrom('object', 'array', 'string', 'text'), { maxLength: 4 }),
      cut: fc.nat(40),
    });
    const property = fc.property(place, ({ card, escapes, name, nesting, cut }) => {
      let text = `{"${name}":${literal(`to ${card.text}.`, escapes)}}`;
      for (const kind of nesting) {
        if (kind === 'object') text = `{"a":${text},"b":null}`;
        if (kind === 'array') text = `["x", ${text} ]`;
        if (kind === 'string') text = `{"a":${JSON.stringify(text)}}`;
        if (kind === 'text') text = `frame "${text}" refused`;
      }
      for (const shown of [text, text.slice(0, text.length - cut), card.text, `a ${card.text} b`]) {
        expect(digitsOf(maskText(shown))).not.toContain(card.digits);
      }
      expect(digitsOf(JSON.stringify(maskValue({ a: [card.text] })))).not.toContain(card.digits);
      fc.pre(card.digits[0] !== '0');
      expect(digitsOf(JSON.stringify(maskValue([Number(card.digits)])))).not.toContain(card.digits);
      expect(digitsOf(JSON.stringify(maskValue([BigInt(card.digits)])))).not.toContain(card.digits);
    });
    fc.assert(property, { numRuns: 1500 });
  });

  test('masking twice is masking once', () => {
    const property = fc.property(anyText, (text) => {
      const once = maskText(text);
      expect(maskText(once)).toBe(once);
    });
    fc.assert(property, { numRuns: 5000 });
  });

  test('masking comes to rest by itself', () => {
    const property = fc.property(soup, (text) => {
      fc.pre(text.length > 3);
      expect(maskText(`some words, ${text}`)).not.toBe('***');
    });
    fc.assert(property, { numRuns: 3000 });
  });

  test('JSON stays JSON, and says what the masked value says', () => {
    const property = fc.property(anyJson, fc.constantFrom(undefined, 2), (value, indent) => {
      fc.pre(typeof value === 'object' && value !== null);
      const masked = maskText(JSON.stringify(value, undefined, indent));
      expect(JSON.parse(masked)).toEqual(
        JSON.parse(JSON.stringify(maskValue(JSON.parse(JSON.stringify(value))))),
      );
      expect(maskText(masked)).toBe(masked);
      expect(maskValue(maskValue(value))).toEqual(maskValue(value));
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

/** Each would take minutes if the work grew with the square of the length. */
test.each([
  '1',
  ' ',
  '1 ',
  ' 1',
  '12345-',
  'a=',
  'card=',
  "pin='",
  'pin:',
  '"a":',
  '"',
  '\\',
  '\\"',
  '{"pin":',
  '[',
  '{',
  '://',
  '://a:b/',
  '://a:b/@ ',
  '\\u0034',
  '\\u005c',
  `${PAN}^`,
  `${PAN}=2512`,
  'card 1 ',
  'a b: ',
  ': ',
  ':',
  '"{",',
  'Authorization:',
  '"pan":["',
  'pan=\\"',
])('reads 200 000 characters of %j in one go', (piece) => {
  const text = piece.repeat(200_000 / piece.length);
  for (const shown of [
    text,
    `[${text}`,
    JSON.stringify([text]),
    JSON.stringify({ a: JSON.stringify({ a: text }) }),
  ]) {
    expect(maskText(shown).length).toBeGreaterThan(0);
  }
});

describe('data of the network proxy', () => {
  const card = Buffer.from('POST / HTTP/1.1\r\n\r\npan=4111111111111111').toString('base64');

  test('is hidden where it is base64', () => {
    const text = JSON.stringify({ method: 'Data', params: { id: 1, data: card } });
    expect(maskText(text)).toBe('{"method":"Data","params":{"id":1,"data":"***"}}');
    expect(maskValue({ data: card })).toEqual({ data: '***' });
  });

  test('the data of an error, and short or written words, stay', () => {
    for (const value of [
      { data: { string_code: 'BUSY' } },
      { data: 'none' },
      { data: 'a few written words' },
    ]) {
      expect(maskValue(value)).toEqual(value);
      expect(maskText(JSON.stringify(value))).toBe(JSON.stringify(value));
    }
  });
});
