// App: what a person sees and does. Pictures go to the engine, a worker of this page, and nowhere else.

import { shareOf, wordsFor } from "./words.js";

const FOR = [214, 39, 40];
const AGAINST = [31, 119, 180];
const by = (id) => document.getElementById(id);
const engine = new Worker("engine.js", { type: "module" });
const waiting = new Map();
const answers = []; // {name, file, found} in the order of their choice
let words;
let sidecar;
let turn = 0;

engine.onmessage = ({ data: { id, kind, ...given } }) => {
  if (kind === "progress") {
    by("loading").value = given.done / given.total;
    return;
  }
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (kind === "done") resolve(given);
  else reject(given);
};
engine.onerror = () => show(card("error", words("browser_error"), words("browser_old")));

function ask(kind, given = {}) {
  return new Promise((resolve, reject) => {
    const id = crypto.randomUUID();
    waiting.set(id, { resolve, reject });
    engine.postMessage({ id, kind, ...given });
  });
}

/** Make an element; children that are texts stay texts, whatever they hold. */
function make(name, attributes = {}, ...children) {
  const space = ["svg", "rect", "line"].includes(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function show(element) {
  by("answer").replaceChildren(element);
}

function card(kind, title, text, ...parts) {
  return make("div", { class: `answer ${kind}` }, make("h2", {}, title), make("p", {}, text), ...parts);
}

function steps(key) {
  const items = words(key).split("|").map((step) => make("li", {}, step));
  return [make("p", { class: "next" }, words("next")), make("ul", {}, ...items)];
}

/** Return an answer in a few words, and what it means. */
function meaning(found) {
  const { contract } = sidecar;
  if (found.status === "error") return [words("status_error"), words(found.key, found.values)];
  if (found.status === "rejected") {
    const [score, threshold] = [found.score.toPrecision(2), contract.in_distribution_threshold.toPrecision(2)];
    return [words("status_rejected"), words("meaning_rejected", { score, threshold })];
  }
  const calibrated = words(contract.adopted ? "not_calibrated" : "calibrated");
  if (found.labels) return [found.labels.map(words.label).join(", ") || words("none_of_them"), `${words("meaning_several")} ${calibrated}`];
  const values = { label: words.label(found.label), share: shareOf(found.probability), threshold: shareOf(contract.confidence_threshold) };
  const title = found.status === "ok" ? values.label : words("status_uncertain");
  return [title, `${words(`meaning_${found.status}`, values)} ${calibrated}`];
}

function bars({ probabilities }) {
  const threshold = sidecar.contract.confidence_threshold;
  const sorted = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const rows = sorted.map(([label, share]) =>
    make("tr", {}, make("th", { scope: "row" }, words.label(label)), make("td", {}, bar(share, threshold)), make("td", {}, shareOf(share))),
  );
  const table = make("table", { class: "bars" }, make("caption", {}, words("probabilities")), make("tbody", {}, ...rows));
  return threshold ? [table, make("p", { class: "small" }, words("threshold", { share: shareOf(threshold) }))] : [table];
}

function bar(share, threshold) {
  const [x1, x2] = [100 * threshold, 100 * threshold];
  const line = make("line", { class: "threshold", x1, x2, y1: 0, y2: 14 });
  return make(
    "svg",
    { viewBox: "0 0 100 14", preserveAspectRatio: "none", "aria-hidden": "true" },
    make("rect", { class: "track", width: 100, height: 14 }),
    make("rect", { class: "fill", width: 100 * share, height: 14 }),
    ...(threshold ? [line] : []),
  );
}

/** Show one of the answers with its picture. */
function open({ name, file, found }) {
  const [title, text] = meaning(found);
  const more = ["uncertain", "rejected"].includes(found.status) ? steps(`steps_${found.status}`) : [];
  const rows = found.label || found.labels ? bars(found) : [];
  const took = found.milliseconds ? words("took", { name, milliseconds: Math.round(found.milliseconds), model: sidecar.name }) : name;
  show(card(found.status, title, text, ...rows, ...more, make("p", { class: "small" }, took)));
  const picture = by("page");
  URL.revokeObjectURL(picture.src);
  by("shown").hidden = found.status === "error";
  if (found.status === "error") return;
  picture.src = URL.createObjectURL(file);
  picture.alt = `${words("picture")}: ${name}`;
  const { heatmap } = found;
  by("note").textContent = heatmap ? words("heatmap_note", { label: words.label(found.label) }) : "";
  by("strength-label").hidden = by("heatmap").hidden = !heatmap;
  if (heatmap) paint(heatmap);
}

/** Paint what speaks for the answer in red and against it in blue; the browser smooths it over the page. */
function paint({ rows, columns, parts }) {
  const canvas = by("heatmap");
  [canvas.width, canvas.height] = [columns, rows];
  const pixels = new ImageData(columns, rows);
  const most = Math.max(...parts.map(Math.abs), 1e-12);
  parts.forEach((part, cell) => pixels.data.set([...(part > 0 ? FOR : AGAINST), Math.round((255 * Math.abs(part)) / most)], 4 * cell));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function list() {
  by("several").hidden = answers.length < 2;
  by("rows").replaceChildren(
    ...answers.map((one, index) => {
      const button = make("button", { type: "button" }, one.name);
      button.onclick = () => open(one);
      const { found } = one;
      const said = found.status === "uncertain" ? `${words("status_uncertain")}: ${words.label(found.label)}` : meaning(found)[0];
      return make("tr", {}, make("td", {}, `${index + 1}`), make("td", {}, button), make("td", {}, said), make("td", {}, found.probability === undefined ? "" : shareOf(found.probability)));
    }),
  );
  const link = by("csv");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
}

/** Return the answers with the columns of `edge predict --format csv`. */
function csv() {
  const { labels, activation } = sidecar.contract;
  const several = activation === "sigmoid";
  const heads = ["image", "page", "status", "label", "probability", ...labels.map((label) => `probability_${label}`), "in_distribution", "reason", "error", "heatmap"];
  const lines = answers.map(({ name, found }) => {
    const why = found.status === "ok" || found.status === "uncertain" ? "" : meaning(found)[1];
    const shares = labels.map((label) => found.probabilities?.[label]);
    const notes = [found.score, found.status === "rejected" ? why : "", found.status === "error" ? why : "", ""];
    return [name, "", found.status, found.label, found.probability, ...shares, ...notes, ...(several ? [found.labels?.join("|")] : [])];
  });
  const quoted = (value) => (/[",\n\r]/.test(value ?? "") ? `"${value.replaceAll('"', '""')}"` : (value ?? ""));
  return [several ? [...heads, "labels"] : heads, ...lines].map((line) => `${line.map(quoted).join(",")}\n`).join("");
}

/** Answer pictures one after another; the next choice ends this one. */
async function read(files) {
  const mine = ++turn;
  answers.length = 0;
  for (const file of files) {
    show(card("waiting", words("browser_reading"), file.name));
    const found = await ask("answer", { file }).catch((error) => ({ status: "error", ...error }));
    if (mine !== turn) return;
    answers.push({ name: file.name, file, found });
    open(answers.at(-1));
    list();
  }
}

function facts({ check }) {
  const { contract, model, version } = sidecar;
  const { preprocessing, trained_on: learned } = contract;
  const lines = [
    contract.adopted
      ? words("about_adopted", { architecture: contract.architecture, framework: contract.adopted.framework })
      : words("about", { architecture: contract.architecture, precision: contract.precision, images: learned.images, auxiliary: learned.auxiliary_images }),
    words("about_sees", { width: preprocessing.width, height: preprocessing.height, labels: contract.labels.map(words.label).join(", ") }),
    words("about_file", { name: sidecar.name, digest: model.sha256, version }),
    words("check_passed"),
  ];
  const heads = ["check_picture", "check_pixels", "check_logits", "check_most"].map((key) => make("th", { scope: "col" }, words(key)));
  const rows = check.map((one) => [one.picture, words(one.samePixels ? "check_same" : "check_other"), one.difference.toExponential(1), `${one.allowed}`]);
  const body = rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
  const notice = make("a", { href: "NOTICE" }, "NOTICE");
  const others = make("a", { href: "ThirdPartyNotices.txt" }, "ThirdPartyNotices.txt");
  by("model").append(
    ...lines.map((line) => make("p", { class: "small" }, line)),
    make("div", { class: "facts", tabindex: 0, role: "group", "aria-label": words("check") }, table),
    make("p", { class: "small" }, notice, " · ", others),
  );
}

/** Show the examples, which are here once the page is loaded. */
async function exemplify() {
  for (const name of sidecar.examples) {
    const file = new File([await (await fetch(`examples/${name}`)).blob()], name);
    const [label, acquisition] = name.split(".")[0].split("-");
    const said = `${words.label(label)}, ${words(acquisition)}`;
    const button = make("button", { type: "button" }, make("img", { src: URL.createObjectURL(file), alt: "" }), make("span", {}, said));
    button.onclick = () => read([file]);
    by("examples").append(button);
  }
  by("examples-title").hidden = sidecar.examples.length === 0;
}

function listen() {
  for (const id of ["files", "camera"]) {
    by(id).onchange = ({ target }) => {
      const files = [...target.files];
      target.value = "";
      read(files);
    };
  }
  by("strength").oninput = ({ target }) => (by("heatmap").style.opacity = target.value / 100);
  by("heatmap").style.opacity = by("strength").value / 100;
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    read([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) read(files);
  });
}

async function begin() {
  words = await wordsFor(navigator.languages);
  document.documentElement.lang = words.language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = words(element.dataset.text);
  const heads = ["#", "table_image", "table_answer", "table_probability"].map((key) => make("th", { scope: "col" }, key === "#" ? key : words(key)));
  by("heads").append(...heads);
  for (const id of ["files", "camera"]) by(id).disabled = true;
  by("loading").setAttribute("aria-label", words("browser_loading"));
  show(card("waiting", words("browser_loading"), words("browser_loading_text")));
  try {
    const started = await ask("start");
    sidecar = started.sidecar;
    facts(started);
    await exemplify();
  } catch ({ key, values }) {
    by("loading").hidden = true;
    show(card("error", words("browser_error"), words(key, values)));
    return;
  }
  by("loading").hidden = true;
  for (const id of ["files", "camera"]) by(id).disabled = false;
  listen();
  show(card("waiting", words("waiting"), words("browser_waiting")));
  document.body.dataset.ready = "";
}

navigator.serviceWorker?.register("service-worker.js");
begin();
