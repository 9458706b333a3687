import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { PeerAnswer } from '../dialect.ts';
import { CATALOGUE } from './catalogue.ts';
import type { EcrMessage } from './frame.ts';
import type { Link } from './link.ts';
import type { Sending } from './transmitter.ts';

/** One frame of a conversation with the peer, and whether its answer lets the next one follow. */
export interface Step {
  readonly type: string;
  readonly fields: readonly Buffer[];
}

/** What an application wants of the peer: steps that follow each other under one token. */
export interface Command {
  readonly steps: readonly Step[];
  /** What frees the other device when a step fails behind the first; sent without waiting for more. */
  readonly cleanUp?: Step;
  /**
   * What the application hears: a result of these members, or why there is none. `isComplete`: each step was answered
   * well.
   */
  conclude(answers: readonly EcrMessage[], isComplete: boolean): object | string;
  readonly settle: (answer: PeerAnswer) => void;
}

interface Running {
  readonly command: Command;
  readonly token: number;
  readonly answers: EcrMessage[];
  sending: Sending | undefined;
  timer: Timer | undefined;
}

/** A person may have to read or enter something. */
const STEP_MS = 180_000;
/** Commands that may wait for each other. */
const MAX_WAITING = 64;

/** Carries out commands one after the other: the protocol has no words for two at a time. */
export class Commands {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #waiting: Command[] = [];
  #running: Running | undefined;

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#waiting.length >= MAX_WAITING;
  }

  start(command: Command): void {
    this.#waiting.push(command);
    this.#next();
  }

  /** Whether this is the answer that is waited for. */
  answered(message: EcrMessage): boolean {
    const running = this.#running;
    const step = running?.command.steps[running.answers.length];
    if (running === undefined || step === undefined || message.token !== running.token) return false;
    if (CATALOGUE.get(step.type)?.answer !== message.type) return false;
    if (running.sending !== undefined) this.#link.arrived(running.sending);
    running.timer?.cancel();
    running.answers.push(copyOf(message));
    const { steps } = running.command;
    const isLast = running.answers.length === steps.length;
    if (isLast || (steps.length > 1 && !isPositive(message))) this.#end(running, isLast);
    else this.#step(running);
    return true;
  }

  /** The connection is over: each command ends with this answer. */
  close(answer: PeerAnswer): void {
    const running = this.#running;
    this.#running = undefined;
    running?.timer?.cancel();
    const commands = [...(running === undefined ? [] : [running.command]), ...this.#waiting.splice(0)];
    for (const { settle } of commands) settle(answer);
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const command = this.#waiting.shift();
    if (command === undefined) return;
    this.#running = {
      command,
      token: this.#link.nextToken(),
      answers: [],
      sending: undefined,
      timer: undefined,
    };
    this.#step(this.#running);
  }

  #step(running: Running): void {
    const step = running.command.steps[running.answers.length];
    if (step === undefined) return;
    running.timer = this.#clock.after(STEP_MS, () =>
      this.#fail(running, 'TIMEOUT', `no answer to ${step.type}`),
    );
    running.sending = this.#link.send(
      { token: running.token, ...step },
      {
        fate: (fate) => {
          if (fate === 'refused') this.#fail(running, 'CHANNEL_UNAVAILABLE', `${step.type} was refused`);
        },
      },
    );
  }

  #end(running: Running, isComplete: boolean): void {
    const { command, answers } = running;
    if (!isComplete) this.#cleanUp(running);
    this.#over(running);
    const said = command.conclude(answers, isComplete);
    if (typeof said === 'string') command.settle({ kind: 'error', text: errorText(REFUSED, said), depth: 2 });
    else command.settle({ kind: 'result', text: Buffer.from(JSON.stringify(said)), depth: RESULT_DEPTH });
  }

  #fail(running: Running, code: string, why: string): void {
    if (this.#running !== running) return;
    if (running.sending !== undefined) this.#link.forget(running.sending);
    this.#cleanUp(running);
    this.#over(running);
    running.command.settle({ kind: 'error', text: errorText(code, why), depth: 2 });
  }

  /** The first step has claimed the other device's console or printer. */
  #cleanUp({ command, token, answers }: Running): void {
    const isClaimed = answers[0] !== undefined && isPositive(answers[0]);
    if (command.cleanUp !== undefined && isClaimed) this.#link.send({ token, ...command.cleanUp });
  }

  #over(running: Running): void {
    running.timer?.cancel();
    this.#running = undefined;
    queueMicrotask(() => this.#next());
  }
}

/** Fields may be lists of what is not text. */
const RESULT_DEPTH = 6;
/** The other device says no. */
const REFUSED = 'REFUSED_BY_PEER';

/** Result 0, or nothing said. */
export function isPositive({ fields }: EcrMessage): boolean {
  return /^0*$/.test(fields[0]?.toString('latin1') ?? '');
}

function copyOf({ token, type, fields }: EcrMessage): EcrMessage {
  return { token, type, fields: fields.map((field) => Buffer.from(field)) };
}
