/* How amounts are written, and what helps against which refusal. */

const SHOWN_DIGITS = 4;
const CENT_DIGITS = 7; // Ten million nanos are a cent.

/* Dollars (or the tenant's money) as a decimal text of any length → nanos, rounded up. */
export function nanosOf(decimal) {
  const [units, fraction = ""] = decimal.split(".");
  const nanos = BigInt(units) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return nanos + (/[1-9]/.test(fraction.slice(9)) ? 1n : 0n);
}

/* Nanos → a decimal text without the zeros at its end, two digits at least. */
export function decimalOf(nanos) {
  const digits = nanos.toString().padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0{1,7}$/, "");
  return `${digits.slice(0, -9)}.${fraction}`;
}

const { lang } = document.documentElement;
const POINT = (0.5).toLocaleString(lang).charAt(1);

export const count = (number) => number.toLocaleString(lang);
export const hundredths = (number) => number.toFixed(2).replace(".", POINT);

/* A decimal text as an amount of the page's language: $1.25, or 1,25 $ */
export const written = (symbol, decimal) =>
  interpolate(gettext("%(symbol)s%(number)s"), { symbol, number: decimal.replace(".", POINT) }, true);

/* A text whose %(places)s are elements. */
export const sentence = (text, parts) =>
  text.split(/%\((\w+)\)s/).map((piece, index) => (index % 2 ? parts[piece] : piece));

export function element(tag, { text, className, title, ...more } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  if (title) made.title = title;
  for (const [name, value] of Object.entries(more)) made.setAttribute(name, value);
  made.append(...children.filter(Boolean));
  return made;
}

/* An amount of nanos to four digits that count, cents at least; the exact one as its
   title. */
export function amount(symbol, nanos) {
  const spare = Math.min(Math.max(nanos.toString().length - SHOWN_DIGITS, 0), CENT_DIGITS);
  const step = 10n ** BigInt(spare);
  const shown = ((nanos + step / 2n) / step) * step;
  return element("span", {
    text: written(symbol, decimalOf(shown)),
    className: "exact",
    title: interpolate(gettext("Exactly %(amount)s"), { amount: written(symbol, decimalOf(nanos)) }, true),
  });
}

const HELP = {
  insufficient_credit: [gettext("Add credit"), "credit"],
  spend_limit_reached: [gettext("Raise the limit, or wait for the next day or month"), "limits"],
  tenant_suspended: [gettext("The portal says why; ask the operator"), "overview"],
  payment_overdue: [gettext("Pay the invoice; calls are answered again at once"), "billing"],
  rate_limit_exceeded: [gettext("Wait a moment, or raise the limit"), "limits"],
  request_exceeds_rate_limit: [gettext("Lower the most tokens, or shorten the prompt"), "limits"],
  concurrency_limit_exceeded: [gettext("Wait until another call has ended"), "limits"],
  model_not_priced: [gettext("The operator has not priced this model; take another"), "prices"],
  model_not_found: [gettext("The model is no longer served; load this page anew"), "status"],
  model_not_allowed: [gettext("Your playground's key may not call it"), "api_keys"],
  engine_not_ready: [gettext("Its engine is not ready: see how far it is"), "status"],
  engine_unavailable: [gettext("Try again; see whether an engine is up"), "status"],
  engine_timeout: [gettext("Try again with fewer tokens"), "status"],
  overloaded: [gettext("All engines are busy: try again in a moment"), "status"],
  unreachable: [gettext("See whether it is up, and try again"), "status"],
  context_length_exceeded: [gettext("Clear the conversation, or lower the most tokens"), null],
  kv_leases_not_offered: [gettext("Keep no KV, or take another memory or model"), "prices"],
  kv_capacity_exhausted: [gettext("There is no room to keep it: try without"), "leases"],
  kv_lease_not_found: [gettext("The lease has ended: send it again"), null],
  too_many_api_keys: [gettext("Revoke keys that nobody uses"), "api_keys"],
  revoked_api_key: [gettext("Your playground's key was revoked: send it again"), "api_keys"],
};

/* [what to do, page of `links` or null] */
export function helpFor({ code, status }) {
  if (HELP[code]) return HELP[code];
  if (status === 400) return [gettext("Correct what the message names, and send it again"), null];
  if (status >= 500 || !status) return [gettext("Try again in a moment"), "status"];
  return [gettext("Look at your keys and limits"), "limits"];
}
