import type { Charset } from './charset.ts';
import type { Site } from './sites.ts';
import type { Push } from './updates.ts';

/** What the site's end of a wire is to be. */
export interface SiteEnd {
  readonly sites: readonly Site[];
  /** Whether each site gets a session of its own, where the server has them. */
  readonly usesSessions: boolean;
  readonly charsets: readonly Charset[];
  readonly push: Push;
  /** TRANSACTIONINFO is announced, and taken. */
  readonly transactionInfo: boolean;
  /** SESSIONMODE is announced. */
  readonly sessionMode: boolean;
  /** A number in [0, 1) that spreads retries; default: the runtime's. */
  readonly random?: () => number;
}
