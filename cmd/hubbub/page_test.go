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
