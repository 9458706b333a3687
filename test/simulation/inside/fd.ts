/** Stands in for src/wire/fd.ts and src/wire/descriptor.ts: the one wire that a super-server has put on 0 and 1. */
import type { Wire } from '../../../src/wire/wire.ts';
import { realm } from './realm.ts';

export const noteInherited = (): void => {};
export const isInherited = (): boolean => true;
export const isNull = (): boolean => false;
export const isSocket = (): boolean => true;
export const isListening = (): boolean => false;
export const isAnonymousPipe = (): boolean => false;
export const isSameObject = (one: number, other: number): boolean => one === other;
export const isClosedWithSocket = (): boolean => true;
export const kindOf = () => 'socket' as const;
export const accessOf = () => 'both' as const;
export const closeDescriptor = (): void => {};
export const notInheritedText = (fd: number): string => `descriptor ${fd} was not inherited`;
export const openFdWire = (): Wire => realm.inherited();
