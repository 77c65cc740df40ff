// Where everything is put together: who is signed in, which room the address
// names, and what the keys do.

import { h, fill, icon, iconButton } from "./dom.js";
import { api, whenSignedOut } from "./api.js";
import { Socket } from "./socket.js";
import { Outbox } from "./outbox.js";
import { Store } from "./store.js";
import { RoomList } from "./rooms.js";
import { Timeline } from "./timeline.js";
import { Composer } from "./composer.js";
import { Banner } from "./banner.js";
import { Idle } from "./idle.js";
import { Orders } from "./orders.js";
import { OrderPages } from "./orderpages.js";
import { signIn } from "./signin.js";
import { newRoom, newDirect, browse, find, ask, words } from "./dialogs.js";
import { roomDetails } from "./details.js";
import { userMenu, shortcuts } from "./account.js";
import { newID, badge } from "./format.js";
import { keep, kept } from "./storage.js";
import { s } from "./strings.js";

const root = document.getElementById("root");
let page = null; // the running chat, when somebody is signed in

/** say shows a short note that goes away. */
function say(text) {
  const toast = h("div.toast", {}, text);
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), 5000);
}

class Page {
  constructor(me) {
    this.store = new Store(me);
    const socket = new Socket({
      onFrame: (frame) => this.store.frame(frame),
      onState: (state, detail) => (state === "signedOut" ? signedOut() : this.store.socketState(state, detail)),
      probe: () => api.me().then(() => "ok", (err) => (err.code === "unauthenticated" ? "signedOut" : "unreachable")),
    });
    const outbox = new Outbox({
      user: me.id,
      send: (e) => socket.request({ type: "post", id: e.id, room: e.room, kind: e.kind, text: e.text, ...(e.replyTo && { reply_to: e.replyTo }) }),
      changed: (room) => this.timeline?.refresh(room),
      sent: (e, ack) => this.#stored(e, ack),
    });
    this.store.attach(socket, outbox, new Orders(this.store));
    this.heard = [];
    const go = {
      open: (room) => this.open(room),
      openRef: (ref) => this.openRef(ref),
      home: () => this.home(),
      orders: () => this.orderPages.show(),
      atOrders: () => this.main?.dataset.view.startsWith("order"),
      join: (room) => this.join(room),
      create: () => newRoom((room) => this.entered(room)),
      direct: () => newDirect((room) => this.entered(room)),
      browse: () => browse(this.store, go),
      find: () => find(this.store, go),
      menu: () => userMenu(this.store, go),
      signOut: () => signOut(),
      left: (room) => this.left(room),
      me: (me) => { Object.assign(this.store.me, me); this.list.drawMe(); },
      retry: () => socket.retryNow(),
      say,
    };
    this.go = go;
    this.list = new RoomList(this.store, go);
    this.composer = new Composer(this.store, { join: go.join, lastOwn: () => this.timeline.lastOwn(), sent: () => this.timeline.sent(), saveEdit: (...a) => this.saveEdit(...a) });
    this.timeline = new Timeline(this.store, {
      say, heard: (who, text) => this.hear(who, text), write: () => this.composer.focus(),
      reply: (item) => this.composer.startReply(item), edit: (item) => this.composer.startEdit(item),
      react: (room, item, emoji, mine) => this.command("react", room, { seq: item.seq, emoji, ...(mine && { remove: true }) }),
      pin: (room, item) => this.command("pin", room, { seq: item.seq, ...(item.pinned && { remove: true }) }),
      remove: async (room, item) => (await ask(s.removeAsk, s.removeText, s.remove)) && this.command("delete", room, { seq: item.seq }),
      copyLink: (room, item) => this.copyLink(room, item),
      retry: (id) => outbox.retry(id), discard: (id) => outbox.discard(id),
    });
    this.orderPages = new OrderPages(this.store, {
      say, view: (...a) => this.view(...a), talk: (...a) => this.talk(...a), path: (...a) => this.path(...a), rooms: () => this.home(),
      write: () => this.composer.focus(), hear: (...a) => this.hear(...a), drawHead: () => this.drawHead(), details: (room) => roomDetails(this.store, room, go),
      focusHead: () => this.head.querySelector("h1")?.focus(), side: (side) => (this.main.dataset.side = side),
    });
    this.banner = new Banner(this.store, go);
    this.idle = new Idle((away) => this.store.setAway(away));
    this.head = h("header.room-head");
    this.blank = h("div.blank", {}, h("img", { src: "/static/icon.svg", alt: "", width: 48, height: 48 }), h("h2", {}, s.emptyTitle), h("p", {}, s.emptyText),
      h("div.blank-buttons", {}, h("button.primary", { type: "button", onclick: go.browse }, s.browse), h("button.plain", { type: "button", onclick: go.create }, s.newRoom)));
    this.main = h("main.main", { id: "main", "data-view": "blank", "data-staff": this.store.orders.staff }, this.head, this.banner.el, this.blank, ...this.orderPages.els([this.timeline.el, this.composer.el]));
    this.shell = h("div.app", { "data-pane": "rooms" },
      h("a.skip", { href: "#main", onclick: (e) => { e.preventDefault(); this.store.open ? this.composer.focus() : this.head.querySelector("h1")?.focus(); } }, s.skip), this.list.el, this.main);
    this.store.on("rooms", () => { this.title(); this.drawHead(); this.putOut(); });
    this.store.on("presence", () => this.drawHead());
    this.store.on("typing", ({ room }) => room === this.store.open && this.drawTyping());
    this.clock = setInterval(() => this.drawTyping(), 1000);
    this.onkey = (e) => this.keys(e);
    this.onpop = () => this.route(false);
    document.addEventListener("keydown", this.onkey);
    addEventListener("popstate", this.onpop);
  }

