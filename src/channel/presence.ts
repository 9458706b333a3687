/** Where an attachment is with its application; `unknown`: it is not used, or has not tried yet. */
export type Sight = 'unknown' | 'there' | 'missing';

interface Place {
  there: number;
  missing: number;
  /** Its absence has been reported, and its return has not. */
  isMissed: boolean;
}

/** Absent places that are remembered when nobody is attached to them any more. */
const MAX_PLACES = 256;

/**
 * Which endpoints of this process have an application. Many connections may be attached to the same one, each by
 * itself: its loss and its return are news once.
 */
export class Presence {
  readonly #places = new Map<string, Place>();

  /** Whether what one attachment sees now is news: the first that misses the application, the last that has it back. */
  change(endpoint: string, from: Sight, to: Sight): boolean {
    const place = this.#places.get(endpoint) ?? { there: 0, missing: 0, isMissed: false };
    if (from !== 'unknown') place[from] -= 1;
    if (to !== 'unknown') place[to] += 1;
    const wasMissed = place.isMissed;
    if (to === 'missing') place.isMissed = true;
    else if (to === 'there' && place.missing === 0) place.isMissed = false;
    this.#keep(endpoint, place);
    return place.isMissed !== wasMissed;
  }

  /** How many attachments have their application, and how many miss it, by endpoint. */
  get counts(): ReadonlyMap<string, Readonly<Place>> {
    return this.#places;
  }

  #keep(endpoint: string, place: Place): void {
    this.#places.delete(endpoint);
    if (place.there + place.missing > 0 || place.isMissed) this.#places.set(endpoint, place);
    if (this.#places.size <= MAX_PLACES) return;
    const unused = [...this.#places].find(([, { there, missing }]) => there + missing === 0);
    if (unused !== undefined) this.#places.delete(unused[0]);
  }
}
