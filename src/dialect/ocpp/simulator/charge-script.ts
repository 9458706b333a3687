import type { ChargePoint } from './charge-point.ts';

/** One step of a script. */
export type Step =
  | { readonly kind: 'authorize'; readonly tag: string | undefined }
  | { readonly kind: 'start'; readonly connector: number; readonly tag: string | undefined }
  | { readonly kind: 'meter' | 'stop'; readonly connector: number }
  | { readonly kind: 'wait' | 'offline'; readonly seconds: number }
  | { readonly kind: 'boot' };

export type ReadScript =
  | { readonly ok: true; readonly steps: readonly Step[] }
  | { readonly ok: false; readonly why: string };

/** What a charge point does unless it is told otherwise. */
export const DEFAULT_SCRIPT = 'boot,authorize,start,wait 5,meter,wait 5,stop';

const FORMS =
  'boot, authorize [TAG], start [CONNECTOR [TAG]], meter [CONNECTOR], stop [CONNECTOR], wait SECONDS, offline SECONDS';

/** Reads steps with commas or line breaks between; `#` begins a comment. */
export function readScript(text: string): ReadScript {
  const steps: Step[] = [];
  const written = text
    .split('\n')
    .map((line) => line.replace(/#.*$/, ''))
    .join(',')
    .split(',')
    .map((step) => step.trim());
  for (const words of written) {
    if (words === '') continue;
    const step = readStep(words.split(/\s+/));
    if (step === undefined)
      return { ok: false, why: `"${words.slice(0, 64)}" is no step; there is ${FORMS}` };
    steps.push(step);
  }
  return steps.length === 0
    ? { ok: false, why: `there is no step in it; there is ${FORMS}` }
    : { ok: true, steps };
}

function readStep([name = '', first, second, ...rest]: readonly string[]): Step | undefined {
  if (rest.length > 0 || (second !== undefined && name !== 'start')) return undefined;
  switch (name) {
    case 'boot':
      return first === undefined ? { kind: 'boot' } : undefined;
    case 'authorize':
      return { kind: 'authorize', tag: first };
    case 'start':
    case 'meter':
    case 'stop': {
      const connector = first === undefined ? 1 : Number(first);
      if (!Number.isInteger(connector) || connector < 1) return undefined;
      return name === 'start' ? { kind: name, connector, tag: second } : { kind: name, connector };
    }
    case 'wait':
    case 'offline': {
      const seconds = Number(first);
      return first !== undefined && seconds > 0 && seconds <= 86_400 ? { kind: name, seconds } : undefined;
    }
    default:
      return undefined;
  }
}

/** Plays the steps, each when the one before is done. False: something was refused. */
export async function playScript(
  point: ChargePoint,
  steps: readonly Step[],
  { tag }: { readonly tag: string },
): Promise<boolean> {
  let isFine = true;
  for (const step of steps) {
    const isDone = await playStep(point, step, tag);
    if (!isDone) point.note(`${step.kind} came to nothing`);
    isFine &&= isDone;
  }
  await point.until(() => point.isIdle);
  return isFine;
}

async function playStep(point: ChargePoint, step: Step, tag: string): Promise<boolean> {
  switch (step.kind) {
    case 'boot':
      await point.until(() => point.isWorking);
      return true;
    case 'wait':
      await point.pause(step.seconds * 1000);
      return true;
    case 'offline':
      await point.goOffline(step.seconds * 1000);
      return true;
    case 'authorize': {
      const answer = await point.ask('Authorize', () => ({ idTag: step.tag ?? tag }));
      const info = answer.kind === 'result' ? (answer.payload['idTagInfo'] as { status?: unknown }) : {};
      return info.status === 'Accepted';
    }
    case 'start': {
      const connector = point.connector(step.connector);
      if (connector === undefined || !connector.isFree) return false;
      void connector.begin(step.tag ?? tag);
      return true;
    }
    case 'meter':
      void point.connector(step.connector)?.sample();
      return true;
    case 'stop': {
      const connector = point.connector(step.connector);
      if (connector?.transactionId === undefined) return false;
      void connector.finish('Local');
      return true;
    }
  }
}
