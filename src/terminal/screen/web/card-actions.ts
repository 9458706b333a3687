import type { ScreenAction, ScreenState, TestCard } from '../../screen-model.ts';

/** What can be done with the chosen card at the moment; undefined is what cannot. */
export interface CardActions {
  readonly tap: ScreenAction | undefined;
  readonly insert: ScreenAction | undefined;
  readonly remove: ScreenAction | undefined;
}

/** A card may be put in before the terminal asks for one. */
export function cardActions(state: ScreenState, card: TestCard | undefined): CardActions {
  const { stage, insertedCard, isInteractive } = state;
  const isFree = isInteractive && insertedCard === undefined;
  const tap = isFree && stage === 'wait-card' && card?.canTap;
  const insert = isFree && (stage === 'wait-card' || stage === 'idle') && card?.canInsert;
  return {
    tap: tap ? { do: 'tap', card: card.id } : undefined,
    insert: insert ? { do: 'insert', card: card.id } : undefined,
    remove: isInteractive && insertedCard !== undefined ? { do: 'remove' } : undefined,
  };
}
