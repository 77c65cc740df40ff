package main

import (
	"fmt"
	"slices"
	"testing"

	"hubbub/internal/testenv/browser"
)

// pages gives a node with its page open for each name, in #general.
func pages(t *testing.T, names ...string) (*node, []*browser.Page) {
	t.Helper()
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	b := browser.Start(t)
	var out []*browser.Page
	for _, name := range names {
		p := b.Page(t, "http://"+n.Addr())
		p.SignUp(name)
		p.Open("/r/general")
		out = append(out, p)
	}
	return n, out
}

func TestPageTwoPeopleTalk(t *testing.T) {
	_, people := pages(t, "ada", "grace")
	var want []string
	for i := range 5 {
		for j, p := range people {
			text := fmt.Sprintf("message %d of %d", i, j)
			p.Post(text)
			p.WaitFor(text)
			want = append(want, text)
		}
	}
	for i, p := range people {
		p.WaitFor(want[len(want)-1])
		if got := p.Texts(); !slices.Equal(got, want) {
			t.Errorf("page %d shows %q, want %q", i, got, want)
		}
	}

	// What was said is there after a reload, in order and once.
	people[0].Open("/r/general")
	if got := people[0].Texts(); !slices.Equal(got, want) {
		t.Errorf("after a reload: %q, want %q", got, want)
	}
}

// What people write never becomes markup, and the policy of the page is not
// even asked: both would be an error of the page.
func TestPageShowsTextAsText(t *testing.T) {
	_, people := pages(t, "ada", "grace")
	for _, text := range []string{
		`<img src=x onerror="document.title='pwned'">`,
		`<script>document.title='pwned'</script>`,
		`[click](javascript:document.title='pwned')`,
		`<svg/onload=document.title='pwned'>`,
	} {
		people[0].Post(text)
		people[1].WaitFor(text)
	}
	people[0].Post("**bold** and [a link](https://example.org/) and `code`")
	people[1].WaitFor("bold and a link and code")
	for i, p := range people {
		if n := browser.Eval[int](p, `document.querySelectorAll(".text img, .text script, .text svg, .text [onerror]").length`); n != 0 {
			t.Errorf("page %d: %d elements came out of a message", i, n)
		}
		if got := browser.Eval[[]string](p, `[...document.querySelectorAll(".text a")].map((a) => a.href + " " + a.rel)`); !slices.Equal(got, []string{"https://example.org/ noopener noreferrer"}) {
			t.Errorf("page %d has the links %q", i, got)
		}
		if title := browser.Eval[string](p, "document.title"); title == "pwned" {
			t.Errorf("page %d ran what was written", i)
		}
	}
}

// What was written without a connection is kept over a reload and sent once.
func TestPageKeepsWhatIsNotSent(t *testing.T) {
	_, people := pages(t, "ada", "grace")
	ada, grace := people[0], people[1]
	ada.Post("first")
	ada.WaitFor("first")
	browser.Eval[any](ada, `hubbub.store.socket.stop()`)
	ada.Post("second")
	ada.Post("third")
	ada.Until("both wait", `document.querySelectorAll(".message.pending").length === 2`)
	browser.Eval[any](ada, `(() => { const box = document.querySelector("#composer-box"); box.value = "a draft"; box.dispatchEvent(new Event("input")) })()`)
	if got := grace.Texts(); !slices.Equal(got, []string{"first"}) {
		t.Errorf("before the reload: %q", got)
	}

	ada.Open("/r/general")
	want := []string{"first", "second", "third"}
	for i, p := range people {
		p.WaitFor("third")
		if got := p.Texts(); !slices.Equal(got, want) {
			t.Errorf("page %d shows %q, want %q", i, got, want)
		}
	}
	if got := browser.Eval[string](ada, `document.querySelector("#composer-box").value`); got != "a draft" {
		t.Errorf("the draft is %q after a reload", got)
	}
	ada.Until("the outbox is empty", `hubbub.store.outbox.size === 0`)
}

