import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeString, kindOf, MemberScanner, type ScanResult, scanObject } from '../../src/rpc/scan.ts';
import { mutated, seededRandom } from '../kit/random.ts';

const NAMES = ['a', 'id', 'params'];

function scan(text: string, names: readonly string[] = NAMES): ScanResult {
  return scanObject(Buffer.from(text), names);
}

function found(text: string, names: readonly string[] = NAMES): (string | undefined)[] {
  const result = scan(text, names);
  expect(result.ok).toBe(true);
  return result.values.map((value) => value?.toString());
}

/** What JSON.parse makes of the bytes; `undefined` when they are no JSON. */
function parsed(text: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text)) };
  } catch {
    return undefined;
  }
}

/** Throws unless the scanner and JSON.parse agree about a text. */
function compare(text: Buffer): 'not-json' | 'not-object' | 'duplicate' | 'ok' {
  const result = scanObject(text, NAMES);
  const reference = parsed(text);
  const verdict = result.ok ? 'ok' : result.fault;
  const expected =
    reference === undefined
      ? ['not-json']
      : typeof reference.value !== 'object' || reference.value === null || Array.isArray(reference.value)
        ? ['not-object']
        : ['ok', 'duplicate'];
  if (!expected.includes(verdict)) {
    throw new Error(`${verdict}, not ${expected}: ${JSON.stringify(text.toString('latin1'))}`);
  }
  if (verdict === 'ok') {
    const members = reference?.value as Record<string, unknown>;
    for (const [index, name] of NAMES.entries()) {
      const value = result.values[index];
      const isOwn = Object.hasOwn(members, name);
      if (isOwn !== (value !== undefined)) throw new Error(`${name}: ${text.toString('latin1')}`);
      if (value !== undefined) expect(JSON.parse(value.toString())).toStrictEqual(members[name]);
    }
  }
  return verdict;
}

describe('finds members', () => {
  test('as they are written, without the space around them', () => {
    expect(found(' {"a" :\t1.50e+1 ,\r\n"params": { "x" : [ 1 , 2 ] } , "id":"\\u0041"} ')).toEqual([
      '1.50e+1',
      '"\\u0041"',
      '{ "x" : [ 1 , 2 ] }',
    ]);
  });

  test('behind keys that are written with escapes', () => {
    expect(found('{"\\u0069d":7,"\\u0061":null}')).toEqual(['null', '7', undefined]);
    expect(found('{"\\u0069\\u0064x":7}')).toEqual([undefined, undefined, undefined]);
  });

  test('at the top level only', () => {
    expect(found('{"x":{"a":1,"id":{"params":2}},"y":[{"a":3}]}')).toEqual([undefined, undefined, undefined]);
    expect(found('{"params":{"a":1,"id":2},"id":3}')).toEqual([undefined, '3', '{"a":1,"id":2}']);
  });

  test('as slices of the input', () => {
    const text = Buffer.from('{"a":[1]}');
    const [value] = scanObject(text, ['a']).values;
    text.write('2', 6);
    expect(value?.toString()).toBe('[2]');
  });

  test('whatever words are asked for', () => {
    expect(found('{"__proto__":1,"constructor":2}', ['constructor', '__proto__'])).toEqual(['2', '1']);
    expect(found('{"":1}', [''])).toEqual(['1']);
    expect(found('{"toString":1,"valueOf":2}', [])).toEqual([]);
  });

  test.each([
    ['{}', 1],
    ['{"a":1}', 1],
    ['{"a":{},"b":[]}', 2],
    ['{"a":[[[]]],"b":{"c":1}}', 4],
  ])('counts the depth of %s as %i', (text, depth) => {
    expect(scan(text)).toMatchObject({ ok: true, depth });
  });
});

