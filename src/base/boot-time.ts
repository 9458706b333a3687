import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** A moment as the machine counts it by itself: setting its clock does not move it. */
export interface BootTime {
  /** Which start of the machine; a new one has another. */
  readonly boot: string;
  /** Milliseconds since then, time asleep included; to 10 ms. */
  readonly uptimeMs: number;
}

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

let boot: string | undefined;
let isRead = false;

/** Undefined where there is no boot id (not Linux). The first call reads a small file of the kernel's, no disk. */
export function readBootTime(): BootTime | undefined {
  if (!isRead) boot = readBootId();
  isRead = true;
  return boot === undefined ? undefined : { boot, uptimeMs: Math.round(uptime() * 1000) };
}

function readBootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID_FILE, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
