/* One conversation with one model: its turns, what they cost, and its lease. */
import { errorOf, eventsOf, ApiError } from "./playground_call.js";
import { LeaseLine } from "./playground_lease.js";
import { amount, count, element, helpFor, hundredths, nanosOf } from "./playground_texts.js";

/* What is kept of a pane:
   {model, turns: [{role, content, reasoning?, meter?, error?, isStopped?}], lease, quote,
    sent} */
export class Pane {
  #host;
  #parts = {};
  #abort = null;
  #painted = 0;
  #leaseLine;

  /* `host`: {api, facts, settings(), changed(), edit()} */
  constructor(state, host) {
    this.state = { turns: [], lease: null, quote: null, sent: null, ...state };
    this.#host = host;
    const copy = document.getElementById("pane-template").content.cloneNode(true);
    this.root = copy.firstElementChild;
    for (const part of this.root.querySelectorAll("[data-part]"))
      this.#parts[part.dataset.part] = part;
    const last = this.state.turns.at(-1);
    if (last?.role === "assistant" && !last.finish && !last.error) last.isStopped = true;
    this.#leaseLine = new LeaseLine(this.#parts.lease, this.state, host);
    this.#offerModels();
    this.render();
  }

  get isRunning() {
    return this.#abort !== null;
  }

  get lastUserTurn() {
    return this.state.turns.findLast(({ role }) => role === "user");
  }

  /* The body of the next call, `draft` being what would be said. */
  body(draft) {
    const { system, ...parameters } = this.#host.settings();
    const messages = system ? [{ role: "system", content: system }] : [];
    messages.push(...this.#answered());
    if (draft) messages.push({ role: "user", content: draft });
    const { model } = this.state;
    const kept = this.#leaseLine.liveId(model);
    return {
      model,
      messages,
      ...parameters,
      ...(kept && { kv_lease: kept }),
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      usage: { include: true },
    };
  }

  async send(draft) {
    const body = this.body(draft);
    this.state.turns.push({ role: "user", content: draft });
    this.state.sent = body;
    await this.#run(body);
  }

  /* The last message is sent once more, in place of the answer that it got. */
  async retry() {
    const { content } = this.lastUserTurn;
    this.dropLastTurn();
    await this.send(content);
  }

  dropLastTurn() {
    this.state.turns.splice(this.state.turns.lastIndexOf(this.lastUserTurn));
  }

  stop() {
    this.#abort?.abort();
  }

  /* Turns as messages; a message that got no answer is left out. */
  #answered() {
    const { turns } = this.state;
    return turns
      .filter((turn, index) => (turn.role === "user" ? turns[index + 1] : turn)?.content)
      .map(({ role, content }) => ({ role, content }));
  }

