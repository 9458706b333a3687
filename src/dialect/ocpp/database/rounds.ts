/** A change that waits for its turn. */
export interface Due<Change> {
  /** The charge point that it concerns; undefined: it may concern all of them, and is made alone. */
  readonly identity: string | undefined;
  readonly change: Change;
}

export interface Group<Change, Member> {
  readonly change: Change;
  readonly members: Member[];
}

/**
 * Puts together what can be done at once: the same change for several charge points. The groups are to be made one
 * after the other; then what concerns one charge point keeps its order.
 */
export function groupsOf<Change, Member extends Due<Change>>(
  due: readonly Member[],
): Group<Change, Member>[] {
  const rounds: Map<Change, Group<Change, Member>>[] = [];
  /** The first round in which a charge point has nothing yet. */
  const free = new Map<string, number>();
  /** The first round behind all that may concern every charge point. */
  let start = 0;
  for (const one of due) {
    const { identity, change } = one;
    const at = identity === undefined ? rounds.length : Math.max(start, free.get(identity) ?? 0);
    if (identity === undefined) start = at + 1;
    else free.set(identity, at + 1);
    const round = rounds[at] ?? new Map<Change, Group<Change, Member>>();
    rounds[at] = round;
    const group = round.get(change);
    if (group === undefined) round.set(change, { change, members: [one] });
    else group.members.push(one);
  }
  return rounds.flatMap((round) => [...round.values()]);
}
