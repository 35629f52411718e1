// Small helpers for pages that are updated in place.

export function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) {
    made.className = className;
  }
  parent?.append(made);
  return made;
}

// Text that has not changed is left alone: no layout, no word from a screen reader.
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

// The color of a custom property as it is now, light or dark: a canvas cannot read light-dark().
export function color(name) {
  const probe = element("span", "", document.body);
  probe.style.color = `var(${name})`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
