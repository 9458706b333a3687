import { describe, expect, test } from 'vitest';
import { encodeDocument } from '../../../src/dialect/sca/document.ts';
import { membersOf, readFields, repeatedName } from '../../../src/dialect/sca/json-fields.ts';
import { readStream } from './document-kit.ts';

const fieldsOf = (xml: string) => {
  const [read] = readStream([Buffer.from(`<T>${xml}</T>`)]);
  if (read === undefined || typeof read === 'string') throw new Error('no document');
  return read.fields;
};
const jsonOf = (xml: string) => `{${membersOf(fieldsOf(xml))}}`;
const xmlOf = (json: string) => {
  const read = readFields(Buffer.from(json));
  if (!read.ok) return read.why;
  return encodeDocument({ root: 'T', fields: read.fields }).toString().slice(3, -4);
};

describe('fields as JSON', () => {
  test('fields are texts, in their order, and come back the same', () => {
    for (const xml of [
      '<B>1.10</B><A>x &amp; y</A><C/>',
      '<LINE_ITEMS><MERCHANDISE><LINE_ITEM_ID>1</LINE_ITEM_ID><SKU>2</SKU></MERCHANDISE><OFFER><TYPE>x</TYPE></OFFER></LINE_ITEMS>',
      '<LINE_ITEMS><LINE_ITEM_ID>1</LINE_ITEM_ID></LINE_ITEMS>',
      '<X><Y>1</Y><Z>2</Z></X>',
      '<X><Y>1</Y><Z>2</Z><Y>3</Y></X>',
    ])
      expect(xmlOf(jsonOf(xml))).toBe(xml);
  });

  test('a list is an array of one-member objects, whether it has one or many', () => {
    expect(JSON.parse(jsonOf('<LINE_ITEMS><LINE_ITEM_ID>1</LINE_ITEM_ID></LINE_ITEMS>'))).toEqual({
      LINE_ITEMS: [{ LINE_ITEM_ID: '1' }],
    });
    expect(JSON.parse(jsonOf('<X><Y>1</Y><Z>2</Z></X>'))).toEqual({ X: { Y: '1', Z: '2' } });
    expect(JSON.parse(jsonOf('<X><Y>1</Y><Y>2</Y></X>'))).toEqual({ X: [{ Y: '1' }, { Y: '2' }] });
  });

  test('numbers keep their own text, and never pass through a double', () => {
    expect(xmlOf('{"A":1.10,"B":12345678901234567890,"C":-0,"D":"1.5 is 1.50","E":[{"F":2.00}]}')).toBe(
      '<A>1.10</A><B>12345678901234567890</B><C>-0</C><D>1.5 is 1.50</D><E><F>2.00</F></E>',
    );
  });

  test('words and arrays of texts are written as SCA has them', () => {
    expect(xmlOf('{"A":true,"B":false,"C":null,"D":["CREDIT","DEBIT"]}')).toBe(
      '<A>TRUE</A><B>FALSE</B><D>CREDIT|DEBIT</D>',
    );
  });

  test('what is no field is refused, without quoting it', () => {
    expect(xmlOf('{"a b":1}')).toBe('a member has a name that is no field of SCA');
    expect(xmlOf('{"A":[{"B":1,"C":2}]}')).toBe(
      'A is an array of something else than objects with one member each',
    );
    expect(xmlOf(`{"A":${'{"A":'.repeat(20)}1${'}'.repeat(20)}}`)).toBe('nested deeper than 16');
  });

  test('a name that comes twice is found', () => {
    expect(repeatedName(fieldsOf('<A>1</A><B/><A>2</A>'))).toBe('A');
    expect(repeatedName(fieldsOf('<A>1</A><B/>'))).toBeUndefined();
  });
});