// The client's half of "each event once and in order": whatever order, doubles
// and holes the frames come in, the log passes 1, 2, 3 … on.
func TestPageLogFillsHoles(t *testing.T) {
	_, people := pages(t, "ada")
	ada := people[0]
	browser.Eval[any](ada, `void import("/static/log.js").then(({ RoomLog }) => {
		window.faults = [];
		let state = 1;
		const random = (n) => (state = (state * 48271) % 2147483647) % n;
		for (let round = 0; round < 300; round++) {
			const got = [], first = random(5), last = first + 1 + random(40);
			const event = (seq) => ({ epoch: "E", seq });
			const log = new RoomLog({ epoch: "E", cursor: first, deliver: (e) => got.push(e.seq), fill: (after) => holes.push(after) });
			let holes = [];
			const fill = () => {
				for (const after of holes.splice(0)) for (let seq = after + 1; seq <= last; seq++) if (log.take(event(seq)) === "foreign") window.faults.push("foreign");
				log.filled();
			};
			for (let i = 0; i < 80; i++) {
				log.take(event(Math.max(1, first + 1 + random(last - first) - (random(4) === 0 ? 3 : 0))));
				if (log.take({ epoch: "F", seq: log.cursor + 1 }) !== "foreign") window.faults.push("took another life");
				if (random(5) === 0) fill();
			}
			log.take(event(last));
			fill();
			const want = Array.from({ length: last - first }, (_, i) => first + 1 + i);
			if (String(got) !== String(want)) window.faults.push("round " + round + ": " + got + " want " + want);
		}
		window.rounds = 300;
	})`)
	ada.Until("all rounds", `window.rounds === 300`)
	if faults := browser.Eval[[]string](ada, `window.faults`); len(faults) > 0 {
		t.Errorf("%d faults, the first: %s", len(faults), faults[0])
	}
}

func TestPageCountsUnread(t *testing.T) {
	_, people := pages(t, "ada", "grace")
	ada, grace := people[0], people[1]
	grace.Click(`[aria-label="New room"]`)
	grace.Type(`dialog input[name=name]`, "side\r")
	grace.Until("the new room is open", `hubbub.store.open?.name === "side"`)

	for _, text := range []string{"one", "two"} {
		ada.Post(text)
		ada.WaitFor(text)
	}
	grace.Until("a badge of 2", `document.querySelector(".room.unread .badge")?.firstChild.data === "2"`)
	grace.Until("the title counts", `document.title.startsWith("(2)")`)

	grace.Click(".room.unread")
	grace.WaitFor("two")
	grace.Until("the line stands before the first unread message",
		`document.querySelector(".separator.new")?.nextElementSibling.querySelector(".text").innerText.trim() === "one"`)
	browser.Eval[any](grace, `window.dispatchEvent(new Event("focus"))`)
	grace.Until("nothing is unread", `!document.querySelector(".room.unread") && hubbub.store.unread === 0`)
	grace.Open("/r/general") // and the server knows
	grace.Until("still nothing", `hubbub.store.unread === 0`)
}

// Who does nothing for a while is shown as away, also after a reconnect, and is
// back with the first key.
func TestPageShowsWhoIsAway(t *testing.T) {
	_, people := pages(t, "ada", "grace")
	ada, grace := people[0], people[1]
	id := browser.Eval[string](ada, "hubbub.store.me.id")
	browser.Eval[any](grace, `void fetch("/v1/rooms", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({kind: "direct", members: ["`+id+`"]})})`)
	dot := func(status string) {
		t.Helper()
		grace.Until("ada is "+status, `(({ dot, text }) => dot?.className === "presence `+status+`" && text?.innerText === "`+status+`")(
			{ dot: document.querySelector(".room .presence"), text: document.querySelector(".room:has(.presence) .unseen") })`)
	}
	dot("online")
	if after := browser.Eval[int](ada, "hubbub.idle.after"); after != 300_000 {
		t.Errorf("away after %d ms, want 5 min", after)
	}
	// From here on it is a tenth of a second. What the page sends is noted.
	browser.Eval[any](ada, `(() => {
		const send = WebSocket.prototype.send;
		window.sent = [];
		WebSocket.prototype.send = function (data) { window.ws = this; sent.push(JSON.parse(data)); return send.call(this, data); };
		Object.assign(hubbub.idle, { after: 100, away: true }).seen();
	})()`)
	dot("away")
	grace.Until("one of two is here", `hubbub.store.open.presence.online.size === 2 && hubbub.store.open.here === 1`)

	browser.Eval[any](ada, `(() => { sent.length = 0; ws.close(); hubbub.idle.after = 300000; })()`)
	ada.Until("the new socket is told", `sent.some((c) => c.type === "status" && c.away)`)
	dot("away")
	ada.Type("#composer-box", "x")
	dot("online")
}

func TestPageSignsInAndOut(t *testing.T) {
	_, people := pages(t, "ada")
	ada := people[0]
	signOut := func() {
		ada.Click(".rail .me")
		ada.Click(".menu-item:last-child")
	}
	// Who is still signed in is told so.
	browser.Eval[any](ada, `void (window.fetch = ((fetch) => (url, o) => o?.method === "DELETE" ? Promise.reject(new TypeError("no network")) : fetch(url, o))(window.fetch))`)
	ada.Post("before")
	ada.WaitFor("before")
	signOut()
	ada.Until("the failure is told", `document.querySelector(".toast")?.innerText.includes("still signed in")`)
	ada.Open("/r/general")
	ada.WaitFor("before")

	signOut()
	ada.Until("the door", `!!document.querySelector(".door")`)
	ada.SignIn("ada")
	ada.Open("/r/general")
	ada.Post("back again")
	ada.WaitFor("back again")
}
