import type { LineFate, Refusal } from '../channel/channel.ts';
import type { OpenRequest } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';

/** What becomes of the line of a request. */
export class RequestFate implements LineFate {
  readonly #requests: OpenRequests;
  readonly #open: OpenRequest;

  constructor(requests: OpenRequests, open: OpenRequest) {
    this.#requests = requests;
    this.#open = open;
  }

  handedOver(): void {
    const { transaction, timer, attachment } = this.#open;
    if (transaction === undefined) return;
    transaction.state = 'handed-over';
    transaction.recovery?.handedOver(attachment?.isGroup);
    timer?.cancel();
  }

  refused(why: Refusal): void {
    this.#requests.settleRefused(this.#open, why, wordsForRefusal(why, this.#open.attachment?.text ?? ''));
  }
}

/** Why a line never reached its application, for people. */
export function wordsForRefusal(why: Refusal, where: string): string {
  switch (why) {
    case 'BUSY':
      return `too much is waiting for the application at ${where}`;
    case 'CHANNEL_UNAVAILABLE':
      return `no application is there at ${where}`;
    case 'CHANNEL_CLOSED':
      return `the application at ${where} went away`;
  }
}
