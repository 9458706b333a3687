import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Element, encodeDocument, field, type ScaDocument } from '../../../src/dialect/sca/document.ts';
import { byteByByte, everySplit } from '../../kit/splits.ts';
import { readMessages, readStream } from './document-kit.ts';

const FIXTURES = path.join(import.meta.dirname, '../../fixtures/sca');
const sample = (name: string) => readFileSync(path.join(FIXTURES, name));
const bytes = (text: string) => Buffer.from(text);

const START: ScaDocument = {
  root: 'TRANSACTION',
  fields: [
    field('FUNCTION_TYPE', 'SESSION'),
    field('COMMAND', 'START'),
    field('BUSINESSDATE', '20210709'),
    field('SWIPE_AHEAD', '1'),
    field('TRAINING_MODE', '0'),
    field('INVOICE', '123456'),
  ],
};
const STARTED: ScaDocument = {
  root: 'RESPONSE',
  fields: [
    field('RESPONSE_TEXT', 'Session Started'),
    field('RESULT', 'OK'),
    field('RESULT_CODE', '-1'),
    field('TERMINATION_STATUS', 'SUCCESS'),
    field('TRAINING_MODE', 'OFF'),
  ],
};
const A: ScaDocument = { root: 'A', fields: [field('B', 'c')] };

describe('documents in a stream', () => {
  test('the samples of the documentation are read, cut at any byte', () => {
    for (const [file, document] of [
      ['start.xml', START],
      ['start-response.xml', STARTED],
    ] as const) {
      for (const chunks of everySplit(sample(file))) expect(readStream(chunks)).toEqual([document]);
      expect(readStream(byteByByte(sample(file)))).toEqual([document]);
      expect(readMessages([sample(file)])).toEqual([document]);
    }
  });

  test('a document ends with the closing tag of its root, whatever follows', () => {
    const two = Buffer.concat([sample('start.xml'), sample('start-response.xml')]);
    for (const chunks of everySplit(two)) expect(readStream(chunks)).toEqual([START, STARTED]);
    expect(readStream([bytes('<A><B>c</B></A><A><B>c</B></A>')])).toEqual([A, A]);
  });

  test('what stands before the first < is skipped, a byte order mark too', () => {
    for (const junk of ['????', '\r\n\r\n', '\ufeff', 'rubbish\ufeff', ''])
      for (const chunks of everySplit(bytes(`${junk}<A><B>c</B></A>`)))
        expect(readStream(chunks)).toEqual([A]);
    const bytesThatAreNoText = Buffer.concat([Buffer.from([0xff, 0xc3, 0x00]), bytes('<A><B>c</B></A>')]);
    expect(readStream([bytesThatAreNoText])).toEqual([A]);
  });

  test('a declaration, comments, CDATA and attributes are understood, in any case of layout', () => {
    const text =
      '<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- > --><A x="1>2">\r\n  <B><![CDATA[c]]></B>\r\n</A>';
    for (const chunks of everySplit(bytes(text))) expect(readStream(chunks)).toEqual([A]);
  });

  test('an empty field may be written in both ways', () => {
    const empty = { root: 'A', fields: [field('MAC', '')] };
    expect(readStream([bytes('<A><MAC/></A><A><MAC></MAC></A>')])).toEqual([empty, empty]);
    expect(String(encodeDocument(empty))).toBe('<A><MAC/></A>');
  });

  test('character references are decoded, and a value keeps its spaces', () => {
    const [read] = readStream([bytes('<A><B> 1 &lt;&amp;&gt;&quot;&apos;&#13;&#x41;</B></A>')]);
    expect(read).toEqual({ root: 'A', fields: [field('B', ' 1 <&>"\'\rA')] });
  });

  test('non-ASCII text survives a cut inside a character', () => {
    const document = { root: 'A', fields: [field('B', 'Grüße 日本 \u{1f600}')] };
    for (const chunks of everySplit(encodeDocument(document))) {
      expect(readStream(chunks)).toEqual([document]);
      expect(readMessages(chunks)).toEqual([document]);
    }
  });

  test('fields in fields keep their order', () => {
    const item = (name: string, id: string): Element => ({
      name,
      text: '',
      children: [field('LINE_ITEM_ID', id)],
    });
    const document: ScaDocument = {
      root: 'TRANSACTION',
      fields: [
        {
          name: 'LINE_ITEMS',
          text: '',
          children: [item('MERCHANDISE', '1'), item('OFFER', '2'), item('MERCHANDISE', '3')],
        },
      ],
    };
    expect(readStream([encodeDocument(document)])).toEqual([document]);
  });
});

