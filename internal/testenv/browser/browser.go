// Package browser drives the chat page in a headless Chromium, for tests.
//
//	b := browser.Start(t)
//	ada := b.Page(t, "http://127.0.0.1:8080")
//	ada.SignUp("ada")
//	ada.Open("/r/general")
//	ada.Post("hello")
//	ada.WaitFor("hello")
//
// Every [Page] has cookies and storage of its own, so each is another person.
// A step that does not come true within its time ends the test, and at its end
// a test fails if the page logged an error or broke its content security policy.
// It is a package of its own since Chromium's protocol is large to compile.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Password is what SignUp and SignIn use.
const Password = "lantern orbit 42 meadow"

// stepWithin bounds each step: also a page that comes back after its node died.
const stepWithin = 30 * time.Second

// Browser is one running Chromium.
type Browser struct {
	ctx context.Context
}

// Start starts a Chromium that ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("browser: chromium is not installed; it is in the package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // tests run as root, in containers
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, endProcess := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		endBrowser()
		endProcess()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("browser: start %s: %v", path, err)
	}
	return &Browser{ctx: ctx}
}

// Page is one tab of one person. Its methods are called from the test's
// goroutine and end the test on failure.
type Page struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu     sync.Mutex
	faults []string
}

// Page opens an empty tab for the server at base, such as http://127.0.0.1:8080.
func (b *Browser) Page(t testing.TB, base string) *Page {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Page{t: t, ctx: ctx, base: strings.TrimSuffix(base, "/")}
	if err := chromedp.Do(ctx); err != nil {
		end()
		t.Fatalf("browser: open a tab: %v", err)
	}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		end()
		t.Fatalf("browser: listen to the tab: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			p.shot()
		}
		end()
		for _, fault := range p.Errors() {
			t.Errorf("the page at %s: %s", p.base, fault)
		}
	})
	return p
}

// listen collects what a good page never has. That a call or a socket failed is
// left out: it is what these tests are about, and the page has to live with it.
func (p *Page) listen(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			fault = "console:"
			for _, arg := range e.Args {
				if fault += " " + string(arg.Value); len(arg.Value) == 0 {
					fault += arg.Description
				}
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork && !strings.HasPrefix(e.Entry.Text, "WebSocket connection to") {
			fault = fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	}
	if fault == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) < 50 {
		p.faults = append(p.faults, fault)
	}
}

// Errors are the errors and broken policies so far; the test's end asks too.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.faults...)
}

// SignUp makes an account at the door and waits until the rooms are there.
func (p *Page) SignUp(name string) {
	p.t.Helper()
	p.enter("#door-up", name)
}

// SignIn comes in with an account that SignUp made.
func (p *Page) SignIn(name string) {
	p.t.Helper()
	p.enter("#door-in", name)
}

func (p *Page) enter(tab, name string) {
	p.t.Helper()
	if !p.has(".door") {
		p.goTo("/")
	}
	p.do("sign in as "+name,
		chromedp.Click(chromedp.CSS(tab)),
		chromedp.SendKeys(chromedp.CSS(".door input[name=name]"), name),
		chromedp.SendKeys(chromedp.CSS(".door input[name=password]"), Password),
		chromedp.Click(chromedp.CSS(".door button[type=submit]")),
		chromedp.WaitReady(chromedp.CSS(".app")),
	)
}

// Open goes to a path of the page, such as /r/general, and waits until the
// room's messages have been loaded and its socket is open.
func (p *Page) Open(path string) {
	p.t.Helper()
	p.goTo(path)
	p.do("see the composer of "+path, chromedp.WaitVisible(chromedp.CSS("#composer-box")))
	p.Until("the room is loaded", `document.querySelector(".edge")?.dataset.state !== "error" && hubbub.store.open?.window.loaded && hubbub.store.connection.state === "open" && hubbub.store.open.seen`)
}

// Visit goes to a path that need not be a room, such as /o, and waits until the
// page is connected.
func (p *Page) Visit(path string) {
	p.t.Helper()
	p.goTo(path)
	p.Until("the page is connected", `window.hubbub?.store.connection.state === "open"`)
}

// Post writes one line into the open room's composer and presses Enter. It does
// not wait for the ack: WaitFor does.
func (p *Page) Post(text string) {
	p.t.Helper()
	p.Type("#composer-box", text+"\r")
}

// WaitFor waits until a stored message with exactly this text is shown.
func (p *Page) WaitFor(text string) {
	p.t.Helper()
	p.Until(fmt.Sprintf("the message %q", text), `(`+texts+`).includes(`+quote(text)+`)`)
}

// texts gives the texts of the stored messages on the page, oldest first.
const texts = `[...document.querySelectorAll(".message:not(.pending):not(.failed) .text")].map((el) => el.innerText.trim())`

// Texts gives the texts of the stored messages that the page shows, oldest first.
func (p *Page) Texts() []string {
	p.t.Helper()
	return Eval[[]string](p, texts)
}

// Until waits until a JavaScript expression is true.
func (p *Page) Until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(stepWithin)
	for !Eval[bool](p, "!!("+expression+")") {
		if time.Now().After(deadline) {
			p.t.Fatalf("browser: not within %v: %s\nthe page shows:\n%s", stepWithin, what, Eval[string](p, "document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Click clicks the first element of a CSS selector, when it is visible.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type types into the first element of a CSS selector; "\r" is Enter.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	// Not SendKeys: it reads the element's attributes without chromedp's own lock.
	p.do("type into "+selector, chromedp.Focus(chromedp.CSS(selector), chromedp.NodeVisible), chromedp.KeyEvent(text))
}

func (p *Page) goTo(path string) {
	p.t.Helper()
	p.do("open "+path, chromedp.Navigate(p.base+path))
}

func (p *Page) has(selector string) bool {
	p.t.Helper()
	return Eval[bool](p, "!!document.querySelector("+quote(selector)+")")
}

// Eval gives the value of a JavaScript expression in the page.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepWithin)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("browser: evaluate %s: %v", expression, err)
	}
	return value
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepWithin)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("browser: %s: %v\nerrors of the page: %q", what, err, p.Errors())
	}
}

// shot keeps a picture of what a failed test saw.
func (p *Page) shot() {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("browser: no screenshot: %v", err)
		return
	}
	file, err := os.CreateTemp("", "hubbub-page-*.png")
	if err != nil {
		p.t.Logf("browser: no screenshot: %v", err)
		return
	}
	defer file.Close()
	if _, err := file.Write(picture); err != nil {
		p.t.Logf("browser: no screenshot: %v", err)
		return
	}
	p.t.Logf("browser: the page at %s looked like %s", p.base, file.Name())
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string always is JSON
		panic(err)
	}
	return string(b)
}
