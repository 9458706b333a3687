import { shorten } from '../../base/printable.ts';
import { stringCodeOf } from '../../rpc/error-object.ts';
import { type Action, isAction } from './actions.ts';
import { type ErrorCode, MAX_DESCRIPTION, readErrorCode } from './errors.ts';
import type { Payload } from './frame.ts';

/** A CALLERROR without its id. */
export interface CallError {
  readonly code: ErrorCode;
  readonly description: string;
  /** An object's JSON text. */
  readonly details: string;
}

interface ApplicationError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly data?: { readonly ocppCode?: unknown; readonly details?: unknown };
}

/**
 * What a charge point hears when an application, or the bridge in its place, answers its CALL with an error object. An
 * error that was made here because nobody could decide is always InternalError, so that the charge point tries again.
 */
export function callErrorOf(error: Buffer, action: string): CallError {
  const { code, message, data } = JSON.parse(error.toString()) as ApplicationError;
  const details = data?.details;
  return {
    code: readErrorCode(data?.ocppCode) ?? codeFor(code, stringCodeOf(error), action),
    description: typeof message === 'string' ? shorten(message, MAX_DESCRIPTION) : '',
    details: typeof details === 'object' && details !== null ? JSON.stringify(details) : '{}',
  };
}

function codeFor(code: unknown, stringCode: string, action: string): ErrorCode {
  if (NOBODY_DECIDED.has(stringCode)) return 'InternalError';
  switch (code) {
    case -32601:
      return isAction(action) ? 'NotSupported' : 'NotImplemented';
    case -32602:
      return 'FormationViolation';
    case -32700:
    case -32600:
    case -32603:
      return 'InternalError';
    default:
      return 'GenericError';
  }
}

/** Codes under which no application has said anything about the request itself. */
const NOBODY_DECIDED: ReadonlySet<string> = new Set([
  'CHANNEL_UNAVAILABLE',
  'CHANNEL_CLOSED',
  'TIMEOUT',
  'BUSY',
  'INTERNAL_ERROR',
  'RESPONSE_TOO_LARGE',
]);

/** Whether an application might take the same message another time. */
export function isAway(error: Buffer): boolean {
  return NOBODY_DECIDED.has(stringCodeOf(error));
}

/** The application has said that it does not know the method, or there is none for it. */
export function isUnwanted(error: Buffer): boolean {
  return stringCodeOf(error) === 'JSONRPC_METHOD_NOT_FOUND';
}

/** Why a call of an application to a charge point has no result. */
export type CallFailure =
  | 'no answer'
  | 'not connected'
  | 'lost'
  | 'queue full'
  | 'not accepted'
  | 'unknown charge point'
  | 'invalid answer'
  | 'invalid request'
  | 'unknown action';

const FAILURES: Readonly<Record<CallFailure, { code: number; stringCode: string; message: string }>> = {
  'no answer': { code: -32001, stringCode: 'TIMEOUT', message: 'the charge point did not answer' },
  'not connected': {
    code: -32002,
    stringCode: 'NOT_CONNECTED',
    message: 'the charge point is not connected',
  },
  lost: {
    code: -32003,
    stringCode: 'CONNECTION_CLOSED',
    message: 'the connection was lost; the charge point may have done it',
  },
  'queue full': { code: -32004, stringCode: 'BUSY', message: 'too many calls wait for the charge point' },
  'not accepted': {
    code: -32005,
    stringCode: 'NOT_READY',
    message: 'the charge point is not accepted, and this is not allowed before',
  },
  'unknown charge point': { code: -32006, stringCode: 'UNKNOWN_IDENTITY', message: 'no such charge point' },
  'invalid answer': {
    code: -32007,
    stringCode: 'INVALID_ANSWER',
    message: 'the charge point’s answer is invalid',
  },
  'invalid request': {
    code: -32602,
    stringCode: 'JSONRPC_INVALID_PARAMS',
    message: 'the params are not valid',
  },
  'unknown action': {
    code: -32601,
    stringCode: 'JSONRPC_METHOD_NOT_FOUND',
    message: 'no action that a central system may send',
  },
};

/** An error object for the application whose call has failed here. */
export function failureText(failure: CallFailure, chargePoint: string, details = ''): Buffer {
  const { code, stringCode, message } = FAILURES[failure];
  return errorObject(code, message, { string_code: stringCode, details, chargePoint });
}

const NUMBERS: Readonly<Record<ErrorCode, number>> = {
  NotImplemented: -32601,
  NotSupported: -32601,
  ProtocolError: -32602,
  FormationViolation: -32602,
  PropertyConstraintViolation: -32602,
  OccurenceConstraintViolation: -32602,
  TypeConstraintViolation: -32602,
  InternalError: -32603,
  SecurityError: -32010,
  GenericError: -32000,
};

/** An error object for the application whose call a charge point has answered with a CALLERROR. */
export function errorOfCallError(
  error: { readonly code: string; readonly description: string; readonly details: Payload },
  action: Action,
  chargePoint: string,
): Buffer {
  const known = readErrorCode(error.code) ?? 'GenericError';
  return errorObject(NUMBERS[known], error.description || `the charge point refused ${action}`, {
    string_code: `OCPP_${known}`,
    details: error.description,
    ocppCode: error.code || known,
    description: error.description,
    ocppDetails: error.details.value,
    chargePoint,
  });
}

function errorObject(code: number, message: string, data: object): Buffer {
  return Buffer.from(JSON.stringify({ code, message: shorten(message, 1024), data }));
}
