package main

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"hubbub/internal/testenv/browser"
)

// Two people at the page, on two nodes behind the balancer: one node is killed
// while they talk, and nobody misses a message. The browser fails the test for
// an error on the console or a breach of the content security policy.
func TestPageWhenANodeIsKilled(t *testing.T) {
	t.Parallel()
	settings := cluster(t, "HUBBUB_PROXIES=127.0.0.1/32")
	byName := map[string]*nodeProcess{}
	var addresses [3]string
	for _, name := range nodes {
		byName[name] = launch(t, append(settings, "HUBBUB_NODE="+name)...)
	}
	for i, name := range nodes {
		addresses[i] = byName[name].serving().addr
	}
	b, balancer := browser.Start(t), "http://"+startBalancer(t, addresses)

	where := func(p *browser.Page) string { return browser.Eval[string](p, `hubbub.store.welcome.node`) }
	var people []*browser.Page
	for _, name := range []string{"ada", "grace"} {
		p := b.Page(t, balancer)
		p.SignUp(name)
		p.Open("/r/general")
		people = append(people, p)
	}
	for try := 0; where(people[0]) == where(people[1]); try++ {
		if try == 10 {
			t.Fatalf("both are on %s after ten tries", where(people[0]))
		}
		people[1].Open("/r/general")
	}

	var want []string
	say := func(p *browser.Page, text string) {
		p.Post(text)
		want = append(want, text)
	}
	for i, p := range people {
		say(p, fmt.Sprint("before ", i))
		people[1-i].WaitFor(want[len(want)-1])
	}
	killed := where(people[0])
	byName[killed].signal(syscall.SIGKILL)
	for i := range 3 {
		say(people[0], fmt.Sprint("from the one who fell ", i))
		say(people[1], fmt.Sprint("from the other ", i))
	}
	for _, p := range people {
		for _, text := range want {
			p.WaitFor(text)
		}
	}
	first, second := people[0].Texts(), people[1].Texts()
	if !slices.Equal(first, second) {
		t.Errorf("two orders: %q and %q", first, second)
	}
	slices.Sort(first)
	slices.Sort(want)
	if !slices.Equal(first, want) {
		t.Errorf("the pages show %q, want each of %q once", first, want)
	}
	if now := where(people[0]); now == killed {
		t.Errorf("ada is on %s still", now)
	}
}