  async start() {
    fill(root, this.shell);
    this.store.socket.start();
    await this.store.refresh().catch((err) => console.warn("hubbub: rooms could not be listed", err.code));
    await this.general();
    await this.route(true);
  }

  stop() {
    this.store.socket.stop();
    this.banner.stop();
    this.idle.stop();
    this.orderPages.stop();
    clearInterval(this.clock);
    document.removeEventListener("keydown", this.onkey);
    removeEventListener("popstate", this.onpop);
  }

  /** general takes a newcomer into the room where everybody is, once. */
  async general() {
    const key = `general.${this.store.me.id}`;
    if (kept(key) || this.store.find("general")) return;
    try {
      await api.setMember("general", "me");
      keep(key, "1");
      await this.store.refresh();
    } catch (err) {
      if (err.code === "not_found" || err.code === "forbidden") keep(key, "1");
    }
  }

  /** route opens what the address names; with `fall`, else the liveliest room on a wide screen. */
  async route(fall) {
    const [, kind, ref, seq] = location.pathname.split("/");
    if (kind === "r" && ref) return this.openRef(decodeURIComponent(ref), Number(seq) || 0, false);
    if (kind === "o") return this.orderPages.route(ref);
    const last = this.store.find(kept(`last.${this.store.me.id}`) || "");
    const first = last?.member ? last : this.store.sorted().find((r) => !r.orderID);
    if (fall && first && matchMedia("(min-width: 768px)").matches) return this.open(first, 0, false);
    this.view("blank");
  }

  async openRef(ref, seq = 0, push = true) {
    let room = this.store.find(ref);
    if (!room) {
      try {
        room = this.store.adopt(await api.room(ref));
      } catch (err) {
        say(err.code === "not_found" ? s.roomMissing : words(err));
        return this.view("blank");
      }
    }
    return this.open(room, seq, push);
  }

