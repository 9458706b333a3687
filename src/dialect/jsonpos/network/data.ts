import { decodeString, kindOf, scanObject } from '../../../rpc/scan.ts';
import { type ConnectionId, readConnectionId } from './connection-id.ts';

/**
 * `Data`: bytes of one proxied connection, both ways, a notification.
 *
 * Shape:  `{"id":CONNECTION_ID,"data":BASE64}`; `id`, where the requests about the same connection say
 *         `connection_id`. What is written is padded and without line breaks; what is read need be neither
 * Limits: what fits a frame
 */
export function dataParams(id: ConnectionId, bytes: Buffer): string {
  return `{"id":${id.text},"data":"${bytes.toString('base64')}"}`;
}

/** `bytes` is undefined where there is no string, or one that is no base64. */
export interface Data {
  readonly id: ConnectionId;
  readonly bytes: Buffer | undefined;
}

/** Undefined: it does not say which connection it is for. */
export function readData(params: Buffer): Data | undefined {
  const [writtenId, data] = scanObject(params, ['id', 'data']).values;
  const id = readConnectionId(writtenId);
  if (id === undefined) return undefined;
  return { id, bytes: data !== undefined && kindOf(data) === 'string' ? decode(data) : undefined };
}

function decode(literal: Buffer): Buffer | undefined {
  const text = decodeString(literal.toString('latin1'));
  const bytes = Buffer.from(text, 'base64');
  // Node skips what it does not know: only what comes out the same again was base64.
  const written = bytes.toString('base64');
  if (written === text) return bytes;
  const read = text.replace(/[\r\n]+/g, '');
  return read === written || read === written.replace(/=+$/, '') ? bytes : undefined;
}

/**
 * What a `Data` of `byteCount` bytes takes on a stream, framing included; the id is taken to be of the usual length.
 */
export function frameBytesOf(byteCount: number): number {
  return FRAME_BYTES + 4 * Math.ceil(byteCount / 3);
}

/** The most bytes whose `Data` takes no more than `frameBytes`, in threes: base64 pads nothing but the last. */
export function dataBytesIn(frameBytes: number): number {
  return Math.max(0, Math.floor((frameBytes - FRAME_BYTES) / 4)) * 3;
}

const FRAME_BYTES =
  '00000000:\n'.length + '{"jsonrpc":"2.0","method":"Data","params":{"id":1234567,"data":""}}'.length;
