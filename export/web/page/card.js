// Cards: an answer as a person reads it, in words first.

import { shareOf } from "./words.js";

/** Make an element; children that are texts stay texts, whatever they hold. */
export function make(name, attributes = {}, ...children) {
  const space = ["svg", "rect", "line"].includes(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return a card: a title, what it means, and what else there is to show. */
export function card(kind, title, text, ...parts) {
  return make("div", { class: `answer ${kind}` }, make("h2", {}, title), make("p", {}, text), ...parts);
}

/** Return the card of an answer: every class, what to do next, and what it took. */
export function answerCard(found, name, { words, sidecar }) {
  const [title, text] = meaning(found, { words, sidecar });
  const rows = found.label || found.labels ? bars(found, words, sidecar.contract.confidence_threshold) : [];
  const more = ["uncertain", "rejected"].includes(found.status) ? steps(words, `steps_${found.status}`) : [];
  const milliseconds = Math.round(found.milliseconds);
  const took = found.status === "error" ? name : words("took", { name, milliseconds, model: sidecar.name });
  return card(found.status, title, text, ...rows, ...more, make("p", { class: "small" }, took));
}

function steps(words, key) {
  const items = words(key)
    .split("|")
    .map((step) => make("li", {}, step));
  return [make("p", { class: "next" }, words("next")), make("ul", {}, ...items)];
}

/** Return an answer in a few words, and what it means. */
export function meaning(found, { words, sidecar: { contract } }) {
  if (found.status === "error") return [words("status_error"), words(found.key, found.values)];
  if (found.status === "rejected") {
    const [score, threshold] = [found.score.toPrecision(2), contract.in_distribution_threshold.toPrecision(2)];
    return [words("status_rejected"), words("meaning_rejected", { score, threshold })];
  }
  const calibrated = words(contract.adopted ? "not_calibrated" : "calibrated");
  if (found.labels) {
    const named = found.labels.map(words.label).join(", ") || words("none_of_them");
    return [named, `${words("meaning_several")} ${calibrated}`];
  }
  const values = {
    label: words.label(found.label),
    share: shareOf(found.probability),
    threshold: shareOf(contract.confidence_threshold),
  };
  const title = found.status === "ok" ? values.label : words("status_uncertain");
  return [title, `${words(`meaning_${found.status}`, values)} ${calibrated}`];
}

function bars({ probabilities }, words, threshold) {
  const sorted = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const rows = sorted.map(([label, share]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, words.label(label)),
      make("td", {}, bar(share, threshold)),
      make("td", {}, shareOf(share)),
    ),
  );
  const table = make(
    "table",
    { class: "bars" },
    make("caption", {}, words("probabilities")),
    make("tbody", {}, ...rows),
  );
  return threshold
    ? [table, make("p", { class: "small" }, words("threshold", { share: shareOf(threshold) }))]
    : [table];
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

/** Return an answer in a few words, for a table. */
export function verdict(found, shown) {
  const [title] = meaning(found, shown);
  return found.status === "uncertain" ? `${title}: ${shown.words.label(found.label)}` : title;
}
