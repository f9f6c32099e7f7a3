/* Counts down what carries data-until (milliseconds since the epoch) by the server's
   clock, which stands in data-server-ms of whatever part came last. The text is the one
   that the server writes (formatting.time_left); without this script it stands still. */
(() => {
  const STEP_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 10000 : 1000;
  let told = "";
  let ahead = 0; // Of performance.now(), which no change of the client's clock moves.

  const timeLeft = (ms) => {
    const seconds = Math.ceil(ms / 1000);
    if (seconds <= 0) return gettext("ended");
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(seconds / 3600);
    const days = Math.floor(seconds / 86400);
    const two = (number) => String(number).padStart(2, "0");
    if (days) return `${days} d ${hours % 24} h`;
    if (hours) return `${hours} h ${two(minutes % 60)} m`;
    return minutes ? `${minutes} m ${two(seconds % 60)} s` : `${seconds} s`;
  };

  const show = () => {
    const now = performance.now() + ahead;
    for (const element of document.querySelectorAll("[data-until]")) {
      const text = timeLeft(Number(element.dataset.until) - now);
      if (element.textContent !== text) element.textContent = text;
    }
  };

  /* `came`: when the answer that tells the time came, by performance.now(). */
  const setClock = (came) => {
    const clock = document.querySelector("[data-server-ms]")?.dataset.serverMs;
    if (!clock || clock === told) return;
    told = clock;
    ahead = Number(clock) - came;
    show();
  };

  const [loaded] = performance.getEntriesByType("navigation");
  setClock(loaded?.responseStart ?? performance.now());
  document.addEventListener("htmx:after:swap", () => setClock(performance.now()));
  document.addEventListener("tokenfab:until", show); // A script has set a time.
  setInterval(show, STEP_MS);
})();
