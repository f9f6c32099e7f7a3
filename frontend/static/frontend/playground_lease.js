/* What is kept of a conversation between turns, for how long still, and whether that pays. */
import { ApiError } from "./playground_call.js";
import { amount, count, element, nanosOf, sentence, written } from "./playground_texts.js";

const BLOCK_TOKENS = 32;
const TIERS = { hbm: gettext("GPU memory"), host: gettext("host memory"), disk: gettext("on disk") };
const ENDS = {
  expired: gettext("The lease is expired"),
  released: gettext("The lease is released"),
  lost: gettext("The lease is lost"),
  ended: gettext("The lease is ended"),
};
const OUTCOMES = {
  reused: gettext("lease used"),
  diverged: gettext("lease used in part: the conversation changed"),
  lost: gettext("lease lost by the engine, at our cost"),
  expired: gettext("lease had expired"),
  released: gettext("lease was given back"),
};

export class LeaseLine {
  #root;
  #state;
  #host;
  #timer = 0;

  constructor(root, state, host) {
    this.#root = root;
    this.#state = state;
    this.#host = host;
  }

  get #isLive() {
    const { lease } = this.#state;
    return Boolean(lease?.tokens && !lease.ended && serverNow(this.#host.facts) < lease.until);
  }

  /* Id of the lease that a turn of `model` would continue; else empty. */
  liveId(model) {
    return this.#isLive && this.#state.lease.model === model ? this.#state.lease.id : "";
  }

  /* `kv_lease` of an answer. */
  hear(told, model, meter) {
    if (told.previous) {
      meter.leased = told.previous.leased_tokens;
      meter.outcome = OUTCOMES[told.previous.outcome] ?? told.previous.outcome;
    }
    const isKept = told.status === "granted" || told.status === "partial";
    if (told.status === "none") this.#state.lease = null;
    else
      this.#state.lease = {
        id: told.id,
        model,
        tokens: isKept ? told.tokens : 0,
        tier: told.tier,
        until: isKept ? Date.parse(told.expires_at) : 0,
        reason: told.reason ?? told.status,
      };
  }

  /* What the tokens of this conversation cost when the next turn reads them again, and
     what keeping them costs. A quote is free; without one nothing is shown. */
  async quote({ model, kv_retention: asked }, { input, output }) {
    const { lease } = this.#state;
    const whole = Math.floor((input + output - 1) / BLOCK_TOKENS) * BLOCK_TOKENS;
    const tokens = this.#isLive ? lease.tokens : whole;
    this.#state.quote = null;
    if (tokens > 0) {
      const timeout = asked?.timeout ?? "1m";
      const body = { model, tokens, timeout };
      try {
        const { tiers } = await this.#host.api.json("/kv_quotes", { body });
        const wanted = this.#isLive ? lease.tier : (asked?.tier ?? "auto");
        const offered = tiers.filter((one) => one.offered);
        const found = offered.find((one) => one.tier === wanted) ?? offered[0];
        if (found) this.#state.quote = { ...found, tokens, timeout };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
      }
    }
    this.render();
  }

  render() {
    clearTimeout(this.#timer);
    const { lease, quote } = this.#state;
    const children = [lease && this.#line(lease), quote && this.#next(quote)];
    this.#root.replaceChildren(...children.filter(Boolean));
    this.#root.hidden = !this.#root.childElementCount;
    if (!this.#isLive) return;
    document.dispatchEvent(new Event("tokenfab:until"));
    const left = lease.until - serverNow(this.#host.facts);
    this.#timer = setTimeout(() => this.render(), Math.min(left + 100, 2 ** 31 - 1));
  }

  #line(lease) {
    const state = (text, className) => element("span", { text, className });
    if (!lease.tokens) return element("div", {}, state(interpolate(gettext("Not kept: %(reason)s"), lease, true), "state state-wait"));
    if (!this.#isLive) {
      return element("div", {}, state(ENDS[lease.ended] ?? ENDS.expired, "state"));
    }
    const release = element("button", { text: gettext("Release"), type: "button", className: "btn btn-sm" });
    release.addEventListener("click", () => this.#release(release));
    return element(
      "div",
      {},
      state(gettext("Kept"), "state state-good"),
      state(interpolate(gettext("%(tokens)s tokens, %(tier)s"), { tokens: count(lease.tokens), tier: TIERS[lease.tier] ?? lease.tier }, true)),
      element("time", { className: "countdown", "data-until": String(lease.until) }),
      release,
    );
  }

  #next(quote) {
    const symbol = this.#host.facts.currency_symbol;
    const money = (decimal) => amount(symbol, nanosOf(decimal));
    const again = money(quote.input_saved_per_turn);
    const kept = money(quote.cost);
    const tokens = count(quote.tokens);
    const parts = { again, kept, tokens, nothing: written(symbol, "0"), time: quote.timeout };
    const text = this.#isLive
      ? gettext("Next turn: these tokens cost %(nothing)s, without the lease %(again)s. Keeping them for all of %(time)s costs %(kept)s.")
      : gettext("Next turn: it reads these %(tokens)s tokens again, for up to %(again)s. Kept for %(time)s they would cost %(nothing)s there, and %(kept)s for the time.");
    return element("p", {}, ...sentence(text, parts));
  }

  async #release(pressed) {
    const { lease } = this.#state;
    pressed.disabled = true;
    try {
      await this.#host.api.json(`/kv_leases/${lease.id}`, { method: "DELETE" });
      lease.ended = "released";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) lease.ended = "ended";
      else this.#host.announce(error.message);
    }
    this.render();
    this.#host.changed();
  }
}

/* Milliseconds since the epoch by the server's clock. */
function serverNow(facts) {
  const [loaded] = performance.getEntriesByType("navigation");
  return facts.server_ms + performance.now() - (loaded?.responseStart ?? 0);
}
