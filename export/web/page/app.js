// App: what a person sees and does. Pictures go to the engine, a worker of this page, and nowhere else.

import { csvOf } from "./answer.js";
import { answerCard, card, make, meaning, verdict } from "./card.js";
import { shareOf, wordsFor } from "./words.js";

const FOR = [214, 39, 40];
const AGAINST = [31, 119, 180];
const by = (id) => document.getElementById(id);
// A worker from a blob obeys the policy of this page; one from an address would obey the server's alone, which has none.
const starter = new Blob([`import ${JSON.stringify(new URL("engine.js", location.href))};`], {
  type: "text/javascript",
});
const engine = new Worker(URL.createObjectURL(starter), { type: "module" });
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

function show(element) {
  by("answer").replaceChildren(element);
}

/** Show one of the answers with its picture. */
function open({ name, file, found }) {
  show(answerCard(found, name, { words, sidecar }));
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
  parts.forEach((part, cell) =>
    pixels.data.set([...(part > 0 ? FOR : AGAINST), Math.round((255 * Math.abs(part)) / most)], 4 * cell),
  );
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function list() {
  by("several").hidden = answers.length < 2;
  by("rows").replaceChildren(
    ...answers.map((one, index) => {
      const button = make("button", { type: "button" }, one.name);
      button.onclick = () => open(one);
      const { found } = one;
      return make(
        "tr",
        {},
        make("td", {}, `${index + 1}`),
        make("td", {}, button),
        make("td", {}, verdict(found, { words, sidecar })),
        make("td", {}, found.probability === undefined ? "" : shareOf(found.probability)),
      );
    }),
  );
  const link = by("csv");
  URL.revokeObjectURL(link.href);
  const table = csvOf(answers, sidecar.contract, (found) => meaning(found, { words, sidecar })[1]);
  link.href = URL.createObjectURL(new Blob([table], { type: "text/csv" }));
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
    by("answer").scrollIntoView({ block: "nearest" }); // on a phone the examples lie above it
  }
}

function facts({ check }) {
  const { contract, model, version } = sidecar;
  const { preprocessing, trained_on: learned } = contract;
  const lines = [
    contract.adopted
      ? words("about_adopted", { architecture: contract.architecture, framework: contract.adopted.framework })
      : words("about", {
          architecture: contract.architecture,
          precision: contract.precision,
          images: learned.images,
          auxiliary: learned.auxiliary_images,
        }),
    words("about_sees", {
      width: preprocessing.width,
      height: preprocessing.height,
      labels: contract.labels.map(words.label).join(", "),
    }),
    words("about_file", { name: sidecar.name, digest: model.sha256, version }),
    words("check_passed"),
  ];
  const heads = ["check_picture", "check_pixels", "check_logits", "check_most"].map((key) =>
    make("th", { scope: "col" }, words(key)),
  );
  const rows = check.map((one) => [
    one.picture,
    words(one.samePixels ? "check_same" : "check_other"),
    one.difference.toExponential(1),
    `${one.allowed}`,
  ]);
  const body = rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
  by("model").append(
    ...lines.map((line) => make("p", { class: "small" }, line)),
    make("div", { class: "facts", tabindex: 0, role: "group", "aria-label": words("check") }, table),
    make("ul", { class: "small" }, ...sidecar.notices.map((name) => make("li", {}, make("a", { href: name }, name)))),
  );
}

/** Show the examples, which are here once the page is loaded. */
async function exemplify() {
  for (const name of sidecar.examples) {
    const file = new File([await (await fetch(`examples/${name}`)).blob()], name);
    const [label, acquisition] = name.split(".")[0].split("-");
    const said = `${words.label(label)}, ${words(acquisition)}`;
    const button = make(
      "button",
      { type: "button" },
      make("img", { src: URL.createObjectURL(file), alt: "" }),
      make("span", {}, said),
    );
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
  const heads = ["#", "table_image", "table_answer", "table_probability"].map((key) =>
    make("th", { scope: "col" }, key === "#" ? key : words(key)),
  );
  by("heads").append(...heads);
  for (const id of ["files", "camera"]) by(id).disabled = true;
  by("loading").setAttribute("aria-label", words("browser_loading"));
  show(card("waiting", words("browser_loading"), words("browser_loading_text")));
  try {
    const started = await ask("start");
    sidecar = started.sidecar;
    facts(started);
    await exemplify();
  } catch (error) {
    by("loading").hidden = true;
    const { key, values } = error.key ? error : { key: "browser_failed", values: { reason: error } };
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
begin().catch((error) => by("answer").replaceChildren(`This page is not whole (${error}): copy its folder again.`));
