// Pictures: from a file to one upright page, as edge/images/page.py opens it, or a sentence that says why not.

import { lacksParts, mayLackData, probed, samePixels, scansOf } from "./jpeg.js";

const MIN_SIDE = 64; // pixels, as edge has it
const MAX_PIXELS = 89_478_485;
const MOST_DECODED = 2_000_000_000; // pixels times scans of a progressive JPEG
const READERS = [
  [/^\xff\xd8\xff/, jpegHead],
  [/^\x89PNG\r\n\x1a\n/, pngHead],
  [/^RIFF....WEBP/s, webpHead],
  [/^BM/, bmpHead],
];
const OTHER_KINDS = [
  [/^(II\*\0|MM\0\*|II\+\0|MM\0\+)/, "TIFF"],
  [/^%PDF-/, "PDF"],
  [/^....ftyp(hei|hev|mif1|msf1)/s, "HEIC"],
  [/^....ftypavi[fs]/s, "AVIF"],
  [/^GIF8/, "GIF"],
  [/^.{128}DICM/s, "DICOM"],
];

/** Say why a file has no page: the key of a text and what is filled in. */
export class PageError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** Open a file's bytes as a page: {width, height, rows(top, count), close()}, upright, RGBA. */
export async function opened(content) {
  const head = headOf(content);
  if (Math.min(head.width, head.height) < MIN_SIDE)
    throw new PageError("browser_small", { ...sizes(head), least: MIN_SIDE });
  if (head.width * head.height > MAX_PIXELS) throw new PageError("browser_large", { ...sizes(head), most: MAX_PIXELS });
  const bitmap = await decoded(head.content, head);
  if (head.jpeg && (await lacksData(head, bitmap))) throw new PageError("browser_cut");
  return upright(bitmap, head);
}

async function lacksData(head, bitmap) {
  const stored = upright(bitmap, { orientation: 1, alpha: false });
  if (!mayLackData(head.jpeg, stored)) return false;
  if (lacksParts(head.jpeg)) return true;
  const other = upright(await decoded(probed(head.content, head.jpeg.end), head), { orientation: 1, alpha: false });
  const differs = !samePixels(stored, other);
  other.close();
  return differs;
}

function sizes({ width, height }) {
  return { width, height };
}

async function decoded(content, head) {
  const settings = { colorSpaceConversion: "none", premultiplyAlpha: head.alpha ? "none" : "default" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([content], { type: head.type }), settings);
  } catch {
    throw new PageError("browser_damaged");
  }
  if (bitmap.width !== head.width || bitmap.height !== head.height) throw new PageError("browser_damaged");
  return bitmap;
}

/** Return what the first bytes say: type, size, orientation, whether pixels may be transparent. */
function headOf(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const text = String.fromCharCode(...content.subarray(0, 132));
  const [, reader] = READERS.find(([mark]) => mark.test(text)) ?? [];
  if (!reader) {
    const kind = OTHER_KINDS.find(([mark]) => mark.test(text));
    throw kind ? new PageError("browser_kind", { kind: kind[1] }) : new PageError("browser_unknown");
  }
  try {
    return { orientation: 1, alpha: false, content, ...reader(content, view) };
  } catch (error) {
    throw error instanceof RangeError ? new PageError("browser_cut") : error; // it ends within its own head
  }
}

function jpegHead(content, view) {
  const found = scansOf(content);
  if (found === null) throw new PageError("browser_cut");
  const [bits, height, width, components] = [
    found.frame[0],
    view16(found.frame, 1),
    view16(found.frame, 3),
    found.frame[5],
  ];
  if (bits !== 8) throw new PageError("browser_form", { form: `${bits} bits` });
  if (components === 4) throw new PageError("browser_form", { form: "CMYK" });
  if (found.progressive && found.scans * width * height > MOST_DECODED)
    throw new PageError("browser_scans", { width, height, scans: found.scans });
  const turned = found.exif === null ? null : orientationAt(view, found.exif);
  return { type: "image/jpeg", width, height, jpeg: found, ...withoutTurn(content, view, turned) };
}

function view16(bytes, at) {
  return (bytes[at] << 8) | bytes[at + 1];
}

function pngHead(content, view) {
  const [width, height, bits, colours] = [view.getUint32(16), view.getUint32(20), content[24], content[25]];
  if (bits === 16) throw new PageError("browser_form", { form: "16 bits" });
  let alpha = colours === 4 || colours === 6;
  let turned = null;
  for (let place = 8, name = ""; name !== "IEND";) {
    const length = view.getUint32(place);
    name = String.fromCharCode(...content.subarray(place + 4, place + 8));
    alpha ||= name === "tRNS";
    if (name === "eXIf") turned = orientationAt(view, place + 8);
    place += length + 12;
    if (place > content.length) throw new PageError("browser_cut");
  }
  return { type: "image/png", width, height, alpha, ...withoutTurn(content, view, turned) };
}

