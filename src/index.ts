/** The library: the parts that programs of others may build on. */
export type { Clock, Timer } from './base/clock.ts';
export type { CloseReason } from './base/close-reason.ts';
export { decimalsOf, formatAmount, parseAmount } from './base/currency.ts';
export { BridgeError, type BridgeErrorCode } from './base/errors.ts';
export type { LogFields, Logger, LogLevel } from './base/log.ts';
export { maskText, maskValue } from './base/mask.ts';
export type { KeepaliveOptions } from './dialect/dialect.ts';
export { encodeFrame, type FrameSink, JsonposDecoder } from './dialect/jsonpos/frame.ts';
export type { Endpoint } from './endpoint/endpoint.ts';
export { parseEndpoint } from './endpoint/parse.ts';
export type { ErrorReason, JsonObject } from './pos/answer.ts';
export type { CallOptions, WaitOptions } from './pos/calls.ts';
export type { Disconnection, KeeperState } from './pos/keeper.ts';
export { type CallResult, PosClient } from './pos/pos-client.ts';
export {
  PeerError,
  PosError,
  type PosErrorCode,
  RequestRefused,
  type SaleIdentity,
} from './pos/pos-error.ts';
export type { PosEvents } from './pos/pos-events.ts';
export type { PosClientOptions, RequestHandler, WsCredentials } from './pos/pos-options.ts';
export type { NetworkEvent, NetworkOffer, NetworkOptions } from './pos/proxy/network-offer.ts';
export type {
  ApprovedSale,
  MadeSale,
  Outcome,
  RecoveredSale,
  RecoverySummary,
  ReversalRequest,
  SaleOutcome,
  SaleProgress,
  SaleRequest,
  UnapprovedSale,
  UnknownSale,
} from './pos/sale.ts';
export type { Status, TerminalInfo } from './pos/status.ts';
export type { PeriodTotals, Totals, TotalsLine } from './pos/totals.ts';
export { memoryWirePair } from './wire/memory.ts';
export type { Peer, Wire, WireEvents } from './wire/wire.ts';
