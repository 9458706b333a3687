import type { Framing } from '../../base/framing.ts';
import type { Inspector, ReaderSink, SeenMessage, WireReader } from '../inspecting.ts';
import { encodeDocument, REQUEST_ROOT, type ScaDocument, textOf } from './document.ts';
import { DocumentReader } from './document-reader.ts';
import { documentJson, readFields } from './json-fields.ts';

const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Reads documents, as JSON: masking knows what a field is by its name. */
export const inspector: Inspector = {
  isText: true,
  frame: documentOf,
  open: (framing) => [new ScaReader(framing), new ScaReader(framing)],
};

/** The document of its JSON. */
function documentOf(json: string): Buffer | undefined {
  const [[root, members] = []] = Object.entries(JSON.parse(json) as Record<string, unknown>);
  const read = readFields(Buffer.from(JSON.stringify(members)));
  return root !== undefined && read.ok ? encodeDocument({ root, fields: read.fields }) : undefined;
}

class ScaReader implements WireReader {
  readonly #framing: Framing;
  #reader = new DocumentReader({ maxCharacters: MAX_CHARACTERS });

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  push(bytes: Buffer, sink: ReaderSink): void {
    const documents = {
      document: (document: ScaDocument) => sink.message(seen(document)),
      rejected: (why: string) => {
        // The next document begins at the next root.
        this.#reader = new DocumentReader({ maxCharacters: MAX_CHARACTERS });
        sink.wrong(why);
      },
    };
    if (this.#framing === 'stream') this.#reader.push(bytes, documents);
    else this.#reader.pushMessage(bytes, documents);
  }

  end(sink: ReaderSink): void {
    if (this.#reader.isInside) sink.wrong('the record ends inside a document');
  }
}

function seen(document: ScaDocument): SeenMessage {
  const text = documentJson(document);
  const id = textOf(document, 'POS_RECON');
  const known = id === undefined || id === '' ? {} : { id };
  if (document.root === REQUEST_ROOT) {
    const name = [textOf(document, 'FUNCTION_TYPE'), textOf(document, 'COMMAND')].filter(Boolean).join('.');
    return { kind: 'request', name, ...known, text };
  }
  const isGood = textOf(document, 'TERMINATION_STATUS') === 'SUCCESS';
  const name = textOf(document, 'RESULT') ?? textOf(document, 'RESPONSE_TEXT') ?? document.root;
  return { kind: isGood ? 'result' : 'error', name, ...known, text };
}
