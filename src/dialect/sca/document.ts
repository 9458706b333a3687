/** One element of an SCA document: it holds a text, or other elements. Attributes mean nothing in SCA. */
export interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

/** A whole document; its fields are the children of the root, in the order in which they were written. */
export interface ScaDocument {
  readonly root: string;
  readonly fields: readonly Element[];
}

export const REQUEST_ROOT = 'TRANSACTION';
export const RESPONSE_ROOT = 'RESPONSE';

/** Makes a field that holds a text. */
export function field(name: string, text: string): Element {
  return { name, text, children: [] };
}

/** Returns the text of the first field of this name; undefined where there is none. */
export function textOf({ fields }: ScaDocument, name: string): string | undefined {
  return fields.find((element) => element.name === name)?.text;
}

/** Whether a name may be written as an element of a document. */
export function isElementName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(name);
}

/**
 * Writes a document as SCA has it: bare XML without a declaration, `<NAME/>` where a field is empty.
 *
 * @throws RangeError where a name is no element name: callers check names that come from applications.
 */
export function encodeDocument({ root, fields }: ScaDocument): Buffer {
  return Buffer.from(elementText({ name: root, text: '', children: fields }));
}

function elementText({ name, text, children }: Element): string {
  if (!isElementName(name)) throw new RangeError('a field has a name that XML does not take');
  const inner = children.length > 0 ? children.map(elementText).join('') : escapeText(text);
  return inner === '' ? `<${name}/>` : `<${name}>${inner}</${name}>`;
}

/** A carriage return is written as a reference, since readers turn a bare one into a line feed. */
function escapeText(text: string): string {
  return text.replace(ESCAPED, (character) => REFERENCES[character] ?? '\ufffd');
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#13;',
};

/** Characters that need a reference, and those that no XML 1.0 document can hold. */
const ESCAPED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[&<>\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
