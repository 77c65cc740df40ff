// Light, dark, or what the system says. boot.js applies it before first paint.

import { keep, kept, drop } from "./storage.js";

/** theme is "light", "dark" or "system". */
export function theme() {
  const value = kept("theme");
  return value === "light" || value === "dark" ? value : "system";
}

export function setTheme(value) {
  if (value === "system") {
    drop("theme");
    delete document.documentElement.dataset.theme;
  } else {
    keep("theme", value);
    document.documentElement.dataset.theme = value;
  }
}
