import type { TransactionKey } from '../application/identifiers.ts';
import type { Answer } from './answer.ts';

/**
 * What is known of identifiers. `absent`: a Check was told TRANSACTION_NOT_FOUND; `several`: without `sequence_id` they
 * mean more than one; `lost`: a record that cannot be read.
 */
export type Known =
  | { readonly state: 'none' | 'running' | 'absent' | 'several' | 'lost' }
  | {
      readonly state: 'done';
      readonly answer: Answer;
      /** Of the transaction itself, also where it was asked for without `sequence_id`. */
      readonly key: TransactionKey;
      readonly method: string;
      readonly isReversed: boolean;
    };
