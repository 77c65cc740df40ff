// Oneself: the menu, the account, and the details of the connection.

import { h, icon, fill } from "./dom.js";
import { open, field, form, ask, words } from "./dialogs.js";
import { api } from "./api.js";
import { theme, setTheme } from "./theme.js";
import { millis, fullTime } from "./format.js";
import { s } from "./strings.js";

/** userMenu has the theme, the details of the connection, and the way out. */
export function userMenu(store, on) {
  const { me } = store;
  const now = theme();
  const themes = h("fieldset.theme", {}, h("legend", {}, s.theme), h("div.segments", {}, [["light", s.light], ["dark", s.dark], ["system", s.system]].map(([value, label]) =>
    h("label", {}, h("input", { type: "radio", name: "theme", value, checked: value === now, onchange: () => setTheme(value) }), h("span", {}, label)))));
  const dialog = open("small menu", me.display_name,
    h("p.dialog-text", {}, me.guest ? s.guestTag : `@${me.name}`),
    themes,
    h("div.menu-list", {},
      h("button.menu-item", { type: "button", onclick: () => { dialog.close(); account(store, on); } }, icon("at"), s.account),
      h("button.menu-item", { type: "button", onclick: () => { dialog.close(); shortcuts(); } }, icon("keys"), s.keyboard),
      h("button.menu-item", { type: "button", onclick: () => { dialog.close(); debug(store); } }, icon("pulse"), s.debug),
      h("a.menu-item", { href: "/docs" }, icon("link"), s.apiDocs),
      h("button.menu-item", { type: "button", onclick: async () => {
        const unsent = store.outbox.size;
        const text = [unsent && s.signOutUnsent(unsent), me.guest && s.signOutGuest].filter(Boolean).join(" ");
        if (text && !(await ask(s.signOutAsk, text, s.signOut))) return;
        dialog.close();
        on.signOut();
      } }, icon("out"), s.signOut)));
}

/** shortcuts lists the keys. */
export function shortcuts() {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  open("", s.keyboard, h("dl.facts.keys", {}, s.keys.map(([keys, does]) => h("div", {},
    h("dt", {}, keys.split(" ").map((k) => h("kbd", {}, mac && k === "Ctrl" ? "⌘" : k))), h("dd", {}, does)))));
}

/** debug shows what a report needs, with a way to copy it. */
export function debug(store) {
  const facts = () => ({
    page: "1",
    protocol: store.welcome?.protocol ?? "",
    node: store.socket.node,
    user: store.me.id,
    state: store.connection.state,
    latency_ms: store.socket.latency ?? "",
    connected_since: store.socket.opened ? new Date(store.socket.opened).toISOString() : "",
    rooms: store.rooms.size,
    unsent: store.outbox.size,
    open_room: store.open ? `${store.open.id} seq ${store.open.log.cursor}` : "",
    browser: navigator.userAgent,
  });
  const table = h("dl.facts", {});
  const draw = () => fill(table, Object.entries(facts()).map(([k, v]) => h("div", {}, h("dt", {}, k.replaceAll("_", " ")), h("dd", {}, String(v)))));
  draw();
  const timer = setInterval(draw, 2000);
  const copy = h("button.plain", { type: "button", onclick: async () => {
    await navigator.clipboard?.writeText(Object.entries(facts()).map(([k, v]) => `${k}: ${v}`).join("\n"));
    copy.textContent = s.copied;
  } }, s.copy);
  open("", s.debug, table, h("div.dialog-buttons", {}, copy)).addEventListener("close", () => clearInterval(timer));
}

/** account changes the display name and the password, and ends sessions elsewhere. */
async function account(store, on) {
  const shown = field("display_name", s.displayName, { value: store.me.display_name, maxLength: 64, autocomplete: "nickname", autocapitalize: "words" }, s.displayNameKept);
  const profile = form({ display_name: shown }, s.save, async (v) => {
    if (!v.display_name) return shown.wrong(s.needName);
    on.me(await api.changeMe({ display_name: v.display_name }));
    on.say(s.saved);
  });
  const before = field("old", s.passwordNow, { type: "password", autocomplete: "current-password", maxLength: 256 });
  const after = field("new", s.passwordNew, { type: "password", autocomplete: "new-password", maxLength: 256 }, s.passwordHint);
  const password = !store.me.guest && h("details.more", {}, h("summary", {}, s.changePassword), form({ old: before, new: after }, s.save, async () => {
    if (!before.input.value) return before.wrong(s.needPassword);
    await api.changePassword({ old: before.input.value, new: after.input.value });
    before.input.value = after.input.value = "";
    on.say(s.passwordChanged);
    await load();
  }));
  const list = h("ul.member-list", {});
  open("sheet", s.account, profile, password, h("section", {}, h("h3", {}, s.sessions), list));

  async function load() {
    try {
      const { items } = await api.sessions();
      fill(list, items.map((one) => h("li", {},
        h("span.browse-text", {}, h("b", {}, clientName(one.client)), h("small", {}, one.current ? s.thisOne : fullTime(millis(one.created_at)))),
        !one.current && h("button.plain", { type: "button", onclick: async () => {
          await api.endSession(one.id).catch((err) => on.say(words(err)));
          await load();
        } }, s.signOut))));
    } catch (err) {
      fill(list, h("li.none", {}, words(err)));
    }
  }
  await load();
}

/** clientName makes a User-Agent short: "Firefox, Linux". */
function clientName(agent = "") {
  const pick = (pairs) => pairs.find(([mark]) => agent.includes(mark))?.[1];
  const browser = pick([["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]);
  const system = pick([["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]);
  return [browser || agent.split(/[\s/]/)[0] || s.unknownClient, system].filter(Boolean).join(", ");
}
