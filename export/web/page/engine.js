// Engine: the model in a worker of its own, so that the page stays alive while a picture is read and answered.

import { contributions, decide } from "./answer.js";
import * as ort from "./ort.js";
import { opened, PageError } from "./picture.js";
import { prepared } from "./pixels.js";
import { hex, selftest } from "./selftest.js";

const SIMD = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);
const here = (file) => new URL(file, import.meta.url).href;
let session;
let contract;

/** Fetch a gzipped file, or take it as it was kept; say how far it is, unpack and check it, and keep it then. */
async function unpacked({ file, sha256, bytes }, progress) {
  const cache = await caches.open(`ecg ${here("./")} ${sha256}`).catch(() => null); // not everywhere
  const kept = await cache?.match(here(file));
  const answer = kept ?? (await fetch(here(file)));
  if (!answer.ok) throw new PageError("browser_missing", { file });
  const copy = kept ? null : answer.clone();
  const counted = new TransformStream({
    transform(chunk, controller) {
      progress(chunk.length);
      controller.enqueue(chunk);
    },
  });
  const stream = answer.body.pipeThrough(counted).pipeThrough(new DecompressionStream("gzip"));
  const content = new Uint8Array(await new Response(stream).arrayBuffer().catch(() => new ArrayBuffer(0)));
  if (content.length !== bytes || hex(await crypto.subtle.digest("SHA-256", content)) !== sha256) {
    await cache?.delete(here(file));
    throw new PageError("browser_changed", { file });
  }
  if (copy) await cache?.put(here(file), copy).catch(() => {}); // there may be no room: it is fetched again next time
  return content;
}

async function start() {
  if (!isSecureContext) throw new PageError("browser_insecure");
  if (
    typeof DecompressionStream === "undefined" ||
    typeof OffscreenCanvas === "undefined" ||
    !WebAssembly.validate(SIMD)
  ) {
    throw new PageError("browser_old");
  }
  const answer = await fetch(here("contract.json"));
  if (!answer.ok) throw new PageError("browser_missing", { file: "contract.json" });
  const sidecar = await answer.json();
  const wanted = [sidecar.runtime, sidecar.model];
  const total = wanted.reduce((sum, { packed }) => sum + packed, 0);
  let done = 0;
  const progress = (count) => postMessage({ kind: "progress", done: (done += count), total });
  const [runtime, model] = await Promise.all(wanted.map((one) => unpacked(one, progress)));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = runtime;
  session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  contract = sidecar.contract;
  const check = await selftest(sidecar, run);
  if (!check.every(({ passed }) => passed)) throw new PageError("browser_selftest");
  return { sidecar, check };
}

/** Return the model's outputs, arrays of numbers by name, for prepared pixels. */
async function run(pixels) {
  const { height, width } = contract.preprocessing;
  const found = await session.run({ image: new ort.Tensor("uint8", pixels, [1, height, width, 3]) });
  return Object.fromEntries(
    Object.entries(found).map(([name, tensor]) => [name, Object.assign(tensor.data, { dims: tensor.dims })]),
  );
}

async function answer({ file }) {
  const begun = performance.now();
  const page = await opened(new Uint8Array(await file.arrayBuffer()));
  const pixels = prepared(page, contract.preprocessing.width, contract.preprocessing.height);
  page.close(); // not when memory is wanted: many pictures may follow
  const outputs = await run(pixels);
  const found = decide(outputs, contract);
  const heatmap = outputs.heatmap && found.label !== null ? explained(outputs.heatmap, found.label) : null;
  return { ...found, heatmap, milliseconds: performance.now() - begun };
}

function explained(heatmap, label) {
  const [, rows, columns] = heatmap.dims;
  return { rows, columns, parts: contributions(heatmap, contract.labels.length, contract.labels.indexOf(label)) };
}

const COMMANDS = { start, answer };
let last = Promise.resolve();

onmessage = ({ data: { id, kind, ...given } }) => {
  last = last.then(async () => {
    try {
      postMessage({ id, kind: "done", ...(await COMMANDS[kind](given)) });
    } catch (error) {
      const { key, values } =
        error instanceof PageError ? error : { key: "browser_failed", values: { reason: String(error) } };
      postMessage({ id, kind: "failed", key, values });
    }
  });
};
