package webhooks_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"hubbub/orders/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")})

func newSender(t *testing.T, o webhooks.SenderOptions) *webhooks.HTTPSender {
	t.Helper()
	o.Agent = "hubbub/test"
	s := webhooks.NewHTTPSender(o)
	t.Cleanup(s.Close)
	return s
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// job is a message to that URL.
func job(url string) webhooks.Job {
	return webhooks.Job{
		Endpoint: webhooks.Endpoint{ID: "e", URL: url, Secret: webhooks.Secret("0123456789abcdef0123456789abcdef")},
		ID:       "018f7c5e-0000-7000-8000-000000000001", Type: "order.moved", Body: []byte(`{"type":"order.moved","n":"😀"}`),
	}
}

// verify checks a request as Standard Webhooks 1.0 has it, by its words alone.
func verify(h http.Header, body []byte, secret string) error {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return err
	}
	if d := time.Since(time.Unix(seconds, 0)); d > 5*time.Minute || d < -5*time.Minute {
		return fmt.Errorf("timestamp %s is off by %s", stamp, d)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	for signature := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		version, encoded, _ := strings.Cut(signature, ",")
		got, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil && version == "v1" && hmac.Equal(got, mac.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("signature %q is wrong", h.Get("webhook-signature"))
}

// TestSignature has the example of the reference implementations.
func TestSignature(t *testing.T) {
	secret, ok := webhooks.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if !ok {
		t.Fatal("the secret is refused")
	}
	got := secret.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 999), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSend(t *testing.T) {
	var header http.Header
	var body []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/hooks?a=1" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks \x00\x1b[31m \xff é")
	})
	j := job(s.URL + "/hooks?a=1")
	a := newSender(t, webhooks.SenderOptions{Guard: loopback}).Send(t.Context(), j)
	if a.Reason != webhooks.NoReason || a.Code != 202 || a.Answer != "thanks ??[31m ? é" || time.Since(time.UnixMicro(a.At)) > time.Minute {
		t.Errorf("%+v", a)
	}
	if !bytes.Equal(body, j.Body) {
		t.Errorf("body %s", body)
	}
	if err := verify(header, body, j.Endpoint.Secret.Reveal()); err != nil {
		t.Error(err)
	}
	if err := verify(header, append(body, ' '), j.Endpoint.Secret.Reveal()); err == nil {
		t.Error("another body has the same signature")
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "hubbub/test", "Webhook-Id": string(j.ID), "Accept-Encoding": "",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	var hits atomic.Int64
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(code)
	})
	sender := newSender(t, webhooks.SenderOptions{Guard: loopback})
	for code, want := range map[int]webhooks.Reason{
		200: "", 201: "", 204: "", 299: "", 300: "redirect", 301: "redirect", 302: "redirect", 303: "redirect", 307: "redirect", 308: "redirect",
		400: "status", 401: "status", 404: "status", 410: "gone", 429: "status", 500: "status", 503: "status", 599: "status",
	} {
		if a := sender.Send(t.Context(), job(fmt.Sprintf("%s/?code=%d", s.URL, code))); a.Code != code || a.Reason != want {
			t.Errorf("%d: %+v, want %q", code, a, want)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestNotThere: what is not public is not connected to, by whatever name.
func TestNotThere(t *testing.T) {
	var accepted atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			accepted.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sender := newSender(t, webhooks.SenderOptions{Time: 2 * time.Second})
	for host, want := range map[string]webhooks.Reason{
		"127.0.0.1": "address", "127.1.2.3": "address", "0.0.0.0": "address", "[::1]": "address", "[::]": "address", "[::ffff:127.0.0.1]": "address",
		"[::ffff:7f00:1]": "address", "10.0.0.1": "address", "169.254.169.254": "address", "192.168.0.1": "address", "[fd00::1]": "address",
		"localhost": "address", "LOCALHOST": "address",
		// an address to some resolvers, an unknown name to others
		"2130706433": "", "0x7f000001": "", "0177.0.0.1": "", "127.1": "",
	} {
		a := sender.Send(t.Context(), job("http://"+host+":"+port+"/"))
		if a.Reason == webhooks.NoReason || a.Code != 0 || want != "" && a.Reason != want {
			t.Errorf("%s: %+v, want %q", host, a, want)
		}
	}
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	// Allowed, the same name is reached: the test above could fail.
	if a := newSender(t, webhooks.SenderOptions{Guard: loopback}).Send(t.Context(), job("http://localhost:"+port+"/")); a.Reason != webhooks.NoReason {
		t.Errorf("allowed: %+v", a)
	}
	// A network that is allowed opens no other.
	if a := newSender(t, webhooks.SenderOptions{Guard: loopback}).Send(t.Context(), job("http://127.0.0.2:"+port+"/")); a.Reason != webhooks.ReasonAddress {
		t.Errorf("a neighbour: %+v", a)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if a := newSender(t, webhooks.SenderOptions{Guard: loopback, Roots: roots}).Send(t.Context(), job(s.URL)); a.Reason != webhooks.NoReason {
		t.Errorf("trusted: %+v", a)
	}
	if a := newSender(t, webhooks.SenderOptions{Guard: loopback, Roots: x509.NewCertPool()}).Send(t.Context(), job(s.URL)); a.Reason != webhooks.ReasonTLS {
		t.Errorf("not trusted: %+v", a)
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	if a := newSender(t, webhooks.SenderOptions{Guard: loopback}).Send(t.Context(), job("https"+strings.TrimPrefix(plain.URL, "http"))); a.Reason != webhooks.ReasonTLS {
		t.Errorf("no TLS: %+v", a)
	}
}

// TestHostileReceivers: who answers slowly, without end, or not at all, costs a
// bounded time and 512 bytes.
func TestHostileReceivers(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("\xf0\x9f\x98\x80x"), 1000)); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		code    int
		reason  webhooks.Reason
		answer  int // bytes at most
	}{
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { wait(never, r) }, 0, webhooks.ReasonTimeout, 0},
		"a body that hangs": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "ok")
			_ = http.NewResponseController(w).Flush()
			wait(never, r)
		}, 200, webhooks.NoReason, 2},
		"a body without end": {endless, 200, webhooks.NoReason, webhooks.MaxAnswer},
		"a huge header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		}, 0, webhooks.ReasonConnection, 0},
		"interim answers without end": {func(w http.ResponseWriter, r *http.Request) {
			for range 1000 {
				w.Header().Set("X", strings.Repeat("x", 1000))
				w.WriteHeader(http.StatusEarlyHints)
			}
		}, 0, webhooks.ReasonConnection, 0},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, 0, webhooks.ReasonConnection, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.handler)
			a := newSender(t, webhooks.SenderOptions{Guard: loopback, Time: 500 * time.Millisecond}).Send(t.Context(), job(s.URL))
			if a.Code != c.code || a.Reason != c.reason || len(a.Answer) > c.answer || !utf8.ValidString(a.Answer) {
				t.Errorf("%d %q %d bytes", a.Code, a.Reason, len(a.Answer))
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if a := newSender(t, webhooks.SenderOptions{Guard: loopback}).Send(t.Context(), job("http://"+l.Addr().String())); a.Reason != webhooks.ReasonConnection {
			t.Errorf("%+v", a)
		}
	})
	t.Run("we stop", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); wait(never, r) })
		if a := newSender(t, webhooks.SenderOptions{Guard: loopback}).Send(ctx, job(s.URL)); a.Reason == webhooks.NoReason {
			t.Errorf("%+v", a)
		}
	})
}

// wait is over when the client has gone, or the test is.
func wait(never chan struct{}, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server notices a closed connection only then
	select {
	case <-never:
	case <-r.Context().Done():
	}
}
