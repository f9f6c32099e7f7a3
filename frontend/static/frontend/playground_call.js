/* Calls of the API as any client makes them, with a secret that lives for minutes, is
   kept in this page's memory alone, and dies when the page is left. */

export class ApiError extends Error {
  /* `told`: the `error` of an answer's body, where there was one. */
  constructor(told, { status = 0, retryAfter = null, requestId = null } = {}) {
    super(told.message);
    this.code = told.code || told.type || "error";
    Object.assign(this, { status, retryAfter, requestId });
  }

  /* What is shown and kept: plain values. */
  get facts() {
    const { message, code, status, retryAfter, requestId } = this;
    return { message, code, status, retryAfter, requestId };
  }
}

const RENEW_BEFORE_MS = 30_000;
const DEAD_SECRET = new Set(["expired_api_key", "invalid_api_key", "revoked_api_key"]);

export class Api {
  #facts;
  #csrf;
  #secret = "";
  #until = 0;
  #asked = null;

  constructor(facts, csrf) {
    this.#facts = facts;
    this.#csrf = csrf;
    addEventListener("pagehide", () => this.#leave());
  }

  /* An answer of the API, whatever its status. A secret that has died is asked for anew,
     once: another tab may have taken its turn. */
  async fetch(path, { method = "POST", body, signal } = {}) {
    const first = await this.#fetchOnce(path, { method, body, signal });
    if (first.status !== 401) return first;
    const told = await first.clone().json().catch(() => ({}));
    if (!DEAD_SECRET.has(told.error?.code)) return first;
    this.#secret = "";
    return this.#fetchOnce(path, { method, body, signal });
  }

  /* The JSON of an answer. Throws ApiError. */
  async json(path, options) {
    const answer = await this.fetch(path, options);
    if (!answer.ok) throw await errorOf(answer);
    return answer.json();
  }

  async #fetchOnce(path, { method, body, signal }) {
    const headers = { authorization: `Bearer ${await this.#liveSecret()}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      return await fetch(this.#facts.api_url + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        credentials: "omit",
        cache: "no-store",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError({
        code: "unreachable",
        message: interpolate(gettext("The API did not answer at %(url)s."), { url: this.#facts.api_url }, true),
      });
    }
  }

  #liveSecret() {
    if (this.#secret && performance.now() < this.#until) return this.#secret;
    // Two conversations that begin together share one question.
    this.#asked ??= this.#askSecret().finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  async #askSecret() {
    let answer;
    try {
      answer = await fetch(this.#facts.secret_url, {
        method: "POST",
        headers: { "x-csrftoken": this.#csrf },
        redirect: "manual",
      });
    } catch {
      throw new ApiError({ code: "unreachable", message: gettext("The portal did not answer.") });
    }
    if (answer.type === "opaqueredirect") {
      location.reload(); // The session has ended; the page leads to the sign-in.
      throw new ApiError({ code: "signed_out", message: gettext("Your session has ended.") });
    }
    if (!answer.ok) throw await errorOf(answer);
    const { secret, seconds } = await answer.json();
    this.#secret = secret;
    this.#until = performance.now() + seconds * 1000 - RENEW_BEFORE_MS;
    return secret;
  }

  #leave() {
    if (!this.#secret) return;
    this.#secret = "";
    const form = new FormData();
    form.set("csrfmiddlewaretoken", this.#csrf);
    navigator.sendBeacon(this.#facts.leave_url, form);
  }
}

/* ApiError of an answer that is none of 2xx. */
export async function errorOf(answer) {
  const body = await answer.json().catch(() => ({}));
  const message = interpolate(gettext("The answer was %(status)s."), { status: `${answer.status} ${answer.statusText}` }, true);
  return new ApiError(body.error ?? { message }, {
    status: answer.status,
    retryAfter: answer.headers.get("retry-after"),
    requestId: answer.headers.get("x-request-id"),
  });
}

/* The JSON of each event of a stream. Throws ApiError for an error event, and for a
   stream that ends without its `[DONE]`. */
export async function* eventsOf(answer) {
  const requestId = answer.headers.get("x-request-id");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let read;
    try {
      read = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw brokenOff(requestId);
    }
    if (read.done) throw brokenOff(requestId);
    const events = (rest + read.value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      if (!event.startsWith("data:")) continue;
      const data = event.slice(5).trim();
      if (data === "[DONE]") return;
      const told = JSON.parse(data);
      if (told.error) throw new ApiError(told.error, { status: 200, requestId });
      yield told;
    }
  }
}

function brokenOff(requestId) {
  const message = gettext("The stream broke off: the answer is not complete.");
  return new ApiError({ code: "broken_off", message }, { requestId });
}
