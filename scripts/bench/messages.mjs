// What goes over the wires.

/** A JSON text as a JSONPOS frame; ASCII only. */
export function frameOf(message) {
  const json = typeof message === 'string' ? message : JSON.stringify(message);
  return Buffer.from(`${json.length.toString(16).padStart(8, '0')}:${json}\n`);
}

/** A JSON text in the framing of the Language Server Protocol. */
export function contentLengthOf(json) {
  return Buffer.from(`Content-Length: ${json.length}\r\n\r\n${json}`);
}

/** So many requests as frames in one piece, with ids of their own. */
export function requests(count, method, params = {}) {
  const frames = Array.from({ length: count }, (_, id) =>
    frameOf({ jsonrpc: '2.0', id: `pos-1-${id}`, method, params }),
  );
  return Buffer.concat(frames);
}

/** A notification of exactly so many bytes (at least 100) that looks like a receipt: many small members. */
export function notificationOf(bytes) {
  const line = { text: 'Coffee 0.2 l', quantity: 1, amount: 320, vat: '14.00', discount: null };
  const message = { jsonrpc: '2.0', method: 'PosMessage', params: { message: '', lines: [] } };
  const { params } = message;
  const size = () => JSON.stringify(message).length;
  const room = Math.floor((bytes - size()) / (JSON.stringify(line).length + 1));
  params.lines = Array.from({ length: Math.max(0, room) }, () => line);
  params.message = 'x'.repeat(bytes - size());
  return JSON.stringify(message);
}
