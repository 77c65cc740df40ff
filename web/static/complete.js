// Completion while writing: @ for people in the room, # for rooms, : for emoji.
// The focus stays in the text; the list says by aria what is picked.

import { h, avatar, icon, fill } from "./dom.js";
import { api } from "./api.js";
import { EMOJI_NAMES } from "./emoji.js";
import { s } from "./strings.js";

const MOST = 7;
const MEMBERS_FOR = 60_000; // milliseconds until the members are asked for again
const WORD = /(?:^|[\s(])([@#:])([\p{L}\p{N}_.+-]{0,32})$/u;

export class Completion {
  constructor(store, box) {
    this.store = store;
    this.box = box;
    this.found = [];
    this.at = 0;
    this.members = new Map(); // room id → {at, list}
    this.el = h("ul.completion", { role: "listbox", id: "completion", "aria-label": s.completion, hidden: true, onmousedown: (e) => e.preventDefault() });
    box.setAttribute("aria-autocomplete", "list");
    box.addEventListener("blur", () => this.close());
  }

  get isOpen() {
    return !this.el.hidden;
  }

  /** update looks at the word before the caret. */
  async update(room) {
    const before = this.box.value.slice(0, this.box.selectionStart);
    const m = this.box.selectionStart === this.box.selectionEnd && WORD.exec(before);
    if (!m || (m[1] === ":" && m[2].length < 2)) return this.close();
    const word = m[2].toLowerCase();
    const asked = (this.asked = Symbol("asked"));
    const all = m[1] === "@" ? await this.#people(room) : m[1] === "#" ? this.#rooms() : this.#emoji();
    if (asked !== this.asked || document.activeElement !== this.box) return;
    this.from = before.length - m[2].length - 1;
    const starts = (c) => c.words.some((w) => w.startsWith(word));
    this.found = all.filter((c) => starts(c) || c.words.some((w) => w.includes(word))).sort((a, b) => starts(b) - starts(a)).slice(0, MOST);
    this.at = 0;
    if (this.found.length) this.#draw();
    else this.close();
  }

  /** key gives true when the key was for the list. */
  key(e) {
    if (!this.isOpen) return false;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      this.at = (this.at + (e.key === "ArrowDown" ? 1 : -1) + this.found.length) % this.found.length;
      this.#draw();
    } else if (e.key === "Enter" || e.key === "Tab") this.#take(this.found[this.at]);
    else if (e.key === "Escape") this.close();
    else return false;
    e.preventDefault();
    e.stopPropagation();
    return true;
  }

  close() {
    this.asked = null;
    this.el.hidden = true;
    this.box.removeAttribute("aria-activedescendant");
    this.box.removeAttribute("aria-controls");
  }

  #take(candidate) {
    this.box.setRangeText(`${candidate.text} `, this.from, this.box.selectionStart, "end");
    this.close();
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #draw() {
    fill(this.el, this.found.map((c, i) => h("li", {
      role: "option", id: `completion-${i}`, "aria-selected": String(i === this.at), onclick: () => this.#take(c),
      onmousemove: () => { if (this.at !== i) { this.at = i; this.#draw(); } },
    }, c.sign(), h("span", { dir: "auto" }, c.label), c.hint && h("small", {}, c.hint))));
    this.el.hidden = false;
    this.box.setAttribute("aria-controls", "completion");
    this.box.setAttribute("aria-activedescendant", `completion-${this.at}`);
  }

  async #people(room) {
    const kept = this.members.get(room.id);
    let list = kept?.list || [];
    if (!kept || Date.now() - kept.at > MEMBERS_FOR) {
      list = await api.members(room.id).catch(() => list);
      this.members.set(room.id, { at: Date.now(), list });
    }
    return list.filter((m) => m.user.name && m.user.id !== this.store.me.id).map(({ user }) => ({
      text: `@${user.name}`, label: user.display_name, hint: `@${user.name}`, words: [user.name, user.display_name.toLowerCase()],
      sign: () => avatar(user.id, user.display_name, "small"),
    }));
  }

  #rooms() {
    return this.store.sorted().filter((r) => r.kind === "public").map((r) => ({
      text: `#${r.name}`, label: r.name, hint: "", words: [r.name], sign: () => h("span.room-sign", {}, icon("hash", 16)),
    }));
  }

  #emoji() {
    return Object.entries(EMOJI_NAMES).map(([name, emoji]) => ({
      text: emoji, label: `:${name}:`, hint: "", words: [name], sign: () => h("span.emoji-sign", {}, emoji),
    }));
  }
}
