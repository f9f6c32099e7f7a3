/* data-live="address": a part of a page that the server sends whenever it changes. Where
   it may not (no place is free, no EventSource, a proxy that holds streams back) the
   part is asked for every data-poll-seconds. Without scripts it stands as it came. */
(() => {
  const PATIENCE_MS = 10000; // Without a word for so long, a stream is none.

  const start = (element) => {
    const put = async (text) => {
      await htmx.swap({ sourceElement: element, target: element, swap: "innerMorph", text });
      document.dispatchEvent(new Event("tokenfab:live"));
    };
    let timer = null;
    const poll = async () => {
      if (document.hidden) return;
      const response = await fetch(element.dataset.live, { headers: { "hx-request": "true" } });
      if (response.status === 401 || response.redirected) location.reload(); // To the sign-in.
      else if (response.ok) await put(await response.text());
    };
    const fallBack = () => {
      element.dataset.liveBy = "polling";
      timer ??= setInterval(() => poll().catch(() => {}), 1000 * element.dataset.pollSeconds);
    };
    if (!window.EventSource) return fallBack();

    let heard = Date.now();
    let source = null;
    const open = () => {
      heard = Date.now();
      source = new EventSource(element.dataset.live);
      source.addEventListener("message", (event) => {
        heard = Date.now();
        element.dataset.liveBy = "events";
        put(event.data);
      });
      source.addEventListener("same", () => {
        heard = Date.now();
      });
      source.addEventListener("error", () => {
        if (source?.readyState === EventSource.CLOSED) fallBack();
      });
    };
    open();
    const watch = setInterval(() => {
      if (timer) return clearInterval(watch);
      if (!source || Date.now() - heard < PATIENCE_MS) return;
      source.close();
      fallBack();
    }, 1000);
    /* A page that nobody looks at keeps no place. */
    document.addEventListener("visibilitychange", () => {
      if (timer) return;
      if (document.hidden) {
        source?.close();
        source = null;
      } else if (!source) open();
    });
  };

  document.addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("[data-live]").forEach(start),
  );
})();
