// A small Markdown, straight into DOM nodes: bold, italic, strike, code, fenced
// blocks, quotes, lists, links. What it does not know stays as text. There is
// no way from a message to markup: every string ends in a text node.

import { h } from "./dom.js";

const DEPTH = 6; // nesting of quotes, lists and emphasis
const LINK = /^(https?:\/\/|mailto:)/i;

/** markdown gives the nodes of a text. */
export function markdown(text) {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

/** plain gives a text without its marks, on one line, for quotes and notices. */
export function plain(text, most = 160) {
  const flat = text.replace(/```\w*\n?/g, "").replace(/^[>\-*]\s+/gm, "").replace(/(\*\*|~~|`)/g, "").replace(/\s+/g, " ").trim();
  const chars = [...flat];
  return chars.length > most ? chars.slice(0, most - 1).join("") + "…" : flat;
}

/** safeLink gives the address if a person may be sent there, else "". */
export function safeLink(address) {
  if (!LINK.test(address)) return "";
  try {
    const url = new URL(address);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

function blocks(lines, depth) {
  const out = [];
  let para = [];
  const flush = () => {
    if (para.length) out.push(h("p", {}, inlines(para.join("\n"), 0)));
    para = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const fence = /^\s{0,3}(```+|~~~+)\s*([\w+#.-]*)\s*$/.exec(line);
    if (fence) {
      flush();
      const code = [];
      for (i++; i < lines.length && !lines[i].trim().startsWith(fence[1]); i++) code.push(lines[i]);
      out.push(h("pre", { tabIndex: 0 }, h("code", {}, code.join("\n"))));
    } else if (/^\s{0,3}>/.test(line) && depth < DEPTH) {
      flush();
      const inner = [];
      for (; i < lines.length && /^\s{0,3}>/.test(lines[i]); i++) inner.push(lines[i].replace(/^\s{0,3}> ?/, ""));
      i--;
      out.push(h("blockquote", {}, blocks(inner, depth + 1)));
    } else if (item(line) && depth < DEPTH) {
      flush();
      const from = i;
      while (i < lines.length && (item(lines[i]) || (/^\s{2,}\S/.test(lines[i]) && i > from))) i++;
      out.push(list(lines.slice(from, i), depth));
      i--;
    } else if (!line.trim()) flush();
    else para.push(line);
  }
  flush();
  return out;
}

function item(line) {
  return /^(\s{0,3})([-*+]|\d{1,9}[.)])\s+(.*)$/.exec(line);
}

function list(lines, depth) {
  const first = item(lines[0]);
  const ordered = /\d/.test(first[2]);
  const items = [];
  for (const line of lines) {
    const m = item(line);
    if (m && m[1].length <= first[1].length + 1 && /\d/.test(m[2]) === ordered) items.push([m[3]]);
    else items.at(-1).push(line.replace(/^\s{1,4}/, ""));
  }
  const make = (body) => h("li", {}, body.length === 1 ? inlines(body[0], 0) : blocks(body, depth + 1));
  return h(ordered ? "ol" : "ul", ordered ? { start: parseInt(first[2], 10) } : {}, items.map(make));
}

// Each rule begins at the current place of the text (sticky).
const RULES = [
  { open: /^`/, at: /(`+)([^`](?:[\s\S]*?[^`])?)\1(?!`)/y, make: (m) => h("code", {}, m[2]) },
  { open: /^\*\*/, at: /\*\*\*(?=\S)([^*]*\S)\*\*\*/y, make: (m, d) => h("strong", {}, h("em", {}, inlines(m[1], d))) },
  { open: /^\*\*/, at: /\*\*(?=\S)([\s\S]*?\S)\*\*/y, make: (m, d) => h("strong", {}, inlines(m[1], d)) },
  { open: /^~~/, at: /~~(?=\S)([\s\S]*?\S)~~/y, make: (m, d) => h("s", {}, inlines(m[1], d)) },
  { open: /^\*/, at: /\*(?=[^\s*])([^*]*?[^\s*])\*(?!\*)/y, wordStart: true, make: (m, d) => h("em", {}, inlines(m[1], d)) },
  { open: /^_/, at: /_(?=[^\s_])([^_]*?[^\s_])_(?![\p{L}\p{N}_])/uy, wordStart: true, make: (m, d) => h("em", {}, inlines(m[1], d)) },
  { open: /^\[/, at: /\[([^\[\]\n]{1,500})\]\(([^\s()]{1,2000}(?:\([^\s()]*\))?)\)/y, make: (m) => link(m[2], m[1], m[0]) },
  { open: /^h/i, at: /https?:\/\/[^\s<>"'`]+|mailto:[^\s<>"'`]+/iy, wordStart: true, bare: true, make: (m) => link(m[0], m[0], m[0]) },
  { open: /^@/, at: /@[\p{L}\p{N}][\p{L}\p{N}_.-]{0,62}[\p{L}\p{N}]/uy, wordStart: true, make: (m) => h("span.mention", {}, m[0]) },
  { open: /^\\/, at: /\\([\\`*_~\[\]()>#+.!-])/y, make: (m) => m[1] },
];
const MARKS = /[`*~_\[\\@]|https?:|mailto:/gi;

function inlines(text, depth) {
  if (depth > DEPTH) return [text];
  const out = [];
  const misses = new Map();
  let from = 0;
  let at = 0;
  for (;;) {
    MARKS.lastIndex = at;
    const mark = MARKS.exec(text);
    if (!mark) break;
    at = mark.index;
    const hit = match(text, at, misses);
    if (!hit) {
      at++;
      continue;
    }
    if (at > from) out.push(text.slice(from, at));
    out.push(hit.rule.make(hit.m, depth + 1));
    at = from = at + hit.m[0].length;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

// A rule that found no end so often is given up for this text: without that, a
// message of nothing but opening marks would cost the square of its length.
const MISSES_MOST = 40;

function match(text, at, misses) {
  for (const rule of RULES) {
    if ((misses.get(rule) || 0) > MISSES_MOST) continue;
    if (rule.wordStart && at > 0 && /[\p{L}\p{N}]/u.test(text[at - 1])) continue;
    rule.at.lastIndex = at;
    const m = rule.at.exec(text);
    if (m) {
      if (rule.bare) m[0] = trimEnd(m[0]);
      return { rule, m };
    }
    if (rule.open.test(text.slice(at, at + 2))) misses.set(rule, (misses.get(rule) || 0) + 1);
  }
  return null;
}

/** trimEnd leaves the punctuation after an address to the sentence. */
function trimEnd(address) {
  let end = address.replace(/[.,;:!?…]+$/, "");
  let open = end.split("(").length - end.split(")").length;
  for (; open < 0 && end.endsWith(")"); open++) end = end.slice(0, -1);
  return end;
}

/** link shows where it goes when its text says something else. */
function link(address, text, source) {
  const href = safeLink(address);
  if (!href) return source;
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", title: text === address ? null : href }, text);
}
