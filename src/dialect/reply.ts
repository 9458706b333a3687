import type { Refused, Reply, SendOutcome } from './dialect.ts';

/** Answers at once, where nothing depends on whether the answer can be sent. */
export function reply(to: Reply, kind: 'result' | 'error', text: Buffer): SendOutcome | Refused {
  const prepared = to.prepare(kind, text);
  return isPrepared(prepared) ? prepared.send() : prepared;
}

export function isPrepared(
  prepared: ReturnType<Reply['prepare']>,
): prepared is Extract<typeof prepared, { send: unknown }> {
  return typeof prepared === 'object' && 'send' in prepared;
}
