/* Runs before the first paint, so that a remembered scheme does not flash. */
(() => {
  /* The texts of scripts are English where no other language's script came before. */
  window.gettext ??= (text) => text;
  window.ngettext ??= (one, many, count) => (count === 1 ? one : many);
  window.interpolate ??= (text, values) =>
    text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try {
      return localStorage.getItem("tokenfab-theme") || "system";
    } catch {
      return "system";
    }
  };
  const apply = () => {
    const choice = remembered();
    const isDark = choice === "dark" || (choice === "system" && system.matches);
    const root = document.documentElement;
    root.dataset.bsTheme = isDark ? "dark" : "light";
    root.dataset.themeChoice = choice;
    document.dispatchEvent(new CustomEvent("tokenfab:theme"));
  };
  window.tokenfabTheme = {
    choose(choice) {
      try {
        localStorage.setItem("tokenfab-theme", choice);
      } catch {
        /* Private mode: the choice lasts for this page. */
      }
      apply();
    },
  };
  system.addEventListener("change", apply);
  apply();
})();
