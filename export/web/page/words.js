// Words: what the page says, in the language of whoever reads it, from the texts of the demo.

const LANGUAGES = ["en", "de", "fr"];

/** Return what says things in the first language of the reader that there is. */
export async function wordsFor(wanted) {
  const language =
    wanted.map((name) => name.toLowerCase().split("-")[0]).find((name) => LANGUAGES.includes(name)) ?? LANGUAGES[0];
  const texts = await (await fetch(`texts/${language}.json`)).json();
  const words = (key, values = {}) =>
    texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]).replace(/^# |\*\*/g, "");
  words.language = language;
  words.label = (label) => texts[`class_${label}`] ?? label.replaceAll("_", " ");
  return words;
}

/** Return a probability as per cent; what is not certain is never written as 0 or 100. */
export function shareOf(probability) {
  if (probability > 0 && probability < 0.0005) return "<0.1%";
  if (probability < 1 && probability >= 0.9995) return ">99.9%";
  const whole = (probability >= 0.005 && probability < 0.995) || probability === 0 || probability === 1;
  return `${(100 * probability).toFixed(whole ? 0 : 1)}%`;
}
