// Answer: what a model's outputs mean by its contract, as edge/prediction.py says it.

/** Return the answer for one page; `outputs` are arrays of numbers by name. */
export function decide(outputs, contract) {
  const score = contract.adopted ? null : outputs.in_distribution[0];
  if (score !== null && !(score >= contract.in_distribution_threshold))
    return { status: "rejected", score, label: null, probabilities: {} };
  const probabilities = Object.fromEntries(
    contract.labels.map((label, index) => [label, outputs.probabilities[index]]),
  );
  if (contract.activation === "sigmoid") {
    const labels = contract.labels.filter((label) => probabilities[label] > contract.confidence_threshold);
    return { status: "ok", score, label: null, labels, probabilities };
  }
  const label = contract.labels.reduce((best, one) => (probabilities[one] > probabilities[best] ? one : best));
  const status = probabilities[label] > contract.confidence_threshold ? "ok" : "uncertain";
  return { status, score, label, probability: probabilities[label], probabilities };
}

/** Return what each part of a page adds to a class, against the mean of all; `heatmap` is (rows, columns, classes). */
export function contributions(heatmap, classes, label) {
  const parts = new Float32Array(heatmap.length / classes);
  for (let cell = 0; cell < parts.length; cell++) {
    let sum = 0;
    for (let index = 0; index < classes; index++) sum += heatmap[cell * classes + index];
    parts[cell] = heatmap[cell * classes + label] - sum / classes;
  }
  return parts;
}

/** Return answers as `edge predict --format csv` writes them; `whyOf` says why there is none. */
export function csvOf(answers, { labels, activation }, whyOf) {
  const several = activation === "sigmoid" ? ["labels"] : [];
  const classes = labels.map((label) => `probability_${label}`);
  const heads = ["image", "page", "status", "label", "probability", ...classes];
  heads.push("in_distribution", "reason", "error", "heatmap", ...several);
  const lines = answers.map(({ name, found }) => {
    const [reason, error] = ["rejected", "error"].map((status) => (found.status === status ? whyOf(found) : ""));
    const shares = labels.map((label) => found.probabilities?.[label]);
    const all = several.map(() => found.labels?.join("|"));
    return [name, "", found.status, found.label, found.probability, ...shares, found.score, reason, error, "", ...all];
  });
  const quoted = (value) => (/[",\n\r]/.test(value ?? "") ? `"${value.replaceAll('"', '""')}"` : (value ?? ""));
  return [heads, ...lines].map((line) => `${line.map(quoted).join(",")}\n`).join("");
}
