// Building DOM nodes without markup strings: text is always text, so nothing a
// person writes can become a script.

const SVG = "http://www.w3.org/2000/svg";

/**
 * h makes an element. `spec` is "tag.class.class"; props are properties
 * (onclick, value, disabled …), attributes (aria-*, role, data-* …) or, with a
 * leading "--", CSS variables. Children are nodes, strings, or nothing.
 */
export function h(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const el = document.createElement(tag || "div");
  if (classes.length) el.className = classes.join(" ");
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("--")) el.style.setProperty(name, value);
    else if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "class") el.classList.add(...value.split(" ").filter(Boolean));
    else if (name in el && !name.startsWith("aria") && name !== "role" && name !== "list") el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  add(el, children);
  return el;
}

/** add appends children: nodes, strings, arrays of them; null and false are left out. */
export function add(el, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    el.append(child);
  }
}

/** fill replaces what is in el. */
export function fill(el, ...children) {
  el.replaceChildren();
  add(el, children);
  return el;
}

// Paths of a 20×20 grid, drawn for this page.
const PATHS = {
  plus: "M10 4v12M4 10h12",
  back: "M12.5 4.5 7 10l5.5 5.5",
  close: "M5 5l10 10M15 5 5 15",
  hash: "M7.5 3.5 6 16.5M14 3.5l-1.500 13M3.800 7.500h13M3.200 12.500h13",
  lock: "M5.500 9h9a1 1 0 0 1 1 1v5.500a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1V10a1 1 0 0 1 1-1ZM7 9V6.500a3 3 0 0 1 6 0V9",
  send: "M10 16V4.500M5 9.500l5-5 5 5",
  smile: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.300 11.800c1.400 2 4 2 5.400 0M7.600 8v.3M12.400 8v.3",
  reply: "M8 5 3.500 9.500 8 14M4 9.500h7.500a5 5 0 0 1 5 5v.8",
  edit: "M4 16l.8-3.400L13.200 4.200a1.400 1.400 0 0 1 2 0l.6.6a1.400 1.400 0 0 1 0 2L7.400 15.200Z",
  trash: "M4 6h12M8 6V4.200h4V6M5.500 6l.7 10.300h7.600L14.500 6M8.600 9v4.500M11.400 9v4.500",
  pin: "M7 3.500h6M8 3.500v5l-2.500 3h9l-2.500-3v-5M10 11.500v5",
  link: "M8.500 11.500a3 3 0 0 0 4.300 0l2.800-2.800a3 3 0 0 0-4.300-4.300l-.9.900M11.500 8.500a3 3 0 0 0-4.300 0l-2.800 2.800a3 3 0 0 0 4.300 4.300l.9-.900",
  search: "M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11ZM13 13l4 4",
  people: "M7.500 9.500a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600ZM2.500 16.200c.3-3 2.200-4.600 5-4.600s4.700 1.600 5 4.600M13 9.300a2.500 2.500 0 1 0-.6-4.900M14 11.800c2 .3 3.300 1.800 3.500 4.200",
  down: "M10 4v11.500M5 10.500l5 5 5-5",
  sun: "M10 13.200a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400ZM10 2.500v1.700M10 15.800v1.700M2.500 10h1.700M15.800 10h1.700M4.700 4.700l1.200 1.200M14.100 14.100l1.200 1.200M15.300 4.700l-1.200 1.200M5.900 14.100l-1.200 1.200",
  compass: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM12.800 7.200l-1.600 4-4 1.600 1.600-4Z",
  out: "M8 4H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h3M12.500 6.500 16 10l-3.500 3.500M16 10H8",
  pulse: "M2.500 10.500h3.500l2-5.500 3.500 10 2-4.500h4",
  check: "M4.500 10.500l3.500 3.500 7.500-8",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  copy: "M7.500 7.500h8v9h-8zM12.500 7.500v-4h-8v9h3",
  keys: "M3 5.5h14a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1ZM5 8.500h.01M8.300 8.500h.01M11.600 8.500h.01M15 8.500h.01M6 11.700h8",
  box: "M3.500 6.500 10 3l6.500 3.500v7L10 17l-6.500-3.500ZM3.500 6.500 10 10l6.500-3.500M10 10v7",
  talk: "M4.500 4h11a1 1 0 0 1 1 1v7.500a1 1 0 0 1-1 1H10l-3.500 3v-3h-2a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1Z",
  at: "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM13 7v4.200c0 2.300 3.800 2.200 3.800-1.500A6.800 6.800 0 1 0 13.500 16",
};

/** icon draws a line icon; it is decoration, the control around it has the name. */
export function icon(name, size = 18) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [k, v] of Object.entries({
    viewBox: "0 0 20 20", width: size, height: size, fill: "none", stroke: "currentColor",
    "stroke-width": name === "more" ? 2.4 : 1.5, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
  })) svg.setAttribute(k, v);
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] || "");
  svg.append(path);
  return svg;
}

/** button is an icon button with a name and a tooltip. */
export function iconButton(name, label, onclick, props) {
  return h("button.icon-button", { type: "button", title: label, "aria-label": label, onclick, ...props }, icon(name));
}

/** here makes a link that is followed in this page, unless a key asks for another tab. */
export const here = (go) => (e) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  go();
};

/** hue gives a stable angle for an id, for avatars. */
export function hue(id) {
  let n = 7;
  for (const c of String(id)) n = (n * 31 + c.charCodeAt(0)) >>> 0;
  return String((n % 24) * 15);
}

/** avatar shows initials on a tint of the id; it is decoration beside a name. */
export function avatar(id, name, cls = "") {
  const words = String(name || "?").trim().split(/[\s._-]+/).filter(Boolean);
  const first = [...(words[0] || "?")][0];
  const second = words.length > 1 ? [...words[words.length - 1]][0] : "";
  return h("span.avatar", { class: cls, "--hue": hue(id), "aria-hidden": "true" }, (first + second).toUpperCase());
}

/** keyed makes el's children those of `rows` ({key, version, make}), reusing nodes whose version is the same. */
export function keyed(el, rows) {
  const old = new Map();
  for (const node of el.children) old.set(node.dataset.key, node);
  let at = el.firstElementChild;
  for (const row of rows) {
    let node = old.get(row.key);
    if (!node || node.dataset.version !== row.version) {
      const fresh = row.make();
      fresh.dataset.key = row.key;
      fresh.dataset.version = row.version;
      if (node) {
        const focused = node.contains(document.activeElement);
        if (at === node) at = fresh;
        node.replaceWith(fresh);
        if (focused) (fresh.hasAttribute("tabindex") ? fresh : fresh.querySelector("a, button") || fresh).focus({ preventScroll: true });
      }
      node = fresh;
    }
    old.delete(row.key);
    if (node === at) at = at.nextElementSibling;
    else el.insertBefore(node, at);
  }
  for (const node of old.values()) node.remove();
}
