import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TEXT_NAMES, Texts } from '../../src/terminal/texts.ts';

let folder: string;
let texts: Texts;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-texts-'));
  texts = new Texts();
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const add = (content: string | Buffer) => {
  const file = path.join(folder, 'texts.json');
  writeFileSync(file, content);
  return texts.addFile(file);
};

test.each([
  ['en', 'Declined'],
  ['fi', 'Hylätty'],
  ['FI', 'Hylätty'],
  ['fi-FI', 'Hylätty'],
  ['fi_FI', 'Hylätty'],
  ['sv', 'Declined'],
  ['', 'Declined'],
  ['constructor', 'Declined'],
  ['__proto__', 'Declined'],
])('in the language %j a refusal is %s', (language, text) => {
  expect(texts.say(language, 'declined')).toBe(text);
});

test('every text is there in English and in Finnish, and differs', () => {
  for (const name of TEXT_NAMES) expect(texts.say('fi', name)).not.toBe(texts.say('en', name));
});

describe('a file', () => {
  test('adds languages and replaces single texts', async () => {
    await add('{"sv": {"declined": "Nekad"}, "fi": {"approved": "OK"}, "pt-br": {"declined": "Recusado"}}');
    expect(texts.say('sv-SE', 'declined')).toBe('Nekad');
    expect(texts.say('sv', 'approved')).toBe('Approved');
    expect([texts.say('fi', 'approved'), texts.say('fi', 'declined')]).toEqual(['OK', 'Hylätty']);
    expect([texts.say('pt-BR', 'declined'), texts.say('pt', 'declined')]).toEqual(['Recusado', 'Declined']);
  });

  test.each([
    ['', /Unexpected end/],
    ['[]', /it is no JSON object/],
    ['{"swedish!": {}}', /"swedish!" is no language such as sv/],
    ['{"sv": []}', /"sv" is no object of texts/],
    ['{"sv": {"constructor": "x"}}', /"sv"\."constructor": there is no such text, only welcome, /],
    ['{"sv": {"declined": ""}}', /"sv"\."declined" is no string of 1 to 200 characters/],
    ['{"sv": {"declined": 5}}', /"sv"\."declined" is no string/],
    [`{"sv": {}}${' '.repeat(65_536)}`, /it is larger than 65536 bytes/],
  ])('with %j is refused', async (content, why) => {
    await expect(add(content)).rejects.toMatchObject({ code: 'USAGE', text: expect.stringMatching(why) });
  });
});
