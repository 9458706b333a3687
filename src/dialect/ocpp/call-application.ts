import type { ChannelName } from '../../base/channel-name.ts';
import type { Action } from './actions.ts';
import type { HandlingHost, OpenCall } from './handling-host.ts';
import { callErrorOf, isUnwanted } from './mapping.ts';
import { checkPayload } from './schema.ts';
import type { Waits } from './waits.ts';

/** How a CALL is answered by an application. */
export interface Asking {
  /** The payload of the answer; undefined: the result has not what it takes. Default: the result itself. */
  readonly answerOf?: (result: Buffer) => string | undefined;
  /** Writes the answer down; it is sent even where that fails. */
  readonly answered?: (payload: string) => Promise<void>;
  readonly failed: (error: Buffer) => void;
  readonly channel?: ChannelName;
}

/** The application that decides about CALLs of one charge point. */
export class CallApplication {
  readonly #host: HandlingHost;
  /** Of CALLs that are not answered. */
  readonly #waits: Waits;

  constructor(host: HandlingHost, waits: Waits) {
    this.#host = host;
    this.#waits = waits;
  }

  /** Resolves when the CALL is answered, or nobody is there any more. */
  asked(call: OpenCall, params: string, how: Asking): Promise<void> {
    return this.#waits.until((end) => {
      const send = async (payload: string) => {
        await how.answered?.(payload).catch(() => undefined); // the queue has said it
        this.#host.result(call, payload);
        end();
      };
      this.#host.ask(call.action, params, {
        ...(how.channel !== undefined && { channel: how.channel }),
        prepare: (result) => {
          const payload = how.answerOf === undefined ? result.toString() : how.answerOf(result);
          const checked = checkAnswer(call.action, payload);
          if (checked.why !== undefined) return { code: 'JSONRPC_INVALID_PARAMS', why: checked.why };
          const { text } = checked;
          return {
            send: () => {
              if (!this.#host.isOpen(call)) return 'closed';
              void send(text);
              return 'sent';
            },
          };
        },
        failed: (error) => {
          how.failed(error);
          end();
        },
      });
    });
  }

  fail(call: OpenCall, error: Buffer): void {
    const { code, description, details } = callErrorOf(error, call.action);
    this.#host.error(call, code, description, details);
  }

  /** The database has it: an application that wants none of it is no reason to send it again. */
  failKept(call: OpenCall, error: Buffer, answered?: () => Promise<void>): void {
    if (!isUnwanted(error)) {
      this.fail(call, error);
      return;
    }
    void answered?.().catch(() => undefined);
    this.#host.result(call, '{}');
  }
}

/** An application's answer in the protocol's form, or why it is none. */
function checkAnswer(
  action: Action,
  payload: string | undefined,
): { readonly text: string; readonly why?: undefined } | { readonly text?: undefined; readonly why: string } {
  if (payload === undefined) return { why: 'idTagInfo is missing' };
  const checked = checkPayload(action, 'conf', JSON.parse(payload));
  return checked.ok ? { text: payload } : { why: checked.description };
}