function webpHead(content, view) {
  if (view.getUint32(4, true) + 8 > content.length) throw new PageError("browser_cut");
  const form = String.fromCharCode(...content.subarray(12, 16));
  const type = "image/webp";
  if (form === "VP8X") {
    const size = (at) => 1 + view.getUint16(at, true) + (content[at + 2] << 16);
    return {
      type,
      width: size(24),
      height: size(27),
      alpha: (content[20] & 16) > 0,
      ...withoutTurn(content, view, webpTurn(content, view)),
    };
  }
  if (form === "VP8L") {
    const bits = view.getUint32(21, true);
    return { type, width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff), alpha: (bits & (1 << 28)) !== 0 };
  }
  return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

function webpTurn(content, view) {
  for (let place = 12; place + 8 < content.length;) {
    const length = view.getUint32(place + 4, true);
    if (String.fromCharCode(...content.subarray(place, place + 4)) === "EXIF") {
      const marked = String.fromCharCode(...content.subarray(place + 8, place + 14)) === "Exif\0\0";
      return orientationAt(view, place + (marked ? 14 : 8));
    }
    place += 8 + length + (length % 2);
  }
  return null;
}

function bmpHead(content, view) {
  const [begin, width, height, bits] = [
    view.getUint32(10, true),
    view.getInt32(18, true),
    Math.abs(view.getInt32(22, true)),
    view.getUint16(28, true),
  ];
  const packed = view.getUint32(30, true);
  const row = Math.ceil((width * bits) / 32) * 4;
  if ((packed === 0 || packed === 3) && begin + row * height > content.length) throw new PageError("browser_cut");
  return { type: "image/bmp", width, height };
}

/** Return where an EXIF block at `begin` holds the orientation, its value and its byte order; null where it has none. */
function orientationAt(view, begin) {
  try {
    const little = view.getUint16(begin) === 0x4949;
    const first = begin + view.getUint32(begin + 4, little);
    const entries = view.getUint16(first, little);
    for (let entry = 0; entry < entries; entry++) {
      const at = first + 2 + 12 * entry;
      if (view.getUint16(at, little) === 0x0112) return { at: at + 8, little, value: view.getUint16(at + 8, little) };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a damaged one counts as none
  }
  return null;
}

/** Return a copy that no browser turns, since not all of them turn the same files, and how it is to be turned here. */
function withoutTurn(content, view, turned) {
  if (turned === null || turned.value < 2 || turned.value > 8) return {};
  const copy = content.slice();
  new DataView(copy.buffer).setUint16(turned.at, 1, turned.little);
  return { content: copy, orientation: turned.value };
}

/** Return a bitmap as an upright page. */
function upright(bitmap, { orientation, alpha }) {
  const read = alpha ? readerOfAlpha(bitmap) : readerOf(bitmap);
  const { width: across, height: down } = bitmap;
  const turned = orientation > 4;
  const [width, height] = turned ? [down, across] : [across, down];
  const mirrored = [2, 3, 7, 8].includes(orientation); // from the right end of a row of the file
  const upside = [3, 4, 6, 7].includes(orientation); // from its last row
  const rows = (top, count) => {
    if (orientation === 1) return read(0, top, width, count);
    const begin = turned ? (mirrored ? across - top - count : top) : upside ? down - top - count : top;
    const [broad, high] = turned ? [count, down] : [across, count];
    const source = new Uint32Array((turned ? read(begin, 0, broad, high) : read(0, begin, broad, high)).buffer);
    const target = new Uint32Array(source.length);
    for (let y = 0, place = 0; y < count; y++) {
      for (let x = 0; x < width; x++, place++) {
        const [column, row] = turned ? [y, x] : [x, y];
        target[place] = source[(upside ? high - 1 - row : row) * broad + (mirrored ? broad - 1 - column : column)];
      }
    }
    return new Uint8ClampedArray(target.buffer);
  };
  return { width, height, rows, close: () => bitmap.close() };
}

function readerOf(bitmap) {
  return (left, top, width, height) => {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, left, top, width, height, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  };
}

/** A canvas multiplies colours by their opacity and loses levels; WebGL gives them as they are. */
function readerOfAlpha(bitmap) {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl", { premultipliedAlpha: false });
  if (gl === null) throw new PageError("browser_transparent");
  const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
  if (bitmap.width > most || bitmap.height > most) throw new PageError("browser_transparent");
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(
    gl.FRAMEBUFFER,
    gl.COLOR_ATTACHMENT0,
    gl.TEXTURE_2D,
    gl.getParameter(gl.TEXTURE_BINDING_2D),
    0,
  );
  return (left, top, width, height) => {
    const pixels = new Uint8Array(width * height * 4);
    gl.readPixels(left, top, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels;
  };
}
