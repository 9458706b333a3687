/**
 * A name as one word of a NATS subject: everything but ASCII letters, digits, `-` and `_` becomes `%XX`, byte by byte,
 * in capitals. `10.0.0.5.x1` is `10%2E0%2E0%2E5%2Ex1`.
 */
export function encodeToken(name: string): string {
  if (/^[\w-]*$/.test(name)) return name;
  let encoded = '';
  for (const byte of Buffer.from(name)) {
    const character = String.fromCharCode(byte);
    const isPlain = byte < 0x80 && /[\w-]/.test(character);
    encoded += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
