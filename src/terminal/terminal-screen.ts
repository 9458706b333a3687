import type { Registers } from '../application/registers.ts';
import { CARDS } from './cards.ts';
import type { MessageLog } from './message-log.ts';
import type { Panel } from './panel.ts';
import type { Person } from './person.ts';
import type { LinkState, RegisterState, ScreenAction, ScreenModel, ScreenState } from './screen-model.ts';
import type { TransactionDesk } from './transaction-desk.ts';

export interface TerminalScreenOptions {
  readonly panel: Panel;
  readonly messages: MessageLog;
  readonly registers: Registers;
  readonly desk: TransactionDesk;
  readonly person: Person;
  readonly isInteractive: () => boolean;
  /** Undefined: it waits for others, and dials nobody. */
  readonly link: () => LinkState | undefined;
}

/** What a screen shows of the terminal, and what a person at it does. */
export class TerminalScreen implements ScreenModel {
  readonly #options: TerminalScreenOptions;

  constructor(options: TerminalScreenOptions) {
    this.#options = options;
  }

  get state(): ScreenState {
    const link = this.#options.link();
    return {
      ...this.#options.panel.state,
      ...(link !== undefined && this.#linked(link)),
      cards: CARDS.map(({ id, name, scheme, canTap, canInsert }) => ({
        id,
        name,
        scheme,
        canTap,
        canInsert,
      })),
      isInteractive: this.#options.isInteractive(),
      registers: this.#registers(),
    };
  }

  /** The icon always; words where the display has nothing else to say and nobody's sale is under way. */
  #linked(link: LinkState): Pick<ScreenState, 'link'> & Partial<Pick<ScreenState, 'lines'>> {
    const { isConnected, place, hasSession } = link;
    const isTold = !isConnected && !hasSession && this.#options.panel.stage === 'idle';
    return { link: { isConnected, place }, ...(isTold && { lines: linkLines(link) }) };
  }

  #registers(): RegisterState[] {
    const { registers, desk } = this.#options;
    const peers = new Map(registers.all.map(({ connection, peer }) => [connection, peer]));
    return desk.audience().map((caller) => {
      const activity = desk.activityOf(caller);
      return {
        connection: caller.connection ?? '',
        peer: peers.get(caller.connection) ?? caller.end.peer,
        ...(activity !== undefined && { activity }),
      };
    });
  }

  get messages(): ScreenModel['messages'] {
    return this.#options.messages.messages;
  }

  watch(changed: () => void): () => void {
    return this.#options.panel.watch(changed);
  }

  act(action: ScreenAction): void {
    const { panel, person, desk, isInteractive } = this.#options;
    const { stage } = panel;
    if (action.do === 'tear-receipt') panel.tearReceipt();
    else if (stage === 'suspended' || (stage === 'message' && action.do === 'key')) panel.idle();
    if (person.isAsked || (isInteractive() && desk.busy() === undefined)) person.act(action);
  }
}

/** What the display says while there is no connection. */
function linkLines({ wasConnected, place, failures, why }: LinkState): string[] {
  return [
    wasConnected ? 'Reconnecting …' : 'Connecting …',
    place,
    ...(failures === 0 ? [] : [`Attempt ${failures + 1}`]),
    ...(why === undefined ? [] : [why]),
  ];
}