describe('refuses', () => {
  test.each([
    ['', 0],
    ['   ', 3],
    ['\ufeff{}', 0],
    ['{', 1],
    ['{"a"', 4],
    ['{"a":', 5],
    ['{"a":1', 6],
    ['{"a":1,', 7],
    ['{"a":1,}', 7],
    ['{,}', 1],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['{"a" 1}', 5],
    ['{"a":1 "b":2}', 7],
    ['{"a":[1,]}', 8],
    ['{"a":[,1]}', 6],
    ['{"a":[1}]', 7],
    ['{"a":(1)}', 5],
    ['{"a":01}', 6],
    ['{"a":-}', 6],
    ['{"a":+1}', 5],
    ['{"a":.5}', 5],
    ['{"a":1.}', 7],
    ['{"a":1e}', 7],
    ['{"a":1e+}', 8],
    ['{"a":tru}', 8],
    ['{"a":nullx}', 9],
    ['{"a":NaN}', 5],
    ['{"a":"\t"}', 6],
    ['{"a":"\u0000"}', 6],
    ['{"a":"\\x"}', 7],
    ['{"a":"\\u12g4"}', 10],
    ['{"a":"\\u12', 10],
    ['{"a":"\\', 7],
    ['{"a":"x', 7],
    ['{}x', 2],
    ['{}{}', 2],
    ['{"a":1}\u0000', 7],
    ['{"a":1}\v', 7],
    ['// {}', 0],
  ])('%j at byte %i', (text, offset) => {
    expect(parsed(Buffer.from(text))).toBeUndefined();
    expect(scan(text)).toMatchObject({ ok: false, fault: 'not-json', offset });
  });

  test.each(['[]', '[{"a":1},{"a":1}]', '"text"', '1', '-0.1e-7', 'true', 'null', ' [ ] '])(
    '%s as no object',
    (text) => {
      expect(scan(text)).toMatchObject({ ok: false, fault: 'not-object' });
    },
  );

  test.each([
    ['a byte that is not UTF-8', [0xff]],
    ['a character that is cut', [0xc3]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('%s', (_, bytes) => {
    const text = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
    expect(scanObject(text, NAMES)).toMatchObject({
      ok: false,
      fault: 'not-json',
      why: 'the text is not UTF-8',
    });
  });

  test('without quoting the text', () => {
    for (const text of [
      '{"pan":4111111111111111x}',
      '{"pan":"4111111111111111',
      '{"4111111111111111":1,"4111111111111111":2}',
    ]) {
      expect(scan(text)).toMatchObject({ ok: false, why: expect.not.stringMatching(/4111/) });
    }
  });
});

describe('refuses a top-level member that is given twice', () => {
  test.each([
    ['{"a":1,"a":1}', 7],
    ['{"x":1,"y":2,"x":3}', 13],
    ['{"id":1,"\\u0069d":2}', 8],
    ['{"\\u0069d":1,"id":2}', 13],
    ['{"x\\n":1,"x\\u000a":2}', 9],
    ['{"ä":1,"\\u00E4":2}', 8],
    ['{"/":1,"\\/":2}', 7],
    ['{"":1,"":2}', 6],
    ['{"__proto__":1,"__proto__":2}', 15],
    ['{"\\ud800":1,"\\uD800":2}', 12],
  ])('%s', (text, offset) => {
    expect(scan(text)).toMatchObject({ ok: false, fault: 'duplicate', offset });
  });

  test('but still gives the members that are given once', () => {
    const result = scan('{"id":7,"a":1,"x":2,"a":3,"x":4,"a":5}');
    expect(result.values.map((value) => value?.toString())).toEqual([undefined, '7', undefined]);
  });

  test('and says so only of a text that is JSON', () => {
    expect(scan('{"a":1,"a":2,}')).toMatchObject({ ok: false, fault: 'not-json', offset: 13 });
  });

  test('but not one further down', () => {
    expect(found('{"a":{"b":1,"b":2}}')[0]).toBe('{"b":1,"b":2}');
  });

  test('among very many', () => {
    const keys = Array.from({ length: 40_000 }, (_, index) => `"k${index}":0`);
    expect(scan(`{${keys.join(',')}}`).ok).toBe(true);
    expect(scan(`{${keys.join(',')},"\\u006b0":0}`)).toMatchObject({ ok: false, fault: 'duplicate' });
  });
});

describe('takes any depth', () => {
  const LENGTH = 262_134;

  test.each(['[', '{"a":', '{"a":[', ' [ '])('of %j without an end', (piece) => {
    const text = Buffer.alloc(LENGTH, piece);
    expect(scanObject(text, NAMES)).toMatchObject({ ok: false, fault: 'not-json' });
  });

  test('that is closed again', () => {
    const half = 100_000;
    const text = `{"a":${'['.repeat(half)}${']'.repeat(half)}}`;
    expect(scan(text)).toMatchObject({ ok: true, depth: half + 1 });
    expect(scan(`{"a":${'[{"a":'.repeat(half)}1${'}]'.repeat(half)}}`)).toMatchObject({
      depth: 2 * half + 1,
    });
  });

  test('and notices a wrong bracket there', () => {
    const text = `{"a":${'['.repeat(5000)}${']'.repeat(4000)}}${']'.repeat(999)}}`;
    expect(scan(text)).toMatchObject({ ok: false, fault: 'not-json', offset: 5 + 5000 + 4000 });
  });
});

describe('reads long strings', () => {
  test.each(['"', '\\', '\n', '\u0000', '\u001f', ' ', '\u007f', 'ä', '\u{1f600}'])(
    'with %j at any place as JSON.parse does',
    (special) => {
      for (let length = 40; length < 160; length += 1) {
        const filler = 'ö'.repeat(length & 3) + 'x'.repeat(length);
        compare(Buffer.from(`{"a":"${filler}${special}${'y'.repeat(20)}","id":"z"}`));
        compare(Buffer.from(`{"a":"${filler}${special}"}`));
      }
    },
  );

  test.each(['"', '\\', '\\u00e4', '\n', '\u001f', ' ', 'ä', '\u{1f600}'])(
    'with %j at any place of a long text as JSON.parse does',
    (special) => {
      for (let length = 2000; length < 2100; length += 1) {
        compare(Buffer.from(`{"a":"${'x'.repeat(length)}${special}y","id":"${special}z"}`));
        compare(Buffer.from(`{"a":"ö${special}${'x'.repeat(length)}","id":["${special}"]}`));
        compare(Buffer.from(`{"${'x'.repeat(length)}${special}":1,"id":"z"}`));
      }
    },
  );

  test('that are not UTF-8, wherever that is', () => {
    for (const filler of ['', 'x'.repeat(100), 'x'.repeat(3000), 'ä'.repeat(2000)]) {
      const text = Buffer.from(`{"a":"${filler}-${filler}","id":1}`);
      text[text.indexOf('-')] = 0xff;
      expect(compare(text)).toBe('not-json');
      expect(scanObject(text, NAMES)).toMatchObject({ offset: 0, why: 'the text is not UTF-8' });
    }
  });

  test('with every byte behind a long run', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      for (let at = 96; at < 104; at += 1) {
        const text = Buffer.from(`{"a":"${'x'.repeat(160)}"}`);
        text[at] = byte;
        compare(text);
      }
    }
  });
});

describe('agrees with JSON.parse', () => {
  const ALPHABET = Buffer.from('{}[]":,\\/ubntf0123456789-+.eE \n\t\rtruefalsn\u0000\u001fäA');
  const SEEDS = [
    '{"jsonrpc":"2.0","id":"pos-1-1","method":"Purchase","params":{"amount":123,"currency":"EUR"}}',
    '{"a":-0.5e-7,"id":[true,false,null,[],{}],"params":{"x":"\\ud83d\\ude00\\n\\/","y":"ä€😀"}}',
    '{ "a" : 1 , "id" : 2 , "params" : 3 , "id2" : 4 }',
    '[1,2,{"a":"b"}]',
    '{"a":0,"b":1e5,"c":"\\u0000\\"\\\\"}',
  ].map((text) => Buffer.from(text));

  test('about 100 000 mutations of JSON', () => {
    const random = seededRandom(20_300_101);
    const verdicts = { ok: 0, duplicate: 0, 'not-json': 0, 'not-object': 0 };
    for (let count = 0; count < 100_000; count += 1) {
      const seed = SEEDS[count % SEEDS.length] ?? Buffer.alloc(0);
      verdicts[compare(mutated(seed, random, ALPHABET))] += 1;
    }
    expect(Math.min(...Object.values(verdicts))).toBeGreaterThan(100);
  });

  test('about random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => void compare(Buffer.from(bytes))),
      { seed: 1, numRuns: 20_000 },
    );
    const likely = fc.array(fc.constantFrom(...ALPHABET), { maxLength: 12 });
    fc.assert(
      fc.property(likely, (bytes) => void compare(Buffer.from(bytes))),
      { seed: 2, numRuns: 50_000 },
    );
  });

  test('about values, and measures their depth', () => {
    const member = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), member), member, (others, value) => {
        const whole = { ...others, params: value };
        const result = scan(JSON.stringify(whole));
        expect(result).toMatchObject({ ok: true, depth: depthOf(whole) });
        expect(JSON.parse(String(result.values[2]))).toEqual(JSON.parse(JSON.stringify(value)));
        compare(Buffer.from(JSON.stringify(whole, null, '\t')));
      }),
      { seed: 3, numRuns: 2000 },
    );
  });
});

