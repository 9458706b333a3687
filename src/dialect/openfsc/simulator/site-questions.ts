import type { MethodName } from '../methods.ts';
import type { ServerSession, SiteAnswer } from './server-session.ts';

/**
 * Asks a site on one of its sessions and remembers what the question and its answer change: which pump is unlocked for
 * whom, which transactions are still there. Settles with the answer, or with `lost`.
 */
export async function askSite(
  session: ServerSession,
  method: MethodName,
  args: readonly string[],
  tag?: string,
): Promise<SiteAnswer> {
  const { site } = session;
  const [pump = '', second = '', third = '', fourth = ''] = args;
  const mark = site?.mark ?? 0;
  if (method === 'UNLOCKPUMP') site?.released(pump, fourth);
  const answer = await session.ask(method, args, tag);
  const isOk = answer.kind === 'ok';
  const code = answer.kind === 'error' ? answer.code : undefined;
  switch (method) {
    case 'UNLOCKPUMP':
      if (code !== undefined) site?.notReleased(fourth);
      break;
    case 'LOCKPUMP':
      if (isOk) site?.locked(pump);
      break;
    case 'CLEAR':
      // Cleared before for the same transaction of ours is as good.
      if (isOk || code === 410) site?.cleared(pump, second, third);
      break;
    case 'TRANSACTIONS':
      if (isOk) site?.forgetUntold(mark, args[0]);
      break;
  }
  return answer;
}
