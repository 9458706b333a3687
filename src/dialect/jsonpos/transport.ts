import type { CloseReason } from '../../base/close-reason.ts';
import { memberOf } from '../../base/member.ts';
import { shorten } from '../../base/printable.ts';
import type { Message } from '../../rpc/message.ts';

type Notification = Extract<Message, { kind: 'notification' }>;

const MAX_REASON_DEPTH = 100;

/** The peer says where a conversation begins. */
export function isSync(message: Message): boolean {
  return message.kind === 'request' && message.method === '_Sync';
}

/** The peer's last word. */
export function isGoodbye(message: Message): message is Notification {
  return message.kind === 'notification' && message.method === '_CloseReason';
}

/** What a `_CloseReason` says; without a usable error object it is CONNECTION_CLOSED. */
export function readCloseReason({ params, depth }: Notification): CloseReason {
  const unnamed: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the peer said goodbye', by: 'peer' };
  if (depth > MAX_REASON_DEPTH) return unnamed;
  const error: unknown = memberOf(JSON.parse(params.toString()), 'error');
  const code = memberOf(memberOf(error, 'data'), 'string_code');
  const text = memberOf(error, 'message');
  return {
    code: typeof code === 'string' && code !== '' ? shorten(code, 256) : unnamed.code,
    text: typeof text === 'string' && text !== '' ? shorten(text, 1024) : unnamed.text,
    by: 'peer',
  };
}
