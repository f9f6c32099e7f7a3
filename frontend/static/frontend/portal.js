/* The little that pages do by themselves. All of it hangs on data attributes and is
   delegated, so that it also works in what htmx swaps in later. */
(() => {
  const announce = (text) => {
    const region = document.getElementById("announcements");
    if (region) region.textContent = text;
  };

  const selectText = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  /* data-copy="#id": copies that element's text, or the value of a field. */
  const copy = async (button) => {
    const source = document.querySelector(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      selectText(source); // No clipboard outside HTTPS: one keystroke is left to do.
      announce(gettext("Selected. Press Ctrl+C to copy."));
      return;
    }
    button.classList.add("is-copied");
    announce(gettext("Copied"));
    setTimeout(() => button.classList.remove("is-copied"), 1600);
  };

  /* A tablist: role=tab buttons with aria-controls; arrows move between them. */
  const showTab = (tab) => {
    const tabs = tab.closest("[role=tablist]").querySelectorAll("[role=tab]");
    for (const other of tabs) {
      const isShown = other === tab;
      other.setAttribute("aria-selected", String(isShown));
      other.tabIndex = isShown ? 0 : -1;
      other.classList.toggle("active", isShown);
      document.getElementById(other.getAttribute("aria-controls")).hidden = !isShown;
    }
    if (tab.dataset.remember) {
      try {
        localStorage.setItem(tab.dataset.remember, tab.dataset.choice ?? tab.id);
      } catch {
        /* Not remembered then. */
      }
    }
  };

  const restoreTabs = (root) => {
    for (const tab of root.querySelectorAll("[role=tab][data-remember]")) {
      try {
        const choice = localStorage.getItem(tab.dataset.remember);
        if (choice === (tab.dataset.choice ?? tab.id)) showTab(tab);
      } catch {
        return;
      }
    }
  };

  const moveTab = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const list = event.target.closest("[role=tablist]");
    const tabs = [...list.querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    showTab(next);
    next.focus();
    event.preventDefault();
  };

  const markTheme = () => {
    const choice = document.documentElement.dataset.themeChoice;
    for (const button of document.querySelectorAll("[data-theme-choice][type=button]"))
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest(
      "[data-copy],[role=tab],[data-open],[data-close],[data-print],button[data-theme-choice]",
    );
    if (!target) return;
    if (target.dataset.copy) copy(target);
    else if (target.role === "tab") showTab(target);
    else if (target.dataset.open) {
      document.querySelector(target.dataset.open).showModal();
      event.preventDefault(); // The link behind it is the way without scripts.
    } else if ("close" in target.dataset) target.closest("dialog").close();
    else if ("print" in target.dataset) print();
    else window.tokenfabTheme.choose(target.dataset.themeChoice);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches?.("[role=tab]")) moveTab(event);
  });
  /* data-submit: a filter applies itself; without scripts its button does. */
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  /* What a page kept in this tab (the playground's prompts) is not for who comes next. */
  document.addEventListener("submit", (event) => {
    if (event.target.action.endsWith("/logout/")) sessionStorage.clear();
  });
  document.addEventListener("tokenfab:theme", markTheme);
  document.addEventListener("DOMContentLoaded", () => {
    markTheme();
    restoreTabs(document);
  });
})();
