const MAX_WAIT_S = 600;

/** How long a caller wants to wait for the end of a sale (RFC 7240), seconds; undefined: not at all. */
export function waitIn(prefer: string | undefined): number | undefined {
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? '') ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), MAX_WAIT_S);
}
