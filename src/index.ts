/** The library: the parts that programs of others may build on. */
export { BridgeError, type BridgeErrorCode } from './base/errors.ts';
export { maskText, maskValue } from './base/mask.ts';
export { encodeFrame, type FrameSink, JsonposDecoder } from './dialect/jsonpos/frame.ts';
export type { Endpoint } from './endpoint/endpoint.ts';
export { parseEndpoint } from './endpoint/parse.ts';
export { memoryWirePair } from './wire/memory.ts';
export type { Peer, Wire, WireEvents } from './wire/wire.ts';
