/* The playground's page: settings, one or two conversations, what is said to them. All of
   it is kept in this tab alone. */
import { Api } from "./playground_call.js";
import { asCurl, asJavaScript, asPython } from "./playground_code.js";
import { Pane } from "./playground_pane.js";

const byId = (id) => document.getElementById(id);
const [settingsForm, composer, message] = [byId("settings"), byId("composer"), byId("message")];
const facts = byId("playground-facts") && JSON.parse(byId("playground-facts").textContent);
const STOPS_MAX = 4;
let panes = [];
let isEditing = false;

const announce = (text) => {
  byId("announcements").textContent = text;
};

// What is asked, and kept.

/* The fields of a body that the settings say; empty ones are not sent. */
const settings = () => {
  const given = new FormData(settingsForm);
  const body = {};
  if (given.get("system").trim()) body.system = given.get("system");
  for (const name of ["temperature", "top_p", "max_tokens", "seed"])
    if (given.get(name) !== "") body[name] = Number(given.get(name));
  const stops = given.get("stop").split("\n").filter(Boolean).slice(0, STOPS_MAX);
  if (stops.length) body.stop = stops;
  const keep = given.get("keep");
  if (keep === "none") body.kv_retention = null;
  else if (keep) body.kv_retention = { timeout: keep, tier: given.get("tier") };
  return body;
};

const save = () => {
  const kept = {
    settings: Object.fromEntries(new FormData(settingsForm)),
    panes: panes.map(({ state }) => state),
    draft: message.value,
  };
  try {
    sessionStorage.setItem(facts.storage, JSON.stringify(kept));
  } catch {
    /* Too long for this browser: then it is not there after a reload. */
  }
};

const load = () => {
  try {
    return JSON.parse(sessionStorage.getItem(facts.storage)) ?? {};
  } catch {
    return {};
  }
};

// What is shown.

const show = () => {
  const isRunning = panes.some((pane) => pane.isRunning);
  byId("stop").hidden = !isRunning;
  byId("send").hidden = isRunning;
  byId("cancel-edit").hidden = !isEditing;
  byId("send").textContent = isEditing ? gettext("Send in its place") : gettext("Send");
  for (const id of ["compare", "clear"]) byId(id).disabled = isRunning;
  byId("compare").setAttribute("aria-pressed", String(panes.length > 1));
  byId("compare").textContent = panes.length > 1 ? gettext("One model") : gettext("Compare two models");
};

const changed = () => {
  save();
  show();
};

const edit = (content) => {
  isEditing = true;
  message.value = content;
  message.focus();
  show();
};

const host = { api: null, facts, settings, changed, edit, announce };

const setPanes = (states) => {
  panes = states.map((state) => new Pane(state, host));
  panes.forEach((pane, index) => {
    pane.root.setAttribute("aria-label", interpolate(gettext("Conversation %(number)s"), { number: index + 1 }, true));
    pane.root.querySelector("[data-act=code]").addEventListener("click", () => showCode(pane));
  });
  byId("panes").replaceChildren(...panes.map(({ root }) => root));
};

const showCode = (pane) => {
  const { sent } = pane.state;
  const body = sent ?? pane.body(message.value.trim() || gettext("Hello"));
  byId("code-note").textContent = sent
    ? gettext("Exactly what was sent last.")
    : gettext("What would be sent now.");
  byId("code-curl").textContent = asCurl(facts.api_url, body);
  byId("code-python").textContent = asPython(facts.api_url, body);
  byId("code-javascript").textContent = asJavaScript(facts.api_url, body);
  byId("code-dialog").showModal();
};

// What people do.

const send = async () => {
  const said = message.value.trim();
  if (!said || panes.some((pane) => pane.isRunning)) return;
  if (!settingsForm.reportValidity()) return;
  if (isEditing) for (const pane of panes) if (pane.lastUserTurn) pane.dropLastTurn();
  isEditing = false;
  message.value = "";
  await Promise.all(panes.map((pane) => pane.send(said)));
  const output = panes.map(({ state }) => state.turns.at(-1).meter?.output ?? 0);
  announce(interpolate(gettext("Answered with %(tokens)s tokens."), { tokens: output.join(" + ") }, true));
};

const stop = () => {
  for (const pane of panes) pane.stop();
};

const cancelEdit = () => {
  isEditing = false;
  message.value = "";
  changed();
};

/* The second one goes on from what was said to the first. */
const compare = () => {
  const [{ state }] = panes;
  const other = facts.models.find(({ name }) => name !== state.model) ?? facts.models[0];
  const second = { model: other.name, turns: structuredClone(state.turns) };
  setPanes(panes.length > 1 ? [state] : [state, second]);
  changed();
};

const clear = () => {
  setPanes(panes.map(({ state }) => ({ model: state.model })));
  cancelEdit();
  message.focus();
};

const onKey = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    composer.requestSubmit();
  } else if (event.key === "Escape") {
    if (panes.some((pane) => pane.isRunning)) stop();
    else if (isEditing) cancelEdit();
  }
};

/* A model that an address names, or that was there before; else the first. */
const known = (name) =>
  facts.models.some((model) => model.name === name) ? name : facts.models[0].name;

const start = () => {
  host.api = new Api(facts, composer.elements.csrfmiddlewaretoken.value);
  const kept = load();
  for (const [name, value] of Object.entries(kept.settings ?? {}))
    if (settingsForm.elements[name]) settingsForm.elements[name].value = value;
  message.value = kept.draft ?? "";
  const states = kept.panes?.length ? kept.panes : [{}];
  const asked = new URLSearchParams(location.search).get("model");
  setPanes(states.map((state) => ({ ...state, model: known(state.model ?? asked) })));
  if (matchMedia("(max-width: 1199px)").matches) byId("settings-panel").open = false;
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  message.addEventListener("keydown", onKey);
  message.addEventListener("input", save);
  settingsForm.addEventListener("input", save);
  settingsForm.addEventListener("submit", (event) => event.preventDefault());
  byId("stop").addEventListener("click", stop);
  byId("cancel-edit").addEventListener("click", cancelEdit);
  byId("compare").addEventListener("click", compare);
  byId("clear").addEventListener("click", clear);
  addEventListener("pagehide", save);
  show();
};

if (facts) start();
