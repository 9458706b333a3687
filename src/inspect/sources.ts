import type { Segment } from './segment.ts';
import { fieldsSegments, jsonSegments } from './tshark.ts';

export type SourceForm = 'capture' | 'socat' | 'tshark-json' | 'tshark-fields' | 'raw';

/** What kind of record these bytes are, by how they begin. */
export function formOf(bytes: Buffer): SourceForm {
  const start = bytes.toString('latin1', 0, START_BYTES);
  if (start.startsWith('{"capture":"posbridge"')) return 'capture';
  if (SOCAT_HEAD.test(start)) return 'socat';
  if (/^\s*\[\s*\{\s*"_index"/.test(start)) return 'tshark-json';
  if (/^frame\.time_epoch\t/.test(start)) return 'tshark-fields';
  return 'raw';
}

/** The bytes that a record holds. Throws an Error with a plain sentence where it is not what it seems. */
export function segmentsOf(form: Exclude<SourceForm, 'capture'>, bytes: Buffer): Segment[] {
  switch (form) {
    case 'socat':
      return socatSegments(bytes.toString('latin1'));
    case 'tshark-json':
      return jsonSegments(bytes.toString());
    case 'tshark-fields':
      return fieldsSegments(bytes.toString());
    case 'raw':
      return [{ stream: 'raw', side: 0, timeMs: undefined, bytes }];
  }
}

const START_BYTES = 4096;
/** `> 2026/11/30 22:11:00.000359013  length=17 from=0 to=16` */
const SOCAT_HEAD = /^[<>] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d+ +length=\d+/m;
const SOCAT_BLOCK = /^([<>]) (\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)\.(\d+) +length=(\d+).*$/;
/** With `-v` the characters stand behind two spaces. */
const SOCAT_HEX = /^ ((?:[0-9a-f]{2})(?: [0-9a-f]{2})*)(?: {2}.*|\s*)$/;

/** What `socat -x` writes to its standard error, with `-v` or without; other lines are socat's own messages. */
function socatSegments(text: string): Segment[] {
  const segments: Segment[] = [];
  let open: { side: 0 | 1; timeMs: number; due: number; hex: string[] } | undefined;
  const close = () => {
    if (open === undefined) return;
    const bytes = Buffer.from(open.hex.join(''), 'hex').subarray(0, open.due);
    segments.push({ stream: 'socat', side: open.side, timeMs: open.timeMs, bytes });
    open = undefined;
  };
  for (const line of text.split('\n')) {
    const head = SOCAT_BLOCK.exec(line);
    if (head !== null) {
      close();
      const [, arrow, year, month, day, hour, minute, second, fraction = '', length] = head;
      const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = [year, month, day, hour, minute, second].map(
        Number,
      );
      const ms = Math.floor(Number(`0.${fraction}`) * 1000);
      // socat writes the local time.
      const timeMs = new Date(y, mo - 1, d, h, mi, s, ms).getTime();
      open = { side: arrow === '>' ? 0 : 1, timeMs, due: Number(length), hex: [] };
      continue;
    }
    const [, hex] = SOCAT_HEX.exec(line) ?? [];
    if (hex !== undefined) open?.hex.push(hex.replaceAll(' ', ''));
  }
  close();
  return segments;
}
