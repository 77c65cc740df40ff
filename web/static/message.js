// The rows of the timeline: messages, local echoes, quiet notes, separators.

import { h, avatar, icon } from "./dom.js";
import { markdown, plain } from "./markdown.js";
import { timeOf, fullTime, dayKey, dayName } from "./format.js";
import { s } from "./strings.js";

const GROUP_WITHIN = 5 * 60_000;

/** rows gives what the timeline shows of a room: {key, version, make} each. */
export function rows({ room, me, echoes, marked, quotes, on }) {
  const out = [];
  const { items, atOldest, atNewest, loaded } = room.window;
  if (loaded && atOldest) out.push({ key: "start", version: room.mark + room.topic, make: () => start(room) });
  let before = null;
  let lined = false;
  let today = "";
  const begun = new Set(); // clocks may go back: a day can begin twice
  const day = (at) => {
    if (dayKey(at) === today) return;
    today = dayKey(at);
    const name = dayName(at);
    if (begun.has(today)) return;
    begun.add(today);
    out.push({ key: `day-${today}`, version: name, make: () => separator("day", name) });
    before = null;
  };
  for (const item of items) {
    day(item.at);
    if (!lined && room.newAfter && item.seq > room.newAfter) {
      lined = true;
      // For a newcomer everything is new: no line above the very first message.
      if (room.newAfter >= 1 || out.some((r) => r.item || r.note)) {
        out.push({ key: "new", version: "1", make: () => separator("new", s.newMessages) });
        before = null;
      }
    }
    if (item.kind === "system") {
      out.push({ key: `m${item.seq}`, version: String(item.version), note: true, make: () => system(item) });
      before = null;
      continue;
    }
    if (item.note) {
      const text = note(item, room);
      out.push({ key: `m${item.seq}`, version: text, note: true, make: () => h("p.note", { dir: "auto" }, text) });
      before = null;
      continue;
    }
    const cont = follows(before, item);
    const quoted = item.replyTo ? quotes(item.replyTo) : null;
    const version = [item.version, cont, marked === item.seq, quoted?.version ?? quoted, item.reactions.length].join("|");
    out.push({ key: `m${item.seq}`, version, item, make: () => message({ item, cont, me, room, quoted, marked: marked === item.seq, on }) });
    before = item;
  }
  if (atNewest) {
    for (const entry of echoes) {
      // Its event may be in the window while its ack is still on the way.
      if (items.some((m) => m.clientID === entry.id && m.actor?.id === me.id)) continue;
      day(entry.at);
      const item = { at: entry.at, actor: { id: me.id, name: me.display_name }, text: entry.text, kind: entry.kind, replyTo: entry.replyTo, reactions: [] };
      const cont = follows(before, item);
      const quoted = item.replyTo ? quotes(item.replyTo) : null;
      out.push({ key: `e${entry.id}`, version: `${entry.state}|${cont}|${entry.error || ""}`, entry, make: () => echo({ entry, item, cont, me, quoted, on }) });
      before = item;
    }
  }
  return out;
}

function follows(before, item) {
  return !!before && !before.note && before.actor.id === item.actor.id && item.at - before.at < GROUP_WITHIN && !item.replyTo;
}

function start(room) {
  return h("div.start", {},
    room.direct ? avatar(room.others[0]?.id, room.title, "large") : h("span.start-sign", {}, icon(room.sign, 26)),
    h("h2", { dir: "auto" }, room.orderID ? room.title : room.direct ? s.directEmpty(room.title) : s.roomEmpty(room.mark)),
    room.topic && h("p.topic", { dir: "auto" }, room.topic),
    h("p", {}, room.orderID ? s.talkEmptyText : room.direct ? s.directEmptyText : s.roomEmptyText));
}

/** system is a line that the server wrote: what became of the order. */
function system(item) {
  const at = h("time", { dateTime: new Date(item.at).toISOString(), title: fullTime(item.at) }, timeOf(item.at));
  return h("p.note.system", { "data-seq": item.seq, tabIndex: -1 }, icon("box", 15), h("span", { dir: "auto" }, item.text), at);
}

function separator(kind, text) {
  return h("div.separator", { class: kind, role: "separator", "aria-label": text }, h("span", {}, text));
}

function note(item, room) {
  const e = item.event;
  const who = e.actor.name;
  const whom = e.user?.name || "";
  if (e.type === "member") {
    if (e.change === "joined") return s.joined(whom || who);
    if (e.change === "invited") return s.invited(who, whom);
    if (e.change === "left") return s.wentAway(whom || who);
    if (e.change === "kicked") return s.kicked(who, whom);
    if (e.change === "role") return s.role(whom, s.roles[e.role] || e.role);
  }
  if (e.type === "room") {
    if (e.seq === 1) return s.roomMade(who, room.mark);
    return e.topic ? s.roomTopic(who, e.topic) : s.roomChanged(who);
  }
  return s.unknownKind;
}

