import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { JournalStore } from './journal-store.ts';
import { DOWNLOAD_FORM, readDownloadUrl } from './network/download.ts';
import { Terminal } from './terminal.ts';
import { Texts } from './texts.ts';

/**
 * The terminal behind `simulator:`, ready to be attached. `options` are the endpoint's, which has checked them. Rejects
 * with STATE_OPEN_FAILED.
 */
export async function openSimulator(
  { delay, state, download, receipts }: Readonly<Record<string, string>>,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Terminal> {
  const texts = new Texts();
  const source = download === undefined ? undefined : readDownloadUrl(download);
  if (download !== undefined && source === undefined) {
    throw new BridgeError('ENDPOINT_INVALID', `simulator: download=${download} is not ${DOWNLOAD_FORM}`);
  }
  return new Terminal({
    clock,
    log,
    texts,
    ...(source !== undefined && { download: source }),
    ...((receipts === 'text' || receipts === 'lines') && { receipts }),
    ...(delay !== undefined && { delayMs: Number(delay) }),
    ...(state !== undefined && { store: await JournalStore.open(state, { clock, log, texts }) }),
  });
}
