// Self-test: whether this browser gives the answers that the exporting machine gave, as edge/selftest.py asks it.

import { prepared } from "./pixels.js";

const LARGEST = { float32: 1e-3, int8: 0.2 }; // of a difference of a logit
const BEAT = [0, 0, 3, 6, 8, 6, 3, 0, 0, -6, 40, 92, 40, -22, -8, 0, 2, 5, 9, 14, 18, 19, 16, 10, 4, 1, 0, 0, 0, 0];

/** Return the pictures that need no decoder, and so are the same everywhere: name, page. */
function pictures({ width, height }) {
  const high = [Math.max(64, Math.trunc((width * 5) / 4)), Math.max(64, height * 3)];
  return [
    ["colour.png", drawn(1106, 786, 40, false)],
    ["grey.png", drawn(900, 640, 55, true)],
    ["high.png", drawn(...high, 47, true)],
  ];
}

/** Draw a page that looks a little like an ECG, with whole numbers alone; `period` is the distance of two beats. */
function drawn(width, height, period, grey) {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  const paint = (y, x, colour) => {
    const level = Math.trunc((colour[0] * 19595 + colour[1] * 38470 + colour[2] * 7471 + 0x8000) / 65536);
    data.set(grey ? [level, level, level] : colour, (y * width + x) * 4);
  };
  const small = Math.max(Math.trunc(height / 150), 3);
  for (const [step, colour] of [
    [small, [255, 230, 230]],
    [5 * small, [250, 170, 170]],
  ]) {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) if (y % step === 0 || x % step === 0) paint(y, x, colour);
  }
  const beat = new Array(period).fill(0).map((_, place) => BEAT[place] ?? 0);
  for (let x = 0; x < width; x++) {
    for (let row = 0; row < 6; row++) {
      const level = beat[(Math.trunc((x * 400) / width) + 7 * row) % period];
      const line = Math.trunc((height * (2 * row + 1)) / 12) - Math.floor((level * (row - 2 || 3) * height) / 9000);
      for (let thick = 0; thick < Math.max(Math.trunc(height / 400), 1); thick++) {
        paint(Math.min(Math.max(line + thick, 0), height - 1), x, [0, 0, 0]);
      }
    }
  }
  return { width, height, rows: (top, count) => data.slice(top * width * 4, (top + count) * width * 4) };
}

/** Compare this browser's answers with those of the model file: [{picture, samePixels, difference, allowed, passed}]. */
export async function selftest({ contract, check }, run) {
  const { width, height } = contract.preprocessing;
  const expected = new Map(check.map(([name, digest, logits]) => [name, { digest, logits }]));
  const found = [];
  for (const [picture, page] of pictures(contract.preprocessing)) {
    const pixels = prepared(page, width, height);
    const digest = hex(await crypto.subtle.digest("SHA-256", pixels)).slice(0, 16);
    const { logits } = await run(pixels);
    const wanted = expected.get(picture);
    const difference = Math.max(...wanted.logits.map((logit, index) => Math.abs(logit - logits[index])));
    const [samePixels, allowed] = [digest === wanted.digest, LARGEST[contract.precision]];
    found.push({ picture, samePixels, difference, allowed, passed: samePixels && difference <= allowed });
  }
  return found;
}

/** Return bytes in hexadecimal digits. */
export function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
