// Pixels: what `load_page` in edge/images/preprocessing.py makes of a page, byte for byte, in Pillow's arithmetic.
//
// A page here is {width, height, rows(top, count)}: RGBA bytes of so many rows, upright, opacity as it was stored.

const CHANNELS = 3;
const GAP = 2; // blocks are averaged down to at least so many times the model's size
const BITS = 22; // of a weight behind the point, as Pillow's Resample.c has them
const STRIPE = 1 << 22; // pixels that are read at a time

/** Return the page as the model takes it, RGB bytes of `height` times `width`, stretched. */
export function prepared(page, width, height) {
  const across = Math.trunc(page.width / width / GAP) || 1;
  const down = Math.trunc(page.height / height / GAP) || 1;
  const reduced = averaged(page, across, down);
  // Pillow keeps the box, which may end within a block, in single precision.
  const wide = horizontal(reduced, width, Math.fround(page.width / across));
  return vertical(wide, height, Math.fround(page.height / down)).data;
}

/** Average whole blocks of a page, read a stripe at a time; the last block of a row or column may be smaller. */
function averaged(page, across, down) {
  const width = Math.ceil(page.width / across);
  const height = Math.ceil(page.height / down);
  const data = new Uint8Array(width * height * CHANNELS);
  const stripe = Math.max(1, Math.trunc(STRIPE / page.width / down)) * down;
  for (let top = 0; top < page.height; top += stripe) {
    const rows = Math.min(stripe, page.height - top);
    const pixels = onWhite(page.rows(top, rows));
    for (let y = 0; y < rows; y += down) {
      const high = Math.min(down, rows - y);
      const sums = sumsOf(pixels.subarray(y * page.width * 4), page.width, across, high);
      const begin = ((top + y) / down) * width * CHANNELS;
      const last = begin + (width - 1) * CHANNELS;
      divide(sums, 0, across * high, data, begin, last);
      divide(sums, last - begin, (page.width - (width - 1) * across) * high, data, last, last + CHANNELS);
    }
  }
  return { width, height, data };
}

/** Return the sums of blocks next to each other, of so many columns and rows of RGBA pixels. */
function sumsOf(pixels, width, across, high) {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, width * high); // red in the lowest byte
  const sums = new Uint32Array(Math.ceil(width / across) * CHANNELS);
  for (let row = 0, at = 0; row < high; row++) {
    for (let x = 0, place = 0; x < width; x += across, place += CHANNELS) {
      const end = at + Math.min(across, width - x);
      while (at < end) {
        let sides = 0; // red and blue, each in half of a word, which has room for 257 of them
        let green = 0;
        for (const stop = Math.min(end, at + 256); at < stop; at++) {
          sides += words[at] & 0xff00ff;
          green += (words[at] >>> 8) & 0xff;
        }
        sums[place] += sides & 0xffff;
        sums[place + 1] += green;
        sums[place + 2] += sides >>> 16;
      }
    }
  }
  return sums;
}

/** Write sums of `count` pixels, divided as in Reduce.c: half of the block added, a reciprocal in single precision. */
function divide(sums, from, count, target, begin, end) {
  const reciprocal = Math.trunc(Math.fround(2 ** 32 / (256 * count)));
  const half = Math.trunc(count / 2);
  for (let to = begin; to < end; to++, from++) target[to] = Math.imul(sums[from] + half, reciprocal) >>> 24;
}

/** Lay transparent pixels on white, in place, as Pillow's AlphaComposite.c does. */
export function onWhite(pixels) {
  for (let at = 3; at < pixels.length; at += 4) {
    const alpha = pixels[at];
    if (alpha === 255) continue;
    for (let place = at - 3; place < at; place++) {
      const sum = pixels[place] * alpha * 128 + 255 * (32640 - alpha * 128) + (128 << 7);
      pixels[place] = alpha === 0 ? 255 : ((sum >>> 8) + sum) >>> 15;
    }
    pixels[at] = 255;
  }
  return pixels;
}

/** Weights of antialiased bilinear interpolation: for each place of `size` the first source, how many, and theirs. */
function weightsOf(length, box, size) {
  const scale = box / size;
  const support = Math.max(scale, 1);
  const found = [];
  for (let place = 0; place < size; place++) {
    const center = (place + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), length);
    const shares = [];
    let sum = 0;
    for (let x = first; x < end; x++) {
      const distance = Math.abs((x - center + 0.5) * (1 / support));
      shares.push(distance < 1 ? 1 - distance : 0);
      sum += shares.at(-1);
    }
    found.push({ first, shares: Int32Array.from(shares, (share) => Math.trunc(0.5 + (share / sum) * 2 ** BITS)) });
  }
  return found;
}

function horizontal(image, width, box) {
  if (width === image.width && box === width) return image;
  const data = new Uint8Array(width * image.height * CHANNELS);
  const weights = weightsOf(image.width, box, width);
  for (let y = 0, to = 0; y < image.height; y++) {
    const row = y * image.width * CHANNELS;
    for (let x = 0; x < width; x++, to += CHANNELS) {
      const { first, shares } = weights[x];
      weigh(image.data, row + first * CHANNELS, CHANNELS, shares, data, to);
    }
  }
  return { width, height: image.height, data };
}

function vertical(image, height, box) {
  if (height === image.height && box === height) return image;
  const row = image.width * CHANNELS;
  const data = new Uint8Array(row * height);
  weightsOf(image.height, box, height).forEach(({ first, shares }, y) => {
    for (let x = 0; x < row; x += CHANNELS) weigh(image.data, first * row + x, row, shares, data, y * row + x);
  });
  return { width: image.width, height, data };
}

/** Write the weighted sum of pixels that lie `step` apart. */
function weigh(source, from, step, shares, target, to) {
  let red = 1 << (BITS - 1);
  let green = red;
  let blue = red;
  for (let index = 0; index < shares.length; index++, from += step) {
    const share = shares[index];
    red += source[from] * share;
    green += source[from + 1] * share;
    blue += source[from + 2] * share;
  }
  target[to] = Math.min(red >> BITS, 255);
  target[to + 1] = Math.min(green >> BITS, 255);
  target[to + 2] = Math.min(blue >> BITS, 255);
}
