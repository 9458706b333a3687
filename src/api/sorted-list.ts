/** Items in an order, in which nearly every new one is the last. */
export class SortedList<T> {
  readonly #items: T[] = [];
  readonly #compare: (one: T, other: T) => number;

  /** No two different items compare as equal. */
  constructor(compare: (one: T, other: T) => number) {
    this.#compare = compare;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  /** Takes the place of the item that compares as equal, if there is one. */
  put(item: T): void {
    const place = this.placeOf(item);
    this.#items.splice(place, this.#isAt(item, place) ? 1 : 0, item);
  }

  remove(item: T): void {
    const place = this.placeOf(item);
    if (this.#isAt(item, place)) this.#items.splice(place, 1);
  }

  /** Where it stands, or belongs. */
  placeOf(item: T): number {
    return this.firstNotBelow((other) => this.#compare(other, item));
  }

  /** Of the items that `compare` finds to be 0 or more, the first one's place. */
  firstNotBelow(compare: (item: T) => number): number {
    let from = 0;
    let to = this.#items.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare(this.#items[middle] as T) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #isAt(item: T, place: number): boolean {
    return place < this.#items.length && this.#compare(this.#items[place] as T, item) === 0;
  }
}
