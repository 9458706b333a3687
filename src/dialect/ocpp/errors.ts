/** The complete list of OCPP 1.6. `Occurence` has one r there: a typo that was kept on purpose. */
export const ERROR_CODES = [
  'NotImplemented',
  'NotSupported',
  'InternalError',
  'ProtocolError',
  'SecurityError',
  'FormationViolation',
  'PropertyConstraintViolation',
  'OccurenceConstraintViolation',
  'TypeConstraintViolation',
  'GenericError',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What OCPP 2.x calls two of them; understood, never sent. */
const OTHER_NAMES: Readonly<Record<string, ErrorCode>> = {
  FormatViolation: 'FormationViolation',
  OccurrenceConstraintViolation: 'OccurenceConstraintViolation',
};

/** The code that a peer or an application wrote; undefined when the list has none of that name. */
export function readErrorCode(text: unknown): ErrorCode | undefined {
  if (typeof text !== 'string') return undefined;
  return (ERROR_CODES as readonly string[]).includes(text) ? (text as ErrorCode) : OTHER_NAMES[text];
}

/** Why a CALL is refused, in the protocol's words. `description` quotes no value of the CALL. */
export interface CallFault {
  readonly code: ErrorCode;
  readonly description: string;
}

/** Longest `errorDescription`, characters. */
export const MAX_DESCRIPTION = 255;
