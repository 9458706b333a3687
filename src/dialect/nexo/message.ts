import { type JsonObject, readTree, writeTree } from '../../rpc/json-tree.ts';
import { scanObject } from '../../rpc/scan.ts';
import { bodyNameOf, type MessageHeader, readHeader } from './header.ts';

/** A nexo message in the clear. */
export interface NexoMessage {
  readonly header: MessageHeader;
  /** `PaymentRequest`, `EventNotification`, … */
  readonly name: string;
  readonly body: JsonObject;
  /** Whether it came inside `SaleToPOIRequest` or `SaleToPOIResponse`. */
  readonly isWrapped: boolean;
}

/** An envelope, before anything protected in it is opened. Texts are slices of the message. */
export interface Envelope {
  readonly header: MessageHeader;
  readonly headerText: Buffer;
  readonly name: string;
  /** In the clear; missing where there is a `NexoBlob`. */
  readonly bodyText: Buffer | undefined;
  readonly blobText: Buffer | undefined;
  readonly trailer: JsonObject | undefined;
  readonly isWrapped: boolean;
}

/**
 * Why a text is no message. `header` is there where it could be read, so that it can be answered; `why` quotes nothing.
 */
export interface MessageFault {
  readonly ok: false;
  readonly why: string;
  readonly header?: MessageHeader;
}

export const MAX_DEPTH = 64;

const WRAPPERS = ['SaleToPOIRequest', 'SaleToPOIResponse'] as const;

/** Finds the parts of a message, with or without the outer wrapper. Members that nobody knows are ignored. */
export function readEnvelope(
  text: Buffer,
): { readonly ok: true; readonly envelope: Envelope } | MessageFault {
  const outer = scanObject(text, [...WRAPPERS, 'MessageHeader']);
  if (!outer.ok) return { ok: false, why: outer.why };
  if (outer.depth > MAX_DEPTH) return { ok: false, why: `nested deeper than ${MAX_DEPTH}` };
  const [request, response, bare] = outer.values;
  const wrapped = request ?? response;
  if (request !== undefined && response !== undefined)
    return { ok: false, why: 'it is a request and a response' };
  if (wrapped === undefined && bare === undefined) return { ok: false, why: 'MessageHeader is missing' };
  const inside = wrapped ?? text;
  const parts = scanObject(inside, ['MessageHeader', 'NexoBlob', 'SecurityTrailer']);
  if (!parts.ok) return { ok: false, why: parts.why };
  const [headerText, blobText, trailerText] = parts.values;
  if (headerText === undefined) return { ok: false, why: 'MessageHeader is missing' };
  const tree = readTree(headerText);
  const read = tree.ok ? readHeader(tree.value) : tree;
  if (!read.ok) return read;
  const { header } = read;
  if (wrapped !== undefined && (header.MessageType === 'Response') !== (response !== undefined)) {
    return { ok: false, why: 'MessageType contradicts the envelope', header };
  }
  const trailer = trailerText === undefined ? undefined : readTree(trailerText);
  if (trailer?.ok === false) return { ok: false, why: `SecurityTrailer: ${trailer.why}`, header };
  const name = bodyNameOf(header);
  const body = scanObject(inside, [name]);
  const bodyText = body.ok ? body.values[0] : undefined;
  if (bodyText === undefined && blobText === undefined)
    return { ok: false, why: `${name} is missing`, header };
  return {
    ok: true,
    envelope: {
      header,
      headerText,
      name,
      bodyText,
      blobText,
      trailer: trailer?.value,
      isWrapped: wrapped !== undefined,
    },
  };
}

/** The message that an envelope holds in the clear. */
export function openClear(
  envelope: Envelope,
): { readonly ok: true; readonly message: NexoMessage } | MessageFault {
  const { header, name, bodyText, isWrapped } = envelope;
  const body = bodyText === undefined ? undefined : readTree(bodyText);
  if (body === undefined) return { ok: false, why: `${name} is encrypted, and there is no key`, header };
  if (!body.ok) return { ok: false, why: `${name}: ${body.why}`, header };
  return { ok: true, message: { header, name, body: body.value, isWrapped } };
}

/** What is to be written: the header with `MessageType` decides the envelope and the body's name. */
export interface Outgoing {
  readonly header: JsonObject;
  readonly name: string;
  readonly body: JsonObject;
}

/** The parts as JSON texts, which a MAC is computed over. */
export interface OutgoingTexts {
  readonly header: string;
  readonly name: string;
  readonly body: string;
}

export function textsOf({ header, name, body }: Outgoing): OutgoingTexts {
  return { header: writeTree(header), name, body: writeTree(body) };
}

/** Joins texts to a message. */
export function joinMessage(
  { header, name, body }: OutgoingTexts,
  options: { readonly isWrapped: boolean; readonly trailer?: JsonObject },
): string {
  const trailer = options.trailer === undefined ? '' : `,"SecurityTrailer":${writeTree(options.trailer)}`;
  const inside = `{"MessageHeader":${header},${JSON.stringify(name)}:${body}${trailer}}`;
  return options.isWrapped ? `{"${wrapperOf(name)}":${inside}}` : inside;
}

/** Notifications travel as requests. */
export function wrapperOf(name: string): (typeof WRAPPERS)[number] {
  return name.endsWith('Response') ? 'SaleToPOIResponse' : 'SaleToPOIRequest';
}
