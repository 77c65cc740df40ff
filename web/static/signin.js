// The door: sign in, create an account, or come in as a guest.

import { h, fill } from "./dom.js";
import { api } from "./api.js";
import { field, form } from "./dialogs.js";
import { kept } from "./storage.js";
import { s } from "./strings.js";

/** signIn draws the page and calls done(user) when somebody is in. */
export function signIn(root, { message = "", done }) {
  let guests = true;
  let tab = message || kept("known") ? "in" : "up"; // who was here before signs in
  const panel = h("div.door-panel", { role: "tabpanel", id: "door-panel" });
  const tabs = h("div.door-tabs", { role: "tablist", "aria-label": s.signIn });
  const notice = h("p.door-notice", { role: "status" }, message);

  function password(hint, kind) {
    const f = field("password", s.password, { type: "password", required: true, autocomplete: kind, maxLength: 256 }, hint);
    const eye = h("button.link.peek", { type: "button", "aria-pressed": "false", onclick: () => {
      const show = f.input.type === "password";
      f.input.type = show ? "text" : "password";
      eye.textContent = show ? s.hidePassword : s.showPassword;
      eye.setAttribute("aria-pressed", String(show));
    } }, s.showPassword);
    f.el.append(eye);
    return f;
  }

  const forms = {
    in() {
      const name = field("name", s.name, { required: true, autocomplete: "username", maxLength: 64 });
      const pass = password("", "current-password");
      return form({ name, password: pass }, s.signIn, async (v) => {
        if (!v.name) return name.wrong(s.needName);
        if (!v.password) return pass.wrong(s.needPassword);
        try {
          done((await api.signIn({ name: v.name.replace(/^@/, ""), password: pass.input.value })).user);
        } catch (err) {
          if (err.code !== "unauthenticated") throw err;
          pass.wrong(s.wrongPassword);
        }
      });
    },
    up() {
      const name = field("name", s.name, { required: true, autocomplete: "username", maxLength: 64 }, s.nameHint);
      const shown = field("display_name", s.displayName, { autocomplete: "nickname", maxLength: 64, autocapitalize: "words" }, s.displayNameHint);
      const pass = password(s.passwordHint, "new-password");
      return form({ name, display_name: shown, password: pass }, s.signUp, async (v) => {
        if (!v.name) return name.wrong(s.needName);
        if (!v.password) return pass.wrong(s.needPassword);
        try {
          done((await api.signUp({ name: v.name.replace(/^@/, ""), password: pass.input.value, ...(v.display_name && { display_name: v.display_name }) })).user);
        } catch (err) {
          if (err.code !== "conflict") throw err;
          name.wrong(s.nameTaken);
        }
      });
    },
    guest() {
      const shown = field("display_name", s.guestName, { required: true, maxLength: 64, autocomplete: "nickname", autocapitalize: "words" }, s.guestHint);
      return form({ display_name: shown }, s.guest, async (v) => {
        if (!v.display_name) return shown.wrong(s.needName);
        try {
          done((await api.guest({ display_name: v.display_name })).user);
        } catch (err) {
          if (err.code !== "forbidden" && err.code !== "not_found") throw err;
          guests = false;
          notice.textContent = s.noGuests;
          choose("up");
        }
      });
    },
  };

  function choose(next, focus = true) {
    tab = next;
    const names = [["up", s.signUp], ["in", s.signIn], guests && ["guest", s.asGuest]].filter(Boolean);
    fill(tabs, names.map(([key, label]) => h("button.door-tab", {
      type: "button", role: "tab", id: `door-${key}`, "aria-controls": "door-panel", "aria-selected": String(key === tab), tabIndex: key === tab ? 0 : -1,
      onclick: () => { notice.textContent = ""; choose(key); },
      onkeydown: (e) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
        if (!step) return;
        const at = names.findIndex(([k]) => k === key);
        choose(names.at((at + step) % names.length)[0], false);
        tabs.querySelector('[aria-selected="true"]').focus();
      },
    }, label)));
    panel.setAttribute("aria-labelledby", `door-${tab}`);
    fill(panel, forms[tab]());
    if (focus) panel.querySelector("input")?.focus();
  }

  fill(root, h("main.door", {},
    h("div.door-word", {},
      h("h1", {}, s.app),
      h("p.door-tagline", {}, s.tagline),
      h("p.door-promise", {}, s.promise)),
    h("div.door-card", {}, notice, tabs, panel)));
  choose(tab);
  document.title = s.app;
}