describe('a scanner that is used again', () => {
  const scanner = new MemberScanner(NAMES);

  test('knows only what was in the last text', () => {
    const first = Buffer.from('{"a":[[1]],"id":"x","params":{}}');
    expect(scanner.scan(first)).toBeUndefined();
    expect([0, 1, 2].map((index) => scanner.kindOf(first, index))).toEqual(['array', 'string', 'object']);
    expect(first.toString('latin1', scanner.begin(1), scanner.end(1))).toBe('"x"');
    expect(scanner.depth).toBe(3);

    const second = Buffer.from('{"id":2}');
    expect(scanner.scan(second)).toBeUndefined();
    expect([0, 1, 2].map((index) => scanner.has(index))).toEqual([false, true, false]);
    expect([0, 1].map((index) => scanner.value(second, index)?.toString())).toEqual([undefined, '2']);
    expect([0, 1].map((index) => scanner.kindOf(second, index))).toEqual([undefined, 'number']);
    expect(scanner.depth).toBe(1);
  });

  test('checks the UTF-8 of every text', () => {
    expect(scanner.scan(Buffer.from('{"a":"ä"}'))).toBeUndefined();
    expect(scanner.scan(Buffer.from('{"a":"ä"}', 'latin1'))).toMatchObject({ why: 'the text is not UTF-8' });
  });

  test('tells names of one length and first letter apart', () => {
    const names = ['id', 'ib', 'ia', 'i', ''];
    const text = Buffer.from('{"ia":0,"i":1,"id":2,"":3,"ic":4}');
    const alike = new MemberScanner(names);
    expect(alike.scan(text)).toBeUndefined();
    expect(names.map((_, index) => alike.value(text, index)?.toString())).toEqual([
      '2',
      undefined,
      '0',
      '1',
      '3',
    ]);
  });
});

test('says which kind of value a text is', () => {
  const kinds = ['{}', '[]', '""', '0', '-1', 'true', 'false', 'null'].map((text) =>
    kindOf(Buffer.from(text)),
  );
  expect(kinds).toEqual(['object', 'array', 'string', 'number', 'number', 'word', 'word', 'word']);
});

test('decodes string literals', () => {
  expect(['""', '"ä"', '"\\u00e4\\n"', '"\\ud800"'].map(decodeString)).toEqual(['', 'ä', 'ä\n', '\ud800']);
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