describe('documents in messages', () => {
  test('two documents in one message are two', () => {
    expect(readMessages([bytes('<A><B>c</B></A>\n<A><B>c</B></A>')])).toEqual([A, A]);
  });

  test('a document may be spread over two messages, cut at any byte', () => {
    for (const messages of everySplit(sample('start.xml'))) expect(readMessages(messages)).toEqual([START]);
  });

  test('a message that begins with a root is a new document, even if the one before was not finished', () => {
    const cut = sample('start.xml').subarray(0, 60);
    expect(readMessages([cut, sample('start.xml')])).toEqual([
      'a document was not finished before the next one began',
      START,
    ]);
  });

  test('a message that is no document costs itself alone', () => {
    expect(readMessages([bytes('<A><B></A>'), bytes('<A><B>c</B></A>')])).toEqual([
      'the document is not well-formed XML',
      A,
    ]);
  });
});

describe('what is refused', () => {
  const refused = (text: string, limit?: number) => readStream([bytes(text)], limit);

  test('a DTD, and entities other than the five of XML', () => {
    expect(refused('<!DOCTYPE A [<!ENTITY x "y">]><A><B>&x;</B></A>')).toEqual(['the document has a DTD']);
    expect(refused('<!DOCTYPE A SYSTEM "file:///etc/passwd"><A/>')).toEqual(['the document has a DTD']);
    expect(refused('<A><B>&x;</B></A>')).toEqual(['the document is not well-formed XML']);
  });

  test('what is not well-formed', () => {
    const wrong = [
      '<A><B></A></B>',
      '<A a=1/>',
      '<A><B>\u0001</B></A>',
      '<1/>',
      '<A>&#0;</A>',
      '</A>',
      '<A x="1" x="2"/>',
    ];
    for (const text of wrong) expect(refused(text)).toEqual(['the document is not well-formed XML']);
  });

  test('too many levels and too many elements', () => {
    expect(refused('<A>'.repeat(17))).toEqual(['the document is nested deeper than 16']);
    expect(refused(`<A>${'<B/>'.repeat(20_001)}`)).toEqual(['the document has more than 20000 elements']);
  });

  test('a document that is a character too long, also when it comes in small pieces', () => {
    const text = `<A><B>${'x'.repeat(50)}</B></A>`;
    for (const chunks of [[bytes(text)], byteByByte(bytes(text))]) {
      expect(readStream(chunks, text.length)).toHaveLength(1);
      expect(readStream(chunks, text.length)[0]).toMatchObject({ root: 'A' });
      expect(readStream(chunks, text.length - 1)).toEqual([
        `the document is longer than ${text.length - 1} characters`,
      ]);
    }
  });

  test('a stream is read no further after a document that is none', () => {
    expect(refused('<A><B></A><A><B>c</B></A>')).toEqual(['the document is not well-formed XML']);
  });
});

describe('the encoder', () => {
  test('writes as the sample of the documentation, without its line breaks', () => {
    expect(String(encodeDocument(START))).toBe(sample('start.xml').toString().replaceAll('\n', ''));
  });

  test('refuses a name that is no element', () => {
    for (const name of ['', '1A', 'A B', 'A>', 'Ä', 'x'.repeat(65)])
      expect(() => encodeDocument({ root: 'A', fields: [field(name, '')] })).toThrow(RangeError);
  });

  test('whatever a text holds, it is read again; what XML has no words for becomes U+FFFD', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(200), (text, cut) => {
        const encoded = encodeDocument({ root: 'A', fields: [field('B', text)] });
        const at = Math.min(cut, encoded.length);
        const [read] = readStream([encoded.subarray(0, at), encoded.subarray(at)]);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
        const expected = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
        expect(read).toEqual({ root: 'A', fields: [field('B', expected)] });
      }),
      { numRuns: 500 },
    );
  });
});
