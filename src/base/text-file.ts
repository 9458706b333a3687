/**
 * The text of a file that people write: UTF-8, without the byte order mark that some editors put in front of it, its
 * lines ended by LF whatever system it was written on.
 */
export function textOfFile(bytes: Buffer): string {
  const text = bytes.toString();
  const from = text.startsWith('\ufeff') ? 1 : 0;
  return text.slice(from).replaceAll('\r\n', '\n');
}
