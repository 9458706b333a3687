import type { Kind, Sale, Settlement, TerminalView } from '../shown.ts';

export type { Sale, TerminalView };

export interface ShownProblem {
  readonly code: string;
  readonly detail: string;
}

/** An answer that is a problem. */
export class Refused extends Error {
  readonly code: string;

  constructor({ code, detail }: ShownProblem) {
    super(detail);
    this.code = code;
  }
}

export interface StreamEvent {
  readonly id: string;
  readonly kind: string;
  readonly data: string;
}

const TOKEN = 'posbridge-token';

/** The API, asked by its own page. The token, where one is needed, lives as long as the tab. */
export class Client {
  get token(): string {
    return sessionStorage.getItem(TOKEN) ?? '';
  }

  set token(token: string) {
    sessionStorage.setItem(TOKEN, token);
  }

  async terminals(): Promise<readonly TerminalView[]> {
    const { terminals } = await this.#json<{ readonly terminals: readonly TerminalView[] }>('/v1/terminals');
    return terminals;
  }

  async sales(): Promise<readonly Sale[]> {
    const { sales } = await this.#json<{ readonly sales: readonly Sale[] }>('/v1/sales?limit=50');
    return sales;
  }

  /** Unknown ones never go out of sight. */
  async unknownSales(): Promise<readonly Sale[]> {
    const { sales } = await this.#json<{ readonly sales: readonly Sale[] }>(
      '/v1/sales?state=unknown&limit=200',
    );
    return sales;
  }

  sell(terminal: string, kind: Kind, order: Readonly<Record<string, string>>, key: string): Promise<Sale> {
    const path = `/v1/terminals/${encodeURIComponent(terminal)}/${kind}s`;
    return this.#post(path, order, { 'Idempotency-Key': key });
  }

  abort(id: string): Promise<Sale> {
    return this.#post(`/v1/sales/${id}/abort`);
  }

  settle(id: string, outcome: Settlement, by: string): Promise<Sale> {
    return this.#post(`/v1/sales/${id}/settle`, { outcome, by });
  }

  /** Everything that happens, from the event on that came last. Ends with the connection. */
  async *events(lastId: string | undefined, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const more = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
    const response = await this.#fetch('/v1/events', { headers: more, signal });
    if (response.body === null) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) yield readEvent(block);
    }
  }

  async #json<T>(path: string): Promise<T> {
    return (await (await this.#fetch(path)).json()) as T;
  }

  async #post(path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Sale> {
    const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const response = await this.#fetch(path, {
      method: 'POST',
      headers: { ...json, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Sale;
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const { token } = this;
    const own: Record<string, string> = token === '' ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(path, { ...init, headers: { ...own, ...(init.headers as object) } });
    if (response.ok) return response;
    throw new Refused((await response.json()) as ShownProblem);
  }
}

function readEvent(block: string): StreamEvent {
  const fields = new Map(
    block.split('\n').map((line): [string, string] => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
  return { id: fields.get('id') ?? '', kind: fields.get('event') ?? '', data: fields.get('data') ?? '' };
}
