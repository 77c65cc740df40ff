// The dialogs: <dialog> elements, which keep the focus inside, close on Esc and
// give the focus back.

import { h, icon, iconButton, fill, avatar } from "./dom.js";
import { api } from "./api.js";
import { s } from "./strings.js";

/** open shows a dialog; it is removed when it closes. */
export function open(cls, title, ...content) {
  const dialog = h("dialog.dialog", { class: cls, "aria-label": title },
    h("header.dialog-head", {}, h("h2", {}, title), iconButton("close", s.close, () => dialog.close())),
    content);
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** field is a labelled input with a hint and a place for what is wrong. */
export function field(name, label, props = {}, hint = "") {
  const id = `f-${name}-${Math.random().toString(36).slice(2, 7)}`;
  const input = h("input", { id, name, autocomplete: "off", autocapitalize: "off", spellcheck: false, "aria-describedby": `${id}-h`, ...props });
  const line = h("small.hint", { id: `${id}-h` }, hint);
  const el = h("div.field", {}, h("label", { htmlFor: id }, label), input, line);
  return {
    el, input,
    wrong(text) {
      input.setAttribute("aria-invalid", text ? "true" : "false");
      line.textContent = text || hint;
      line.classList.toggle("wrong", !!text);
      if (text) input.focus();
    },
  };
}

/** sayProblem puts a refusal into words that fit where it happened. */
export function words(err) {
  if (err.code === "unreachable" || err.code === "disconnected" || err.code === "timeout") return s.unreachable;
  if (err.code === "rate_limited") return s.tooMany;
  if (err.code === "forbidden") return err.detail || s.forbidden;
  return err.detail || s.failed;
}

/** form wraps fields, a message line and the submit button; run may throw a Problem. */
export function form(fields, label, run, ...extra) {
  const message = h("p.form-message", { role: "alert" });
  const submit = h("button.primary.wide", { type: "submit" }, label);
  return h("form.form", {
    noValidate: true,
    onsubmit: async (e) => {
      e.preventDefault();
      if (submit.disabled) return;
      for (const f of Object.values(fields)) f.wrong("");
      message.textContent = "";
      submit.disabled = true;
      try {
        await run(Object.fromEntries(Object.entries(fields).map(([k, f]) => [k, f.input.value.trim()])));
      } catch (err) {
        const named = (err.errors || []).filter((x) => fields[x.field]);
        for (const x of named.reverse()) fields[x.field].wrong(x.detail);
        if (!named.length) message.textContent = words(err);
        if (!err.code) console.error(err);
      }
      submit.disabled = false;
    },
  }, Object.values(fields).map((f) => f.el), extra, message, submit);
}

/** ask wants a yes; it resolves true or false. */
export function ask(title, text, yes, no = s.cancel) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = open("small", title, h("p.dialog-text", {}, text),
      h("div.dialog-buttons", {},
        h("button.plain", { type: "button", onclick: () => dialog.close() }, no),
        h("button.primary.alarm", { type: "button", autofocus: true, onclick: () => { answer = true; dialog.close(); } }, yes)));
    dialog.addEventListener("close", () => resolve(answer));
  });
}

export function newRoom(done) {
  const name = field("name", s.roomName, { required: true, autofocus: true, maxLength: 64 }, s.roomNameHint);
  const topic = field("topic", s.topic, { maxLength: 500 }, s.topicHint);
  const choice = (value, label, hint, checked) => h("label.choice", {}, h("input", { type: "radio", name: "kind", value, checked }),
    icon(value === "public" ? "hash" : "lock", 18), h("span", {}, h("b", {}, label), h("small", {}, hint)));
  const kinds = h("fieldset.choices", {}, h("legend", {}, s.kind), choice("public", s.public, s.publicHint, true), choice("private", s.private, s.privateHint, false));
  const dialog = open("", s.newRoom, form({ name, topic }, s.create, async (v) => {
    if (!v.name) return name.wrong(s.needName);
    const kind = dialog.querySelector("input[name=kind]:checked").value;
    try {
      const room = await api.createRoom({ kind, name: v.name, ...(v.topic && { topic: v.topic }) });
      dialog.close();
      done(room);
    } catch (err) {
      if (err.code !== "conflict") throw err;
      name.wrong(s.nameTaken);
    }
  }, kinds));
}

