package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// SendTime bounds one try in all: name, connection, TLS, request and answer.
	SendTime = 5 * time.Second
	// maxDrain is how much of an answer is read, so that its connection can be used
	// again; of a longer one it is closed.
	maxDrain = 16 << 10
	// maxAnswerHeader bounds the answer's header, in bytes.
	maxAnswerHeader = 16 << 10
)

// Sender carries one try out, within [SendTime] and until ctx ends.
type Sender interface {
	Send(ctx context.Context, j Job) Attempt
}

// HTTPSender sends over HTTP/1.1, with TLS verified for https. It follows no
// redirect, uses no proxy, unpacks nothing, and connects where its guard lets it.
type HTTPSender struct {
	client *http.Client
	agent  string
	now    func() time.Time
	time   time.Duration
}

// SenderOptions are what an [HTTPSender] is made of. Guard may be zero: public
// addresses only.
type SenderOptions struct {
	Guard Guard
	Agent string           // the User-Agent
	Now   func() time.Time // nil for time.Now
	Roots *x509.CertPool   // nil for those of the system
	Time  time.Duration    // bounds one try; 0 for SendTime
}

// NewHTTPSender makes a sender. It starts nothing; see [HTTPSender.Close].
func NewHTTPSender(o SenderOptions) *HTTPSender {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Time == 0 {
		o.Time = SendTime
	}
	dialer := &net.Dialer{Timeout: o.Time, ControlContext: o.Guard.control}
	return &HTTPSender{
		agent: o.Agent, now: o.Now, time: o.Time,
		client: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:                  nil, // a proxy would dial what the guard refuses
				DialContext:            dialer.DialContext,
				TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    o.Time,
				DisableCompression:     true,
				MaxResponseHeaderBytes: maxAnswerHeader,
				MaxIdleConns:           64,
				MaxIdleConnsPerHost:    4,
				IdleConnTimeout:        30 * time.Second,
			},
		},
	}
}

// Close ends the connections that are idle.
func (s *HTTPSender) Close() { s.client.CloseIdleConnections() }

// Send implements [Sender].
func (s *HTTPSender) Send(ctx context.Context, j Job) Attempt {
	ctx, cancel := context.WithTimeout(ctx, s.time)
	defer cancel()
	start := s.now()
	a := Attempt{At: start.UnixMicro()}
	a.Code, a.Answer, a.Reason = s.post(ctx, j, start)
	a.Took = s.now().Sub(start).Truncate(time.Millisecond)
	return a
}

func (s *HTTPSender) post(ctx context.Context, j Job, at time.Time) (code int, answer string, reason Reason) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, j.Endpoint.URL, bytes.NewReader(j.Body))
	if err != nil { // it was checked when the endpoint was registered
		return 0, "", ReasonConnection
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", s.agent)
	r.Header.Set("Webhook-Id", string(j.ID))
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", j.Endpoint.Secret.Sign(j.ID, at, j.Body))
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, "", reasonOf(err)
	}
	defer resp.Body.Close()
	head := make([]byte, MaxAnswer)
	// The status has decided already: an answer that breaks off is as good.
	n, err := io.ReadFull(resp.Body, head)
	if err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	}
	return resp.StatusCode, printable(head[:n]), reasonOfStatus(resp.StatusCode)
}

func reasonOfStatus(code int) Reason {
	switch {
	case code >= 200 && code < 300:
		return NoReason
	case code >= 300 && code < 400:
		return ReasonRedirect
	case code == http.StatusGone:
		return ReasonGone
	}
	return ReasonStatus
}

// reasonOf sorts what kept a request from being answered.
func reasonOf(err error) Reason {
	var (
		timeout     net.Error
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
	)
	switch {
	case errors.Is(err, ErrAddress):
		return ReasonAddress
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case errors.As(err, &name):
		return ReasonName
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return ReasonTLS
	}
	return ReasonConnection
}

// printable makes text of the first bytes of an answer: what cannot be shown is a
// question mark.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(string(b), "?"))
}
