import type { Realm } from '../world/realm.ts';

/** What the simulated process is given; the bundle's wrapper has it as a parameter. */
declare const __realm: Realm;

export const realm: Realm = __realm;
