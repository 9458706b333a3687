import type { Running, Workbench } from '../interop/kit.ts';
import { type ApplicationLine, type LineMessage, TestApplication } from '../kit/application.ts';
import type { JsonObject } from '../kit/register.ts';

/** `posbridge terminal --listen unix:…`, ready for bridges. */
export async function startTerminal(bench: Workbench, args: readonly string[] = []): Promise<Running> {
  const terminal = bench.start('posbridge', ['terminal', '--listen', `unix:${bench.socketPath}`, ...args]);
  await terminal.says(/listening on=/);
  return terminal;
}

export const identifiersOf = (receiptId: string): JsonObject => ({ receipt_id: receiptId, sequence_id: 1 });

export function purchaseOf(receiptId: string, amount = 1250): JsonObject {
  return { ...identifiersOf(receiptId), amount, currency: 'EUR' };
}

/** A bridge's end of an attachment to a terminal that listens: one line a message. */
export class Attaching {
  readonly #lines: TestApplication;
  #ids = 0;

  private constructor(lines: TestApplication) {
    this.#lines = lines;
  }

  static async to(path: string): Promise<Attaching> {
    return new Attaching(await TestApplication.connect({ path }));
  }

  static over(socket: Parameters<typeof TestApplication.over>[0]): Attaching {
    return new Attaching(TestApplication.over(socket));
  }

  send(line: string | object): void {
    this.#lines.send(line);
  }

  /** Sends a request; the answer is looked for with `answerTo`. */
  ask(method: string, params: JsonObject = {}, connection = 'c1'): string {
    this.#ids += 1;
    const id = `r-${this.#ids}`;
    this.send({ connection, jsonrpc: '2.0', id, method, params });
    return id;
  }

  async request(method: string, params: JsonObject = {}, connection = 'c1'): Promise<Outcome> {
    return this.answerTo(this.ask(method, params, connection));
  }

  async answerTo(id: string): Promise<Outcome> {
    return outcomeOf(await this.#lines.waitFor((line) => line.message?.id === id));
  }

  /** The answer if it has come. */
  seen(id: string): Outcome | undefined {
    const line = this.#lines.lines.find(({ message }) => message?.id === id);
    return line === undefined ? undefined : outcomeOf(line);
  }

  /** A notification that comes, or has come. */
  async told(method: string): Promise<LineMessage> {
    const { message } = await this.#lines.waitFor((line) => line.message?.method === method);
    return message as LineMessage;
  }

  /** Resolves when a StatusEvent with this status has come. */
  async status(wanted: string): Promise<void> {
    await this.#lines.waitFor(({ message }) => message?.params?.['transaction_status'] === wanted);
  }

  async close(): Promise<void> {
    await this.#lines.kill();
  }
}

export interface Outcome {
  /** The result or error as it was written. */
  readonly text: string;
  /** `approved`, or the error's string code. */
  readonly code: string;
}

function outcomeOf({ text, message }: ApplicationLine): Outcome {
  return {
    text: text.replace(/^.*?"(result|error)":/, '$1 ').slice(0, -1),
    code: message?.error === undefined ? 'approved' : String(message.error.data?.['string_code']),
  };
}