function bodyOf(item, me) {
  if (item.deleted) return h("p.tombstone", {}, s.deleted);
  if (item.kind === "markdown") {
    const body = h("div.body", {}, markdown(item.text));
    for (const el of body.querySelectorAll(".mention")) if (me.name && el.textContent === `@${me.name}`) el.classList.add("self");
    return [...body.childNodes];
  }
  if (item.kind === "text") return h("p", {}, item.text);
  return [item.text && h("p", {}, item.text), h("p.tombstone", {}, s.unknownKind)];
}

function quote(seq, quoted, on) {
  const ready = quoted && quoted !== "loading";
  const text = !ready ? "…" : quoted.deleted ? s.deleted : plain(quoted.text, 120);
  return h("button.quote", { type: "button", title: s.goTo, onclick: () => on.jump(seq) },
    icon("reply", 14), ready && h("b", {}, quoted.actor.name), h("span", { dir: "auto" }, text));
}

function reactionBar(item, me, room, on) {
  if (!item.reactions.length) return null;
  return h("div.reactions", {}, item.reactions.map((r) => {
    const mine = r.users.includes(me.id);
    const names = r.users.map((id) => (id === me.id ? s.you : room.names.get(id) || "…")).join(", ");
    const label = s.reactedBy(r.emoji, names, mine);
    return h("button.reaction", {
      type: "button", class: mine ? "mine" : "", "aria-pressed": String(mine), "aria-label": label, title: label,
      onclick: () => on.react(item, r.emoji, mine),
    }, h("span", {}, r.emoji), h("span.count", {}, String(r.users.length)));
  }));
}

function frame({ spec, item, cont, me, quoted, extra, tail, on, props }) {
  const time = h("time", { dateTime: new Date(item.at).toISOString(), title: fullTime(item.at) }, timeOf(item.at));
  const mine = item.actor.id === me.id;
  return h(spec, { class: [cont && "cont", mine && "mine"].filter(Boolean).join(" "), tabIndex: -1, "aria-label": label(item), ...props },
    h("div.gutter", {}, cont ? time : avatar(item.actor.id, item.actor.name)),
    h("div.content", {},
      cont ? h("span.unseen", {}, item.actor.name) : h("div.byline", {},
        h("span.author", { dir: "auto" }, item.actor.name), time, item.pinned && h("span.tag", {}, icon("pin", 13), s.pinned)),
      item.replyTo ? quote(item.replyTo, quoted, on) : null,
      h("div.text", { dir: "auto", class: onlyEmoji(item.text) ? "jumbo" : "" }, bodyOf(item, me),
        item.editedAt && !item.deleted ? h("span.edited", { title: fullTime(item.editedAt) }, s.edited) : null),
      extra, tail));
}

/** label is a message in one sentence, for those who hear it. */
function label(item) {
  return [
    `${item.actor.name}, ${timeOf(item.at)}`,
    item.deleted ? s.deleted : plain(item.text, 500),
    item.editedAt && !item.deleted && s.edited,
    item.pinned && s.pinned,
    ...item.reactions.map((r) => `${r.emoji} ${r.users.length}`),
  ].filter(Boolean).join(". ");
}

function onlyEmoji(text) {
  return text.length <= 24 && /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u.test(text);
}

function message({ item, cont, me, room, quoted, marked, on }) {
  return frame({
    spec: "article.message", item, cont: cont && !item.pinned, me, quoted, on,
    extra: reactionBar(item, me, room, on),
    props: { class: [marked && "marked", cont && !item.pinned && "cont", item.actor.id === me.id && "mine", item.deleted && "gone"].filter(Boolean).join(" "), "data-seq": item.seq },
  });
}

/** echo is what was written and is not stored yet. */
function echo({ entry, item, cont, me, quoted, on }) {
  const failed = entry.state === "failed";
  const tail = failed
    ? h("div.failure", { role: "alert" },
      h("span", {}, s.notSent, entry.error ? `: ${entry.error}` : "."),
      h("button.link", { type: "button", onclick: () => on.retry(entry.id) }, s.retry),
      h("button.link.danger", { type: "button", onclick: () => on.discard(entry.id) }, s.discard))
    : h("div.pending-note", {}, entry.state === "sending" ? s.sending : s.waiting);
  return frame({
    spec: failed ? "article.message.failed" : "article.message.pending", item, cont, me, quoted, on, tail,
    props: { class: [cont && "cont", "mine"].filter(Boolean).join(" "), "data-echo": entry.id, "data-state": entry.state },
  });
}