  async open(room, seq = 0, push = true) {
    if (room.orderID) return this.orderPages.open(room.orderID, { talk: true, seq, push });
    this.path(`/r/${encodeURIComponent(room.ref)}${seq ? `/${seq}` : ""}`, push);
    if (room.member) keep(`last.${this.store.me.id}`, room.id);
    this.view("room", room);
    await this.talk(room, seq);
  }

  path(path, push) {
    if (location.pathname !== path) history[push ? "pushState" : "replaceState"](null, "", path);
  }

  /** view changes what the main pane shows: "blank", "room", "orders" or "order", with the room that is talked in. */
  view(name, room = null) {
    const before = this.store.open;
    this.store.open = room;
    if (before && before !== room && !before.member) this.store.rooms.delete(before.id);
    this.main.dataset.view = name;
    this.shell.dataset.pane = name === "blank" ? "rooms" : "room";
    this.timeline.el.hidden = this.composer.el.hidden = !room;
    if (!room) this.timeline.show(null);
    if (name !== "order") this.orderPages.leave();
    this.store.emit("rooms");
  }

  /** talk shows the messages of the room in view, and the composer under them. */
  async talk(room, seq = 0, write = true) {
    this.composer.show(room);
    this.drawHead();
    this.drawTyping();
    if (write && matchMedia("(pointer: fine)").matches) this.composer.focus();
    this.store.askPresence();
    await this.timeline.show(room, seq);
  }

  home() {
    this.path("/", true);
    this.view("blank");
  }

  async join(info) {
    try {
      await api.setMember(info.id, "me");
      await this.store.refresh();
      const room = this.store.rooms.get(info.id);
      if (room) await this.open(room);
    } catch (err) {
      say(words(err));
    }
  }

  /** putOut leaves the open room when somebody else has ended the membership. */
  putOut() {
    const room = this.store.open;
    if (!room || room.member || room.orderID || this.composer.form.hidden) return;
    this.store.rooms.delete(room.id);
    say(s.putOut(room.mark));
    this.home();
  }

  async entered(info) {
    await this.store.refresh().catch(() => {});
    await this.open(this.store.rooms.get(info.id) || this.store.adopt(info));
  }

  async left(room) {
    if (this.store.open === room) {
      if (room.orderID) this.orderPages.show();
      else this.home();
    }
    this.store.rooms.delete(room.id);
    this.store.emit("rooms");
    await this.store.refresh().catch(() => {});
  }

  async command(type, room, fields) {
    const id = newID();
    for (let tries = 0; tries < 5; tries++) {
      try {
        return await this.store.command(type, room, { ...fields, id });
      } catch (err) {
        const again = ["unknown_outcome", "disconnected", "timeout", "rate_limited", "unavailable"].includes(err.code);
        if (!again || tries === 4) return say(words(err));
        await new Promise((done) => setTimeout(done, err.retryAfter || 500 * 2 ** tries));
      }
    }
  }

  saveEdit(room, item, text) {
    this.command("edit", room, { seq: item.seq, kind: "markdown", text });
  }

