import { SaxesParser } from 'saxes';
import { type Element, REQUEST_ROOT, RESPONSE_ROOT, type ScaDocument } from './document.ts';

export interface ReaderLimits {
  /** Characters of one document. */
  readonly maxCharacters: number;
}

export interface DocumentSink {
  document(document: ScaDocument): void;
  /** Bytes came that are no document. On a stream nothing more is read; a message is given up. */
  rejected(why: string): void;
}

const MAX_DEPTH = 16;
const MAX_ELEMENTS = 20_000;

/**
 * Finds documents in a stream of bare XML, where nothing but the closing tag of the root says that one is complete.
 *
 * What stands before the first `<` of a document is skipped: line breaks, a byte order mark, rubbish. The XML itself is
 * read strictly by `saxes`, which is fed up to each `>` and so cannot run into the next document. A DTD is refused,
 * entities other than the five of XML do not exist, character references are decoded. Every character is looked at a
 * fixed number of times.
 */
export class DocumentReader {
  readonly #maxCharacters: number;
  #utf8 = new TextDecoder('utf-8');
  /** Undefined between documents. */
  #open: OpenDocument | undefined;
  #isBroken = false;
  #documents = 0;

  constructor({ maxCharacters }: ReaderLimits) {
    this.#maxCharacters = maxCharacters;
  }

  /** Whether a document has begun and is not complete. */
  get isInside(): boolean {
    return this.#open !== undefined;
  }

  /** Whole documents so far. */
  get documents(): number {
    return this.#documents;
  }

  /** Takes a piece of a stream. */
  push(chunk: Uint8Array, sink: DocumentSink): void {
    if (this.#isBroken) return;
    const fault = this.#read(this.#utf8.decode(chunk, { stream: true }), sink);
    if (fault === undefined) return;
    this.stop();
    sink.rejected(fault);
  }

  /**
   * Takes a whole message. A document may go on in the next one; but a message that begins with a root is a new
   * document, and what was incomplete before it is rejected.
   */
  pushMessage(message: Uint8Array, sink: DocumentSink): void {
    if (this.#isBroken) return;
    const text = this.#utf8.decode(message, { stream: true });
    if (this.#open !== undefined && ROOT_BEGINS.test(text)) {
      this.#open = undefined;
      sink.rejected('a document was not finished before the next one began');
    }
    const fault = this.#read(text, sink);
    if (fault === undefined) return;
    this.#open = undefined;
    this.#utf8 = new TextDecoder('utf-8');
    sink.rejected(fault);
  }

  /** Reads nothing more. */
  stop(): void {
    this.#isBroken = true;
    this.#open = undefined;
  }

  /** Returns why the text is no document, if it is not. */
  #read(text: string, sink: DocumentSink): string | undefined {
    let at = 0;
    while (at < text.length && !this.#isBroken) {
      if (this.#open === undefined) {
        at = text.indexOf('<', at);
        if (at === -1) return undefined;
        this.#open = new OpenDocument(this.#maxCharacters);
      }
      const end = text.indexOf('>', at);
      const until = end === -1 ? text.length : end + 1;
      const fault = this.#open.write(text.slice(at, until));
      if (fault !== undefined) return fault;
      at = until;
      const { complete } = this.#open;
      if (complete === undefined) continue;
      this.#open = undefined;
      this.#documents += 1;
      sink.document(complete);
    }
    return undefined;
  }
}

const ROOT_BEGINS = new RegExp(`^[^<]*<(?:\\?xml|${REQUEST_ROOT}>|${RESPONSE_ROOT}>)`);

interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: Element[];
}

/** One document while it is being read. */
class OpenDocument {
  readonly #parser = new SaxesParser({ position: false });
  readonly #maxCharacters: number;
  readonly #stack: OpenElement[] = [];
  #characters = 0;
  #elements = 0;
  #fault: string | undefined;
  #complete: ScaDocument | undefined;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
    const addText = (text: string) => {
      const top = this.#stack.at(-1);
      if (top !== undefined) top.text += text;
    };
    this.#parser.on('opentag', ({ name }) => this.#opened(name));
    this.#parser.on('closetag', () => this.#closed());
    this.#parser.on('text', addText);
    this.#parser.on('cdata', addText);
    this.#parser.on('doctype', () => this.#fail('the document has a DTD'));
    // The parser's own words may quote the document, which may hold card data.
    this.#parser.on('error', () => this.#fail('the document is not well-formed XML'));
  }

  get complete(): ScaDocument | undefined {
    return this.#complete;
  }

  /** @returns why it is no document, if it is not. */
  write(text: string): string | undefined {
    this.#characters += text.length;
    if (this.#characters > this.#maxCharacters)
      return `the document is longer than ${this.#maxCharacters} characters`;
    this.#parser.write(text);
    return this.#fault;
  }

  #opened(name: string): void {
    this.#elements += 1;
    if (this.#stack.length >= MAX_DEPTH) this.#fail(`the document is nested deeper than ${MAX_DEPTH}`);
    else if (this.#elements > MAX_ELEMENTS) this.#fail(`the document has more than ${MAX_ELEMENTS} elements`);
    else this.#stack.push({ name, text: '', children: [] });
  }

  #closed(): void {
    if (this.#fault !== undefined) return;
    const element = this.#stack.pop();
    if (element === undefined) return;
    const { name, text, children } = element;
    const parent = this.#stack.at(-1);
    if (parent === undefined) this.#complete = { root: name, fields: children };
    // Between an element's children there is only layout.
    else parent.children.push({ name, text: children.length > 0 ? '' : text, children });
  }

  #fail(why: string): void {
    this.#fault ??= why;
  }
}
