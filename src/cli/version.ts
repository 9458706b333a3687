declare const POSBRIDGE_VERSION: string | undefined;

/** Filled in when bundled. */
export const version = typeof POSBRIDGE_VERSION === 'undefined' ? '0.0.0-source' : POSBRIDGE_VERSION;
