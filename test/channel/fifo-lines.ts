/** Lines whose every byte follows from their head, so that the reader can tell an intact one. */
export interface TestLine {
  readonly writer: number;
  readonly n: number;
  readonly size: number;
}

export function lineOf({ writer, n, size }: TestLine): Buffer {
  const head = `{"writer":${writer},"n":${n},"size":${size},"pad":"`;
  const bytes = Buffer.alloc(size, `${writer}.${n}|`);
  bytes.write(head);
  bytes.write('"}\n', size - 3);
  return bytes;
}

const HEAD = /^\{"writer":(\d+),"n":(\d+),"size":(\d+),/;

/** What the head of a line, without its line feed, promises; undefined if it has none. */
export function headOf(line: Buffer): TestLine | undefined {
  const head = HEAD.exec(line.toString('latin1', 0, 100));
  return head === null ? undefined : { writer: Number(head[1]), n: Number(head[2]), size: Number(head[3]) };
}

export function isIntact(line: Buffer): boolean {
  const head = headOf(line);
  return head !== undefined && lineOf(head).subarray(0, -1).equals(line);
}

/** Cuts what arrives into lines, without their line feeds. */
export class LineCollector {
  readonly lines: Buffer[] = [];
  #pieces: Buffer[] = [];

  push(chunk: Buffer): void {
    let rest = Buffer.from(chunk);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      this.lines.push(Buffer.concat([...this.#pieces, rest.subarray(0, end)]));
      this.#pieces = [];
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) this.#pieces.push(rest);
  }

  /** The line that has begun but not ended. */
  get tail(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
