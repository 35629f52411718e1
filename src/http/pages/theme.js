// Light, dark, or as the system has it. Runs before the first paint: no module, no flash.

(() => {
  const CHOICES = { "": "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem("theme") ?? "";
    } catch {
      return ""; // storage is switched off
    }
  }

  function apply(choice) {
    root.dataset.theme = choice in CHOICES ? choice : "";
    dispatchEvent(new Event("themechange"));
  }

  apply(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(stored()));

  addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("button.theme")) {
      const say = () => {
        button.title = CHOICES[root.dataset.theme];
        button.setAttribute("aria-label", `${button.title}. Change`);
      };
      say();
      button.addEventListener("click", () => {
        const choices = Object.keys(CHOICES);
        const next = choices[(choices.indexOf(root.dataset.theme) + 1) % choices.length];
        try {
          localStorage.setItem("theme", next);
        } catch {
          // Then it lasts as long as the page.
        }
        apply(next);
        say();
      });
    }
  });
})();