  /** stored puts an acked message in place at once; its event finds it there. */
  #stored(entry, ack) {
    const room = this.store.rooms.get(entry.room);
    if (!room || !ack.seq) return;
    const { me } = this.store;
    room.window.apply({
      type: "message", seq: ack.seq, epoch: room.log.epoch, at: ack.at || entry.at * 1000, actor: { id: me.id, name: me.display_name },
      client_id: entry.id, kind: entry.kind, text: entry.text, reply_to: entry.replyTo,
    });
  }

  async copyLink(room, item) {
    try {
      await navigator.clipboard.writeText(`${location.origin}/r/${encodeURIComponent(room.ref)}/${item.seq}`);
      say(s.copied);
    } catch {
      say(s.failed);
    }
  }

  drawHead() {
    const room = this.store.open;
    const { key, parts } = this.main.dataset.view.startsWith("order") ? this.orderPages.head(room) : this.roomHead(room);
    if (this.headKey === key) return;
    this.headKey = key;
    const had = document.activeElement?.localName === "h1";
    fill(this.head, parts);
    if (had) this.head.querySelector("h1[tabindex]")?.focus();
    this.title();
  }

  roomHead(room) {
    if (!room) return { key: "", parts: [] };
    const { here } = room;
    return {
      key: [room.id, room.mark, room.topic, here, room.member].join("|"),
      parts: [iconButton("back", s.back, () => this.home(), { class: "back" }),
        !room.direct && h("span.room-sign", {}, icon(room.sign, 18)),
        h("div.room-title", {}, h("h1", { dir: "auto" }, room.title), room.topic && h("p.topic", { dir: "auto", title: room.topic }, room.topic)),
        here > 0 && !room.direct && h("span.here", {}, h("i.presence.online"), s.hereNow(here)),
        iconButton("people", s.details, () => roomDetails(this.store, room, this.go))],
    };
  }

  drawTyping() {
    if (this.store.open) this.composer.showTyping(this.store.open.writing());
  }

  title() {
    const unread = this.store.unread;
    const what = this.main.dataset.view.startsWith("order") ? this.orderPages.title : this.store.open?.mark;
    document.title = [unread && `(${badge(unread)})`, what, what && "·", s.app].filter(Boolean).join(" ");
    const href = unread ? "/static/icon-unread.svg" : "/static/icon.svg";
    const link = document.getElementById("favicon");
    if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  }

  /** hear reads new messages of the open room aloud, a burst as a number. */
  hear(who, text) {
    this.heard.push([who, text]);
    clearTimeout(this.hearTimer);
    this.hearTimer = setTimeout(() => {
      const heard = this.heard.splice(0);
      document.getElementById("announcer").textContent = heard.length > 3 ? s.burst(heard.length) : heard.map((p) => s.said(...p)).join(". ");
    }, 400);
  }

  keys(e) {
    if (document.querySelector("dialog[open]")) return;
    if ((e.ctrlKey || e.metaKey) && e.key === "/") {
      e.preventDefault();
      return shortcuts();
    }
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "k") {
      e.preventDefault();
      this.go.find();
    } else if (e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
      e.preventDefault();
      const rooms = this.store.sorted().filter((r) => !e.shiftKey || r.unread || r === this.store.open);
      const about = (r) => (r.orderID ? 2 : r.direct ? 1 : 0);
      const order = rooms.filter((r) => !r.orderID || e.shiftKey).sort((a, b) => about(a) - about(b)); // as in the list, then those about orders
      const step = e.key === "ArrowUp" ? -1 : 1;
      const to = order[(order.indexOf(this.store.open) + step + order.length) % order.length];
      if (to && to !== this.store.open) this.open(to);
    } else if (e.key === "Escape" && this.store.open) {
      this.timeline.toNewest();
      this.composer.focus();
    }
  }
}

async function enter(me) {
  page?.stop();
  if (!me.guest) keep("known", "1");
  page = new Page(me);
  globalThis.hubbub = page; // for the console; nothing depends on it
  await page.start();
}

function door(message) {
  page?.stop();
  page = null;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  signIn(root, { message, done: (me) => enter(me) });
}

function signedOut() {
  if (page) door(s.signedOut);
}

async function signOut() {
  const { store, composer } = page; // the server may end the socket, and so the page, before it answers
  try {
    await api.signOut();
  } catch (err) {
    if (err.code !== "unauthenticated") return say(s.signOutFailed);
  }
  store.outbox.clear();
  composer.forgetDrafts();
  history.replaceState(null, "", "/");
  door("");
}

async function boot() {
  whenSignedOut(signedOut);
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      return await enter(await api.me());
    } catch (err) {
      if (err.code === "unauthenticated") return door("");
      if (!err.code) throw err;
      fill(root, h("p.boot", { role: "status" }, s.unreachable));
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

boot();
