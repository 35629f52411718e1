// A narrow bar of parts: what a cost is made of.

import { element } from "./dom.js";
import { percent } from "./format.js";

// Returns update(shares, full): shares of a core by part, and how much fills the bar.
export function splitBar(parent, parts) {
  const bar = element("span", "split", parent);
  bar.setAttribute("aria-hidden", "true");
  const spans = parts.map((part) => element("span", part, bar));
  return (shares, full) => {
    parts.forEach((part, i) => {
      spans[i].style.width = `${(100 * (shares?.[part] ?? 0)) / full}%`;
    });
    const words = parts.map((part) => `${part} ${percent(shares?.[part] ?? undefined)}`).join(", ");
    if (parent.title !== words) {
      parent.title = words;
    }
  };
}