  async #run(body) {
    const turn = { role: "assistant", content: "", reasoning: "", meter: {} };
    this.state.turns.push(turn);
    this.#abort = new AbortController();
    this.#host.changed();
    this.render();
    const begun = performance.now();
    try {
      const { signal } = this.#abort;
      const answer = await this.#host.api.fetch("/chat/completions", { body, signal });
      turn.meter.requestId = answer.headers.get("x-request-id");
      if (!answer.ok) throw await errorOf(answer);
      for await (const told of eventsOf(answer)) this.#hear(turn, told, begun);
    } catch (error) {
      this.#fail(turn, error);
    } finally {
      this.#abort = null;
    }
    this.render();
    this.#host.changed();
    if (turn.isStopped) await this.#readUsage(turn);
    if (!turn.error) await this.#leaseLine.quote(body, turn.meter);
    this.#host.changed();
  }

  #hear(turn, told, begun) {
    const now = performance.now();
    const delta = told.choices?.[0]?.delta ?? {};
    const said = delta.content || delta.reasoning_content || delta.reasoning;
    turn.content += delta.content ?? "";
    turn.reasoning += delta.reasoning_content ?? delta.reasoning ?? "";
    const { meter } = turn;
    if (said) {
      meter.firstMs ??= now - begun;
      meter.lastMs = now - begun;
    }
    turn.finish = told.choices?.[0]?.finish_reason ?? turn.finish;
    if (told.usage) this.#count(meter, told);
    if (told.kv_lease) this.#leaseLine.hear(told.kv_lease, this.state.model, meter);
    this.#paint(turn);
  }

  #count(meter, { usage, kv_lease: lease }) {
    const { prompt_tokens: input, completion_tokens: output } = usage;
    const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
    const leased = lease?.previous?.leased_tokens ?? meter.leased ?? 0;
    Object.assign(meter, { input, output, cached, leased });
    if (usage.cost !== undefined) meter.cost = usage.cost;
  }

  #fail(turn, error) {
    if (error.name === "AbortError") turn.isStopped = true;
    else if (error instanceof ApiError) turn.error = error.facts;
    else throw error;
  }

  /* What a call came to whose end was not waited for; the API knows in a moment. */
  async #readUsage({ meter }) {
    if (!meter.requestId) return;
    try {
      const { usage } = await this.#host.api.json(`/usage/requests/${meter.requestId}`, {
        method: "GET",
      });
      meter.input = usage.input_tokens;
      meter.output = usage.output_tokens;
      meter.cached = usage.cached_input_tokens;
      meter.leased = usage.leased_input_tokens;
      meter.cost = usage.cost;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    this.render();
  }

  // What is shown.

  render() {
    const { turns } = this.state;
    const log = this.#parts.log;
    log.replaceChildren(...turns.map((turn) => this.#turn(turn)));
    if (!turns.length) log.append(EMPTY());
    log.scrollTop = log.scrollHeight;
    this.#parts.model.disabled = this.isRunning;
    this.#renderSums();
    this.#leaseLine.render();
  }

  /* Of a running answer, at most once a frame. */
  #paint(turn) {
    if (this.#painted) return;
    this.#painted = requestAnimationFrame(() => {
      this.#painted = 0;
      const log = this.#parts.log;
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      log.lastElementChild.replaceWith(this.#turn(turn));
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    });
  }

  #turn(turn) {
    const isLast = turn === this.state.turns.at(-1);
    const isLive = isLast && this.isRunning;
    const made = element("article", {
      className: `turn turn-${turn.role}`,
      "aria-label": turn.role === "user" ? gettext("You") : gettext("The model"),
    });
    if (turn.reasoning) made.append(reasoning(turn, isLive && !turn.content));
    made.append(text(turn.content, isLive));
    if (turn.error) made.append(this.#error(turn.error));
    made.append(turn.role === "user" ? this.#userFoot(turn) : this.#foot(turn, isLive));
    return made;
  }

  #userFoot(turn) {
    const foot = element("div", { className: "turn-foot" });
    if (turn === this.lastUserTurn && !this.isRunning)
      foot.append(button(gettext("Edit"), () => this.#host.edit(turn.content)));
    return foot;
  }

  #foot(turn, isLive) {
    const { meter } = turn;
    const foot = element("div", { className: "turn-foot" });
    const say = (text_, title) => foot.append(element("span", { text: text_, title }));
    if (meter.input !== undefined) say(...inputText(meter));
    if (meter.output !== undefined) say(interpolate(gettext("%(count)s output"), { count: count(meter.output) }, true));
    if (meter.cost !== undefined)
      foot.append(amount(this.#host.facts.currency_symbol, nanosOf(meter.cost)));
    if (meter.firstMs !== undefined)
      say(interpolate(gettext("%(seconds)s s to the first token"), { seconds: hundredths(meter.firstMs / 1000) }, true));
    if (rate(meter)) say(interpolate(gettext("%(count)s tokens/s"), { count: count(rate(meter)) }, true));
    if (turn.finish === "length") say(gettext("cut at the most tokens"));
    if (turn.isStopped) say(gettext("stopped"));
    if (meter.outcome) say(meter.outcome);
    if (!isLive && meter.requestId && !turn.error) {
      const href = this.#host.facts.call_url.replace("request-id", meter.requestId);
      const title = gettext("This call among all of yours, some seconds after it was answered");
      foot.append(element("a", { text: gettext("Call"), href, title }));
    }
    if (!isLive && turn === this.state.turns.at(-1))
      foot.append(button(gettext("Try again"), () => this.retry()));
    return foot;
  }

  #error(error) {
    const [help, page] = helpFor(error);
    const { links } = this.#host.facts;
    const wait = error.retryAfter ? ` ${interpolate(gettext("Wait %(seconds)s s."), { seconds: error.retryAfter }, true)}` : "";
    const what = page
      ? element("a", { text: help, href: links[page] })
      : element("span", { text: help });
    return element(
      "div",
      { className: "alert alert-danger", role: "alert" },
      element(
        "div",
        {},
        element("strong", { text: error.message }),
        element("div", {}, what, `.${wait}`),
        element("div", { className: "muted" }, element("code", { text: error.code })),
      ),
    );
  }

  #renderSums() {
    const meters = this.state.turns.map(({ meter }) => meter).filter((meter) => meter?.cost);
    const sum = (of) => meters.reduce((total, meter) => total + of(meter), 0);
    const nanos = meters.reduce((total, { cost }) => total + nanosOf(cost), 0n);
    const row = (name, value) => element("div", {}, element("dt", { text: name }), value);
    const number = (name, of) => row(name, element("dd", { text: count(sum(of)) }));
    const cost = element("dd", {}, amount(this.#host.facts.currency_symbol, nanos));
    this.#parts.sums.replaceChildren(
      row(gettext("Cost"), cost),
      number(gettext("New"), newTokens),
      number(gettext("Cached"), cachedBeyond),
      number(gettext("Leased"), ({ leased }) => leased),
      number(gettext("Output"), ({ output }) => output),
    );
  }

  #offerModels() {
    const select = this.#parts.model;
    for (const { name, title } of this.#host.facts.models)
      select.append(element("option", { value: name, text: title }));
    select.value = this.state.model;
    select.addEventListener("change", () => {
      this.state.model = select.value;
      this.#host.changed();
    });
  }
}

/* The engine counts leased tokens among its cached ones, the rest is a hit by luck. */
const cachedBeyond = ({ cached, leased }) => Math.max(0, cached - leased);
const newTokens = (meter) => meter.input - meter.leased - cachedBeyond(meter);

function inputText(meter) {
  const say = (text, number) => interpolate(text, { count: count(number) }, true);
  const parts = [say(gettext("%(count)s new"), newTokens(meter))];
  if (cachedBeyond(meter)) parts.push(say(gettext("%(count)s cached"), cachedBeyond(meter)));
  if (meter.leased) parts.push(say(gettext("%(count)s leased"), meter.leased));
  return [parts.join(" + "), say(gettext("%(count)s input tokens"), meter.input)];
}

function rate({ output, firstMs, lastMs }) {
  const seconds = (lastMs - firstMs) / 1000;
  return output > 1 && seconds > 0 ? Math.round((output - 1) / seconds) : null;
}

function reasoning(turn, isOpen) {
  const made = element(
    "details",
    { className: "turn-reasoning" },
    element("summary", { text: gettext("Reasoning") }),
    element("div", { className: "turn-text", text: turn.reasoning }),
  );
  made.open = isOpen;
  return made;
}

/* Text as it is; what stands between fences as code. Never as HTML. */
function text(content, isLive) {
  const made = element("div", { className: `turn-text${isLive ? " turn-waits" : ""}` });
  content.split(/^```[^\n]*\n([^]*?)^```$/m).forEach((part, index) => {
    made.append(index % 2 ? element("pre", { text: part, tabindex: "0" }) : part);
  });
  return made;
}

function button(label, act) {
  const made = element("button", { text: label, type: "button" });
  made.addEventListener("click", act);
  return made;
}

const EMPTY = () =>
  element(
    "div",
    { className: "empty-state" },
    element("h2", { text: gettext("Say something") }),
    element("p", { text: gettext("The answer comes as it is made, with its tokens and its cost.") }),
  );
