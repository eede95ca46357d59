// JPEG: whether a file holds all of its image data, as edge/images/jpeg.py tells it; decoders fill what is missing.

const [START_OF_SCAN, END_OF_IMAGE, RESTART_INTERVAL, APP1] = [0xda, 0xd9, 0xdd, 0xe1];
const FRAMES = new Set([0xc0, 0xc1, 0xc2, 0xc9, 0xca]);
const PROGRESSIVE = new Set([0xc2, 0xca]);
const LAST = 8; // pixels of the last block's side
const PROBE = Uint8Array.from({ length: 4096 }, (_, place) => (197 * place) % 255);
const STRIPE = 256; // rows that are compared at a time

/** Return what the segments say, and where the image data end; null for a file that is cut or has another form. */
export function scansOf(content) {
  const found = {
    end: 0,
    frame: null,
    exif: null,
    progressive: false,
    scans: 0,
    coefficients: new Set(),
    lacks: false,
  };
  let interval = 0;
  for (let place = 2; place + 1 < content.length;) {
    if (content[place] !== 0xff) return null;
    const marker = content[place + 1];
    if (marker === END_OF_IMAGE) return found.frame ? { ...found, end: place } : null;
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      place += marker === 0xff ? 1 : 2;
      continue;
    }
    if (place + 4 > content.length) return null;
    const length = (content[place + 2] << 8) | content[place + 3];
    const part = content.subarray(place + 4, place + 2 + length);
    if (marker === APP1 && String.fromCharCode(...part.subarray(0, 6)) === "Exif\0\0") found.exif ??= place + 10;
    place += 2 + length;
    if (FRAMES.has(marker) && part.length > 6) [found.frame, found.progressive] = [part, PROGRESSIVE.has(marker)];
    if (marker === RESTART_INTERVAL) interval = (part[0] << 8) | part[1];
    if (marker !== START_OF_SCAN || part.length === 0) continue;
    found.scans += 1;
    const names = part.subarray(1, 1 + 2 * part[0]).filter((_, index) => index % 2 === 0);
    if (found.frame && names.includes(found.frame[6])) {
      for (let k = part[1 + 2 * part[0]]; k <= part[2 + 2 * part[0]]; k++) found.coefficients.add(k);
    }
    let restarts = 0;
    for (; ; place++) {
      place = content.indexOf(0xff, place);
      if (place < 0 || place + 1 >= content.length) return null;
      const next = content[place + 1];
      if (next >= 0xd0 && next <= 0xd7) restarts += 1;
      else if (next !== 0 && next !== 0xff) break;
    }
    if (interval && found.frame) found.lacks ||= restarts < restartsOf(found.frame, names, interval);
  }
  return null;
}

/** Return how many restart markers a scan of these components has, by ITU-T T.81. */
function restartsOf(frame, names, interval) {
  let [height, width] = [(frame[1] << 8) | frame[2], (frame[3] << 8) | frame[4]];
  const sampled = new Map();
  for (let at = 6; at + 2 < frame.length; at += 3) sampled.set(frame[at], [frame[at + 1] >> 4, frame[at + 1] & 15]);
  let across = Math.max(...[...sampled.values()].map(([one]) => one));
  let down = Math.max(...[...sampled.values()].map(([, one]) => one));
  if (names.length === 1) {
    const own = sampled.get(names[0]) ?? [across, down];
    [width, height] = [Math.ceil((width * own[0]) / across), Math.ceil((height * own[1]) / down)];
    across = down = 1;
  }
  const blocks = Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
  return Math.trunc((blocks - 1) / interval);
}

/** Return whether a decoded JPEG, as it is stored, may lack data: it is progressive, or its last block is middle grey. */
export function mayLackData(jpeg, stored) {
  if (jpeg.progressive) return true;
  const pixels = stored.rows(stored.height - LAST, LAST);
  const begin = (stored.width - LAST) * 4;
  for (let row = 0; row < LAST; row++) {
    for (let at = row * stored.width * 4 + begin; at < (row + 1) * stored.width * 4; at++) {
      const level = pixels[begin + (at % 4)];
      if (at % 4 < 3 && (pixels[at] !== level || (level !== 127 && level !== 128))) return false;
    }
  }
  return true;
}

/** Return whether scans are short of markers, or a progressive file of coefficients. */
export function lacksParts(jpeg) {
  return jpeg.lacks || (jpeg.progressive && jpeg.coefficients.size < 64);
}

/** Return a JPEG with more data before their end: they change the picture where its own have ended too early. */
export function probed(content, end) {
  const found = new Uint8Array(content.length + PROBE.length);
  found.set(content.subarray(0, end));
  found.set(PROBE, end);
  found.set(content.subarray(end), end + PROBE.length);
  return found;
}

/** Return whether two pages of one size have the same pixels. */
export function samePixels(page, other) {
  for (let top = 0; top < page.height; top += STRIPE) {
    const count = Math.min(STRIPE, page.height - top);
    const [one, two] = [page.rows(top, count), other.rows(top, count)];
    if (one.some((level, place) => level !== two[place])) return false;
  }
  return true;
}
