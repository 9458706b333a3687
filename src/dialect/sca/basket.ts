import { type Element, field } from './document.ts';

/**
 * The lines that a register has shown to its customer in this session, as far as LINE_ITEM commands depend on each
 * other: an offer follows the merchandise that it belongs to, merchandise with an offer is not overridden, and takes
 * its offers along when it is removed. Amounts may be negative; a subtotal that is left out is erased.
 */
export class Basket {
  /** Merchandise by LINE_ITEM_ID, each with the ids of its offers. */
  readonly #items = new Map<string, Set<string>>();
  #subtotal: string | undefined;

  /** The subtotal that the customer sees. */
  get subtotal(): string | undefined {
    return this.#subtotal;
  }

  get ids(): string[] {
    return [...this.#items.keys()];
  }

  offersOf(id: string): string[] {
    return [...(this.#items.get(id) ?? [])];
  }

  /** Applies a LINE_ITEM command. Returns why it cannot be, and changes nothing then. */
  apply(command: string, fields: readonly Element[]): string | undefined {
    const lines = fields.find(({ name }) => name === 'LINE_ITEMS')?.children ?? [];
    const single = text(fields, 'LINE_ITEM_ID');
    const fault =
      command === 'ADD'
        ? this.#add(lines)
        : command === 'OVERRIDE'
          ? this.#checkOverride(lines)
          : command === 'REMOVE'
            ? this.#remove(single === undefined ? lines : [field('LINE_ITEM_ID', single), ...lines])
            : undefined;
    if (fault !== undefined) return fault;
    if (command === 'REMOVEALL') this.#items.clear();
    if (command !== 'SHOW' && command !== 'LINE_ITEM_END') this.#subtotal = text(fields, 'RUNNING_SUB_TOTAL');
    return undefined;
  }

  #add(lines: readonly Element[]): string | undefined {
    const added = new Map<string, string[]>();
    for (const { name, children } of lines) {
      const id = text(children, 'LINE_ITEM_ID');
      if (id === undefined) return 'LINE_ITEM_ID is missing';
      if (name !== 'OFFER') {
        added.set(id, []);
        continue;
      }
      const of = text(children, 'OFFER_LINE_ITEM');
      if (of === undefined) continue;
      if (!added.has(of) && !this.#items.has(of)) return 'an offer comes before its merchandise';
      added.set(of, [...(added.get(of) ?? []), id]);
    }
    for (const [id, offers] of added) this.#items.set(id, new Set([...this.offersOf(id), ...offers]));
    return undefined;
  }

  #checkOverride(lines: readonly Element[]): string | undefined {
    for (const { children } of lines) {
      const id = text(children, 'LINE_ITEM_ID') ?? '';
      if (this.offersOf(id).length > 0) return 'a line that has an offer cannot be overridden';
    }
    return undefined;
  }

  #remove(lines: readonly Element[]): string | undefined {
    for (const { name, text: own, children } of lines) {
      const id = name === 'LINE_ITEM_ID' ? own : (text(children, 'LINE_ITEM_ID') ?? '');
      if (this.#items.delete(id)) continue;
      for (const offers of this.#items.values()) offers.delete(id);
    }
    return undefined;
  }
}

function text(fields: readonly Element[], name: string): string | undefined {
  return fields.find((element) => element.name === name)?.text;
}
