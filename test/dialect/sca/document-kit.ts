import type { ScaDocument } from '../../../src/dialect/sca/document.ts';
import { DocumentReader, type DocumentSink } from '../../../src/dialect/sca/document-reader.ts';

/** What a reader has found, in order: documents, and why something was rejected. */
export class FoundDocuments implements DocumentSink {
  readonly all: (ScaDocument | string)[] = [];

  document(document: ScaDocument): void {
    this.all.push(document);
  }

  rejected(why: string): void {
    this.all.push(why);
  }
}

export function readStream(chunks: readonly Buffer[], maxCharacters = 100_000): (ScaDocument | string)[] {
  const reader = new DocumentReader({ maxCharacters });
  const found = new FoundDocuments();
  for (const chunk of chunks) reader.push(chunk, found);
  return found.all;
}

export function readMessages(messages: readonly Buffer[], maxCharacters = 100_000): (ScaDocument | string)[] {
  const reader = new DocumentReader({ maxCharacters });
  const found = new FoundDocuments();
  for (const message of messages) reader.pushMessage(message, found);
  return found.all;
}
