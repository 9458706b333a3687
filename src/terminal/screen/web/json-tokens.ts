/** A piece of JSON text that is shown in one colour. */
export interface JsonToken {
  readonly kind: 'key' | 'string' | 'other' | 'layout';
  readonly text: string;
}

const PIECE = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^"{}[\],:\s]+/gs;

/**
 * JSON text laid out over several lines. Numbers and escapes stay as they are written, and a text that was cut off
 * comes out cut off: nothing is parsed.
 */
export function layOutJson(text: string): JsonToken[] {
  const pieces = text.match(PIECE) ?? [];
  const tokens: JsonToken[] = [];
  let depth = 0;
  const put = (kind: JsonToken['kind'], piece: string) => tokens.push({ kind, text: piece });
  const breakLine = () => put('layout', `\n${'  '.repeat(depth)}`);
  for (const [index, piece] of pieces.entries()) {
    const [previous, next] = [pieces[index - 1], pieces[index + 1]];
    if (isOpening(piece)) {
      put('other', piece);
      depth += 1;
      if (!isClosing(next)) breakLine();
    } else if (isClosing(piece)) {
      depth = Math.max(0, depth - 1);
      if (!isOpening(previous)) breakLine();
      put('other', piece);
    } else if (piece === ',') {
      put('other', piece);
      breakLine();
    } else if (piece === ':') put('other', ': ');
    else if (piece.startsWith('"')) put(next === ':' ? 'key' : 'string', piece);
    else put('other', piece);
  }
  return tokens;
}

function isOpening(piece: string | undefined): boolean {
  return piece === '{' || piece === '[';
}

function isClosing(piece: string | undefined): boolean {
  return piece === '}' || piece === ']';
}