export function newDirect(done) {
  const user = field("members", s.directName, { required: true, autofocus: true, placeholder: "@", maxLength: 65 }, s.directHint);
  const dialog = open("small", s.newDirect, form({ members: user }, s.start, async (v) => {
    const name = v.members.replace(/^@/, "");
    if (!name) return user.wrong(s.needName);
    try {
      const room = await api.createRoom({ kind: "direct", members: [`@${name}`] });
      dialog.close();
      done(room);
    } catch (err) {
      if (err.code !== "not_found" && err.code !== "invalid") throw err;
      user.wrong(err.field("members") || s.noUser);
    }
  }));
}

/** browse lists the public rooms. */
export async function browse(store, on) {
  const list = h("ul.browse-list", {}, h("li.none", {}, h("span.dots", {}, h("i"), h("i"), h("i"))));
  const filter = h("input.filter", { type: "search", placeholder: s.filter, "aria-label": s.filter, autofocus: true, oninput: () => draw() });
  const dialog = open("", s.browse, h("div.browse-tools", {}, filter, h("button.plain", { type: "button", onclick: () => { dialog.close(); on.create(); } }, icon("plus", 16), s.newRoom)), list);
  let rooms = [];
  function draw() {
    const word = filter.value.trim().toLowerCase();
    const found = rooms.filter((r) => `${r.name} ${r.topic || ""}`.toLowerCase().includes(word));
    fill(list, found.length ? found.map((r) => {
      const mine = !!r.role || store.rooms.get(r.id)?.member;
      return h("li", {}, h("span.room-sign", {}, icon("hash", 18)),
        h("span.browse-text", {}, h("b", { dir: "auto" }, r.name), h("small", { dir: "auto" }, r.topic || (mine ? s.isMember : " "))),
        h("button", { class: mine ? "plain" : "primary", type: "button", onclick: () => { dialog.close(); mine ? on.openRef(r.name) : on.join(r); } }, mine ? s.open : s.join));
    }) : h("li.none", {}, rooms.length ? s.nothingFound : s.nothingPublic));
  }
  try {
    rooms = await api.publicRooms();
    draw();
  } catch (err) {
    fill(list, h("li.none", {}, words(err)));
  }
}

/** find is the quick switch: type, arrows, Enter. */
export function find(store, on) {
  let at = 0;
  let found = [];
  const list = h("ul.find-list", { role: "listbox", id: "find-list", "aria-label": s.rooms });
  const input = h("input.filter", {
    type: "text", placeholder: s.jumpHint, "aria-label": s.jumpHint, autofocus: true, autocomplete: "off", spellcheck: false,
    role: "combobox", "aria-expanded": "true", "aria-controls": "find-list",
    oninput: () => { at = 0; draw(); },
    onkeydown: (e) => {
      if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        e.preventDefault();
        at = found.length ? (at + (e.key === "ArrowDown" ? 1 : -1) + found.length) % found.length : 0;
        draw();
      } else if (e.key === "Enter" && !e.isComposing) {
        e.preventDefault();
        if (found[at]) go(found[at]);
      }
    },
  });
  const dialog = open("find", s.jump, input, list);
  function go(room) {
    dialog.close();
    on.open(room);
  }
  function draw() {
    const word = input.value.trim().replace(/^[#@]/, "").toLowerCase();
    found = store.sorted().filter((r) => r.title.toLowerCase().includes(word))
      .sort((a, b) => (b.unread > 0) - (a.unread > 0) || b.title.toLowerCase().startsWith(word) - a.title.toLowerCase().startsWith(word)).slice(0, 12);
    fill(list, found.map((room, i) => h("li", { role: "option", id: `find-${i}`, "aria-selected": String(i === at), onclick: () => go(room), onmousemove: () => { if (at !== i) { at = i; draw(); } } },
      room.direct ? avatar(room.others[0]?.id, room.title, "small") : h("span.room-sign", {}, icon(room.sign, 16)),
      h("span", { dir: "auto" }, room.title), room.unread > 0 && h("span.badge", {}, String(room.unread)))),
    !found.length && h("li.none", {}, s.nothingFound));
    input.setAttribute("aria-activedescendant", found.length ? `find-${at}` : "");
  }
  draw();
}
