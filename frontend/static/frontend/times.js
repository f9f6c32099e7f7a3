/* Times in the viewer's own zone; UTC stays one hover away, and is what stands there
   without this script. Runs before the page is read, so that no time changes in view;
   what htmx brings later is met the same way. Days of the books stay UTC. */
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || zone === "UTC") return;
  const { lang } = document.documentElement;
  const language = lang === "en" ? "en-GB" : lang;
  const day = { day: "numeric", month: "short" };
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const forms = {
    minute: new Intl.DateTimeFormat(language, { ...day, year: "numeric", ...clock, timeZoneName: "short" }),
    second: new Intl.DateTimeFormat(language, { ...day, ...clock, second: "2-digit" }),
  };
  const write = (element) => {
    const at = new Date(element.dateTime);
    const text = forms[element.dataset.local]?.format(at);
    if (text && element.textContent !== text) element.textContent = text;
  };
  const zoneOf = (at) =>
    forms.minute.formatToParts(at).find((part) => part.type === "timeZoneName").value;
  const name = (element) => {
    const text = zoneOf(new Date());
    if (element.textContent !== text) element.textContent = text;
  };
  const TIMES = "time[data-local]";
  const ZONES = "[data-zone]";
  const meet = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    if (!element) return;
    const time = element.closest(TIMES);
    if (time) write(time);
    const head = element.closest(ZONES);
    if (head) name(head);
    element.querySelectorAll(TIMES).forEach(write);
    element.querySelectorAll(ZONES).forEach(name);
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "characterData") meet(change.target);
      else change.addedNodes.forEach(meet);
    }
  }).observe(document, { childList: true, characterData: true, subtree: true });
})();
