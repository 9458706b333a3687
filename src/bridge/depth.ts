/** Deepest nesting that is passed on, in either direction. */
export const MAX_DEPTH = 100;
export const TOO_DEEP = `nested deeper than ${MAX_DEPTH}`;
