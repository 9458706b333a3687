import type { PeerAnswer } from '../dialect.ts';
import type { Dialogue } from './dialogue.ts';
import { toPeerAnswer } from './peer-answers.ts';

/** Sessions of one answer. */
const MAX_SESSIONS = 10_000;

/** What the server says about the sessions of this wire: one question at a time. */
export class SessionList {
  readonly #control: Dialogue;
  #waiting: ((answer: PeerAnswer) => void)[] = [];
  #sessions: object[] = [];

  constructor(control: Dialogue) {
    this.#control = control;
  }

  /** Result: `{"sessions":[{"sessionId":…,"priority":…,"siteAccessKey"?:…}]}` */
  ask(settle: (answer: PeerAnswer) => void): void {
    this.#waiting.push(settle);
    if (this.#waiting.length > 1) return;
    this.#sessions = [];
    this.#control.ask('SESSIONS', [], (answer) => {
      const result = { sessions: this.#sessions };
      const said: PeerAnswer =
        answer.kind === 'ok'
          ? { kind: 'result', text: Buffer.from(JSON.stringify(result)), depth: 4 }
          : toPeerAnswer(answer);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const one of waiting) one(said);
    });
  }

  told({ sessionId, priority, siteAccessKey }: Readonly<Record<string, string>>): void {
    if (this.#waiting.length === 0 || this.#sessions.length >= MAX_SESSIONS) return;
    this.#sessions.push({ sessionId, priority: Number(priority), siteAccessKey });
  }
}
