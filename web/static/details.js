// What there is to know and do about a room.

import { h, icon, fill, avatar } from "./dom.js";
import { open, field, form, ask, words } from "./dialogs.js";
import { api } from "./api.js";
import { s } from "./strings.js";

/** roomDetails shows members and what one may do about them. */
export async function roomDetails(store, room, on) {
  const list = h("ul.member-list", {});
  const count = h("h3", {}, s.people(0));
  const message = h("p.form-message", { role: "alert" });
  const mayInvite = room.member && !room.direct && !room.ofOrder && (room.kind === "private" || room.moderates);
  const user = field("user", s.invite, { placeholder: "@", maxLength: 65 }, s.inviteHint);
  const invite = mayInvite && form({ user }, s.invite, async (v) => {
    const name = v.user.replace(/^@/, "");
    if (!name) return user.wrong(s.needName);
    try {
      await api.setMember(room.id, `@${name}`);
    } catch (err) {
      if (err.code !== "not_found" && err.code !== "invalid") throw err;
      return user.wrong(s.noUser);
    }
    user.input.value = "";
    on.say(s.inviteSent(name));
    await load();
  });
  const change = room.moderates && !room.direct && !room.ofOrder && h("details.more", {}, h("summary", {}, s.changeRoom), changeForm(room, on));
  if (invite) invite.classList.add("inline");
  const dialog = open("sheet", room.mark,
    room.topic && h("p.dialog-text", { dir: "auto" }, room.topic),
    change, invite, h("section", {}, count, message, list),
    room.member && !room.direct && (!room.ofOrder || room.moderates) && h("div.dialog-buttons.low", {}, h("button.plain.danger", {
      type: "button",
      onclick: async () => {
        if (!(await ask(s.leaveAsk(room.mark), room.ofOrder ? s.leaveTalkText : s.leaveText, s.leave))) return;
        try {
          await api.dropMember(room.id, "me");
          dialog.close();
          on.left(room);
        } catch (err) {
          message.textContent = words(err);
        }
      },
    }, icon("out", 16), s.leave)));

  async function act(work) {
    message.textContent = "";
    try {
      await work();
      await load();
    } catch (err) {
      message.textContent = words(err);
    }
  }

  function row(m) {
    const mine = m.user.id === store.me.id;
    const state = room.status(m.user.id);
    const text = s.statuses[state];
    const name = m.user.display_name;
    const kickable = !mine && !room.direct && !room.ofOrder && (room.role === "owner" || (room.role === "moderator" && m.role !== "owner"));
    const role = room.role === "owner" && !room.direct
      ? h("select", { "aria-label": s.roleOf(name), onchange: (e) => act(() => api.setMember(room.id, m.user.id, { role: e.target.value })) },
        Object.entries(s.roles).map(([value, label]) => h("option", { value, selected: value === m.role }, label)))
      : m.role !== "member" && h("span.role", {}, s.roles[m.role] || m.role);
    return h("li", {}, h("span.room-sign", {}, avatar(m.user.id, name, "small"), h("i.presence", { class: state, title: text })),
      h("span.browse-text", {}, h("b", { dir: "auto" }, mine ? s.youIn(name) : name), h("small", {}, m.user.guest ? s.guestTag : m.user.name ? `@${m.user.name}` : " ")),
      h("span.unseen", {}, text), role,
      kickable && h("button.plain", { type: "button", onclick: async () => (await ask(s.kickAsk(name), "", s.kick)) && act(() => api.dropMember(room.id, m.user.id)) }, s.kick));
  }

  async function load() {
    try {
      const members = await api.members(room.id);
      for (const m of members) room.names.set(m.user.id, m.user.display_name);
      count.textContent = s.people(members.length);
      fill(list, members.map(row));
    } catch (err) {
      message.textContent = words(err);
    }
  }
  await load();
}

function changeForm(room, on) {
  const name = field("name", s.roomName, { value: room.name, maxLength: 64 }, room.kind === "public" ? s.roomNameHint : "");
  const topic = field("topic", s.topic, { value: room.topic, maxLength: 500 });
  return form({ name, topic }, s.save, async (v) => {
    if (!v.name) return name.wrong(s.needName);
    try {
      await api.changeRoom(room.id, { ...(v.name !== room.name && { name: v.name }), ...(v.topic !== room.topic && { topic: v.topic }) });
      on.say(s.saved);
    } catch (err) {
      if (err.code !== "conflict") throw err;
      name.wrong(s.nameTaken);
    }
  });
}
