package webhooks

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hubbub/orders"
)

const (
	// MaxEndpoints is how many endpoints a shop may have.
	MaxEndpoints = 10
	// MaxURL is the length of an endpoint's URL in bytes.
	MaxURL = 2048
)

// EventType is what a message is about, as receivers see it.
type EventType string

// EventTypes are all of them; an [Events] has a bit for each, in this order, so
// new ones come at the end.
var EventTypes = []EventType{"order.placed", "order.moved", "order.changed", "order.room"}

// TypeOf is the type of the message that tells of an event.
func TypeOf(e orders.Event) EventType { return EventType("order." + string(e.Kind)) }

// Events is a set of event types.
type Events uint32

// EventsOf makes a set; false where one of them is unknown.
func EventsOf(types ...EventType) (Events, bool) {
	var set Events
	for _, t := range types {
		i := slices.Index(EventTypes, t)
		if i < 0 {
			return 0, false
		}
		set |= 1 << i
	}
	return set, true
}

// List has the types of the set.
func (s Events) List() []EventType {
	var list []EventType
	for i, t := range EventTypes {
		if s&(1<<i) != 0 {
			list = append(list, t)
		}
	}
	return list
}

// EndpointID names an endpoint: a UUIDv7, as those of orders.
type EndpointID string

// State says whether an endpoint gets anything.
type State string

const (
	// Live endpoints are sent what is due at once.
	Live State = "live"
	// Failing endpoints have refused or missed several tries in a row: they are
	// tried again now and then, and are live with the first success.
	Failing State = "failing"
	// Disabled endpoints get nothing, and nothing new is written for them.
	Disabled State = "disabled"
)

// Endpoint is where a shop wants to hear of its orders. Times are microseconds
// since 1970.
type Endpoint struct {
	ID        EndpointID
	Shop      string
	URL       string
	Events    Events
	Secret    Secret
	Health    Health
	CreatedAt int64
}

// Health is how an endpoint has done of late.
type Health struct {
	Disabled bool
	// Failures counts the rounds of tries that failed since the last success; tries
	// that ran side by side are one round.
	Failures int
	Since    int64 // the first of these; 0 without any
	ResumeAt int64 // no try before; 0: at once
}

// failingFrom is the number of failed rounds from which an endpoint is rested.
const failingFrom = 3

// State sums it up.
func (h Health) State() State {
	switch {
	case h.Disabled:
		return Disabled
	case h.Failures >= failingFrom:
		return Failing
	}
	return Live
}

// Draft is an endpoint before it is registered. Without a secret one is made.
type Draft struct {
	URL    string
	Events []string
	Secret string
}

// check gives the parts of the endpoint. The error names every field that is
// wrong.
func (d Draft) check(g Guard) (events Events, secret Secret, err error) {
	var fields []orders.FieldError
	add := func(field, format string, args ...any) {
		fields = append(fields, orders.FieldError{Field: field, Detail: fmt.Sprintf(format, args...)})
	}
	if fault := checkURL(d.URL, g); fault != "" {
		add("/url", "%s", fault)
	}
	if len(d.Events) == 0 || len(d.Events) > len(EventTypes) {
		add("/events", "must have 1 to %d types of events", len(EventTypes))
	}
	for i, e := range d.Events {
		bit, known := EventsOf(EventType(e))
		if !known && i < len(EventTypes) {
			add("/events/"+strconv.Itoa(i), "must be one of %s", joined(EventTypes))
		}
		events |= bit
	}
	if secret = NewSecret(); d.Secret != "" {
		var ok bool
		if secret, ok = ParseSecret(d.Secret); !ok {
			add("/secret", "must be %s and the base64 of %d to %d bytes", secretPrefix, minSecret, maxSecret)
		}
	}
	if len(fields) > 0 {
		return 0, nil, &orders.Error{Code: orders.ErrInvalid.Code, Text: fields[0].Field + " " + fields[0].Detail, Fields: fields}
	}
	return events, secret, nil
}

func joined(types []EventType) string {
	var b strings.Builder
	for i, t := range types {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(t))
	}
	return b.String()
}

// checkURL says what is wrong with the URL of an endpoint; "" where nothing is. A
// name is looked up when something is sent and not before: what it stands for
// may change.
func checkURL(raw string, g Guard) string {
	if len(raw) > MaxURL || !utf8.ValidString(raw) {
		return fmt.Sprintf("must have at most %d bytes of UTF-8", MaxURL)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "must be a URL that begins with https:// or http://"
	}
	if u.User != nil || u.Fragment != "" {
		return "must have no user and no fragment"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "must have a port of 1 to 65535"
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return "must have a port after the colon"
	}
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" || g.Check(addr) != nil {
			return "must not be an address that is not public"
		}
		return ""
	}
	if !isHostName(host) {
		return "must have the name of a host, in letters, digits, hyphens and points, or an address in its usual form"
	}
	return ""
}

// isHostName refuses what resolvers take for an address though it is none in its
// usual form: 2130706433, 0x7f.1, 0177.0.0.1. Like in the URL standard, a host
// whose last part is a number is an address.
func isHostName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
		last = label
	}
	_, err := strconv.ParseUint(last, 0, 64)
	return err != nil && strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x") && !strings.HasPrefix(last, "0X")
}
