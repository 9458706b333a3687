// Draws the icons of the simulated terminal's status bar, which say whether it has its line to the broker:
// src/terminal/screen/web/wbs_*.png. A plug with its socket on a round field: joined and green, or apart and red.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

const SIZE = 48;
/** Points of a pixel that are looked at, each way: edges become smooth. */
const SAMPLES = 4;
const CENTRE = SIZE / 2;

const inside = (x, y, [left, top, right, bottom]) => x >= left && x < right && y >= top && y < bottom;

/** Two halves of a plug, and what is between them. */
function isWhite(x, y, gap) {
  const left = [
    [5, 22, 14 - gap, 26],
    [14 - gap, 16, 22 - gap, 32],
    [22 - gap, 19, 26 - gap, 22],
    [22 - gap, 26, 26 - gap, 29],
  ];
  const right = [
    [34 + gap, 22, 43, 26],
    [26 + gap, 16, 34 + gap, 32],
  ];
  return [...left, ...right].some((box) => inside(x, y, box));
}

function draw(field, gap) {
  const rows = [];
  for (let y = 0; y < SIZE; y += 1) {
    const row = Buffer.alloc(1 + 4 * SIZE); // each row begins with the number of its filter: none
    for (let x = 0; x < SIZE; x += 1) row.set(pixel(x, y, field, gap), 1 + 4 * x);
    rows.push(row);
  }
  return Buffer.concat(rows);
}

function pixel(x, y, field, gap) {
  const sum = [0, 0, 0];
  let covered = 0;
  for (let index = 0; index < SAMPLES * SAMPLES; index += 1) {
    const [px, py] = [
      x + ((index % SAMPLES) + 0.5) / SAMPLES,
      y + (Math.floor(index / SAMPLES) + 0.5) / SAMPLES,
    ];
    if (Math.hypot(px - CENTRE, py - CENTRE) > CENTRE - 1) continue;
    covered += 1;
    const colour = isWhite(px, py, gap) ? [255, 255, 255] : field;
    for (const part of [0, 1, 2]) sum[part] += colour[part];
  }
  const alpha = Math.round((255 * covered) / (SAMPLES * SAMPLES));
  return covered === 0 ? [0, 0, 0, 0] : [...sum.map((part) => Math.round(part / covered)), alpha];
}

function chunk(type, data) {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const edge = Buffer.alloc(4);
  edge.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([edge, named, check]);
}

function png(field, gap) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(SIZE, 0);
  head.writeUInt32BE(SIZE, 4);
  head.set([8, 6], 8); // eight bits each of red, green, blue and alpha
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(draw(field, gap), { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const folder = path.join(import.meta.dirname, '../src/terminal/screen/web');
writeFileSync(path.join(folder, 'wbs_connected.png'), png([20, 112, 60], 0));
writeFileSync(path.join(folder, 'wbs_disconnected.png'), png([179, 38, 30], 4));
