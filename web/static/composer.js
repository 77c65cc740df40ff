// Where messages are written: grows with the text, keeps a draft per room,
// and says before sending what the server would refuse.

import { h, icon, iconButton, fill } from "./dom.js";
import { keep, kept, drop, dropAll } from "./storage.js";
import { characters } from "./format.js";
import { plain } from "./markdown.js";
import { Completion } from "./complete.js";
import { s } from "./strings.js";

const TYPING_EVERY = 3000;
const WARN_BELOW = 1000; // characters left from which the counter shows

export class Composer {
  constructor(store, on) {
    this.store = store;
    this.on = on;
    this.room = null;
    this.reply = null;
    this.editing = null;
    this.typedAt = 0;
    this.box = h("textarea", {
      rows: 1, dir: "auto", autocomplete: "off", enterKeyHint: "send", id: "composer-box",
      oninput: () => this.#typed(), onkeydown: (e) => this.#keys(e),
    });
    this.completion = new Completion(store, this.box);
    this.counter = h("span.counter", { "aria-live": "polite" });
    this.submit = h("button.send", { type: "submit", title: s.send, "aria-label": s.send, onmousedown: (e) => e.preventDefault() }, icon("send", 18));
    this.context = h("div.context", { hidden: true });
    this.form = h("form.composer-box", { onsubmit: (e) => { e.preventDefault(); this.#send(); } }, this.completion.el, this.context, h("div.composer-line", {}, this.box, this.counter, this.submit));
    this.typing = h("div.typing");
    this.joinBar = h("div.join-bar", { hidden: true });
    this.el = h("footer.composer", {}, this.form, this.joinBar, this.typing);
    this.form.addEventListener("click", (e) => { if (e.target === this.form || e.target.className === "composer-line") this.box.focus(); });
  }

  get #limit() {
    return this.store.welcome?.limits?.text || 16_000;
  }

  #draftKey(room) {
    return `draft.${this.store.me.id}.${room.id}`;
  }

  show(room) {
    this.room = room;
    this.reply = this.editing = null;
    this.completion.close();
    this.form.hidden = !room.member;
    this.joinBar.hidden = room.member;
    if (!room.member) {
      fill(this.joinBar, h("span", {}, s.notMember(room.mark)), h("button.primary", { type: "button", onclick: () => this.on.join(room) }, s.join));
    }
    this.box.placeholder = room.orderID ? s.talkWrite : s.write(room.mark);
    this.box.setAttribute("aria-label", this.box.placeholder);
    this.box.value = kept(this.#draftKey(room)) || "";
    this.#context();
    this.#fit();
  }

  focus() {
    if (!this.form.hidden) this.box.focus({ preventScroll: true });
  }

  startReply(item) {
    if (this.editing) this.cancel();
    this.reply = item;
    this.#context();
    this.focus();
  }

  startEdit(item) {
    this.reply = null;
    if (!this.editing) keep(this.#draftKey(this.room), this.box.value);
    this.editing = item;
    this.box.value = item.text;
    this.#context();
    this.#fit();
    this.focus();
    this.box.setSelectionRange(item.text.length, item.text.length);
  }

  /** cancel ends a reply or an edit; it gives false when there was neither. */
  cancel() {
    if (!this.reply && !this.editing) return false;
    if (this.editing) this.box.value = kept(this.#draftKey(this.room)) || "";
    this.reply = this.editing = null;
    this.#context();
    this.#fit();
    return true;
  }

  showTyping(names) {
    const text = names.length === 0 ? "" : names.length === 1 ? s.typing1(names[0]) : names.length === 2 ? s.typing2(...names)
      : names.length === 3 ? s.typing3(...names) : s.typingMany;
    if (this.typing.dataset.text === text) return;
    this.typing.dataset.text = text;
    fill(this.typing, text && [h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", { dir: "auto" }, text)]);
  }

  forgetDrafts() {
    dropAll(`draft.${this.store.me.id}.`);
  }

  #context() {
    const item = this.editing || this.reply;
    this.context.hidden = !item;
    this.form.classList.toggle("editing", !!this.editing);
    if (!item) return;
    fill(this.context, icon(this.editing ? "edit" : "reply", 15),
      h("b", {}, this.editing ? s.editing : s.replyingTo(item.actor.name)),
      h("span", { dir: "auto" }, this.editing ? "" : plain(item.text, 90)),
      iconButton("close", s.cancel, () => { this.cancel(); this.focus(); }));
  }

  #typed() {
    this.#fit();
    this.completion.update(this.room);
    if (this.editing) return;
    const text = this.box.value;
    if (text) keep(this.#draftKey(this.room), text);
    else drop(this.#draftKey(this.room));
    if (text && Date.now() - this.typedAt > TYPING_EVERY) {
      this.typedAt = Date.now();
      this.store.socket.send({ type: "typing", room: this.room.id });
    }
  }

  #fit() {
    this.box.style.setProperty("height", "auto");
    this.box.style.setProperty("height", `${Math.min(this.box.scrollHeight, Math.max(120, innerHeight * 0.4))}px`);
    const left = this.#limit - (this.box.value.length > this.#limit - 2 * WARN_BELOW ? characters(this.box.value) : 0);
    const over = left < 0;
    this.counter.textContent = over ? s.tooLong(-left) : left <= WARN_BELOW ? s.left(left) : "";
    this.counter.classList.toggle("over", over);
    this.submit.disabled = over || !this.box.value.trim();
  }

  #keys(e) {
    // 229: the key belongs to an input method that is still composing.
    if (e.isComposing || e.keyCode === 229) return;
    if (this.completion.key(e)) return;
    if (e.key === "Enter" && !e.shiftKey) {
      e.preventDefault();
      this.#send();
    } else if (e.key === "Escape") {
      if (this.cancel()) e.stopPropagation();
    } else if (e.key === "ArrowUp" && !this.box.value && !e.altKey && !e.ctrlKey && !e.metaKey) {
      const last = this.on.lastOwn();
      if (last) {
        e.preventDefault();
        this.startEdit(last);
      }
    }
  }

  #send() {
    const text = this.box.value.replace(/\s+$/, "");
    if (!text.trim() || characters(text) > this.#limit) return;
    const { room, editing, reply } = this;
    this.typedAt = 0;
    if (editing) {
      this.cancel();
      if (text !== editing.text) this.on.saveEdit(room, editing, text);
      return;
    }
    this.box.value = "";
    drop(this.#draftKey(room));
    this.reply = null;
    this.#context();
    this.#fit();
    this.store.outbox.post({ room: room.id, kind: "markdown", text, replyTo: reply?.seq || 0 });
    this.on.sent();
  }
}
