package webhooks

import (
	"math/rand/v2"
	"time"

	"hubbub/orders"
)

const (
	// GiveUpAfter is how long a delivery is tried, from its event or its replay on.
	GiveUpAfter = 24 * time.Hour
	// KeptFor is how long a delivery can be seen and replayed after it was
	// delivered or has failed.
	KeptFor = 7 * 24 * time.Hour
	// MaxBody is the size of a message in bytes. The largest order fits.
	MaxBody = 512 << 10
	// MaxAnswer is how much of an answer is kept, in bytes.
	MaxAnswer = 512

	// Lease is how long a claim holds. It is much more than a try may take, so that
	// nodes whose clocks differ by some seconds do not send the same.
	Lease = 30 * time.Second
	// ExpiryGrace is left for the last try, before a delivery counts as failed.
	ExpiryGrace = 2 * time.Minute

	firstRetry, lastRetry = 5 * time.Second, 2 * time.Hour
	firstRest, lastRest   = time.Second, time.Minute
)

// DeliveryID names a message, and with an endpoint a delivery; the webhook-id of
// every try. A UUIDv7 with the time of the event, so that it sorts by that.
type DeliveryID string

// Message is what is said of one event, to every endpoint of the shop that wants
// to hear it.
type Message struct {
	ID   DeliveryID
	Shop string
	Type EventType
	Body []byte
	At   int64 // of the event, microseconds since 1970
}

// NewMessage tells of an event; doc is the order after it, as [orders.Append]
// writes it.
//
//	{"type":"order.moved","timestamp":"…","data":{"order":{…},"event":{…}}}
func NewMessage(o orders.Order, e orders.Event) Message {
	at := time.UnixMicro(e.At).UTC()
	body := append(make([]byte, 0, 2048), `{"type":"`...)
	body = append(append(body, TypeOf(e)...), `","timestamp":"`...)
	body = append(at.AppendFormat(body, "2006-01-02T15:04:05.000000Z"), `","data":{"order":`...)
	body = append(orders.Append(body, o), `,"event":`...)
	body = append(orders.AppendEvent(body, e), "}}"...)
	return Message{ID: DeliveryID(orders.NewID(at)), Shop: o.Shop, Type: TypeOf(e), Body: body, At: e.At}
}

// Status is where a delivery stands.
type Status string

const (
	Pending   Status = "pending" // to be tried, or tried right now
	Delivered Status = "delivered"
	Failed    Status = "failed" // given up; may be replayed
)

// Delivery is one message to one endpoint. Times are microseconds since 1970.
type Delivery struct {
	ID        DeliveryID
	Endpoint  EndpointID
	Type      EventType
	Status    Status
	Attempts  int   // tries since it was written or replayed
	CreatedAt int64 // when the event was
	NextTry   int64 // 0 unless pending; while it is tried, when it is tried again if its node dies
	Last      Attempt
}

// Attempt is how the last try went; the zero value before the first.
type Attempt struct {
	At     int64
	Took   time.Duration // in whole milliseconds
	Code   int           // HTTP status; 0 without an answer
	Reason Reason        // "" where it was delivered
	Answer string        // the first bytes of the answer's body, made printable
}

// Reason says why a try failed.
type Reason string

const (
	NoReason         Reason = ""
	ReasonStatus     Reason = "status"     // an answer other than 2xx
	ReasonRedirect   Reason = "redirect"   // 3xx, which is not followed
	ReasonGone       Reason = "gone"       // 410: the endpoint is disabled
	ReasonTimeout    Reason = "timeout"    // no answer within 5 s
	ReasonAddress    Reason = "address"    // only addresses that are not public
	ReasonName       Reason = "name"       // the host's name is not known
	ReasonTLS        Reason = "tls"        // no certificate that can be trusted, or no TLS
	ReasonConnection Reason = "connection" // refused, or broken off
	ReasonExpired    Reason = "expired"    // its time was over while the endpoint rested
)

// Reasons are all that a try may fail for.
var Reasons = []Reason{ReasonStatus, ReasonRedirect, ReasonGone, ReasonTimeout, ReasonAddress, ReasonName, ReasonTLS, ReasonConnection}

// Job is a delivery that was claimed, with what it takes to send it.
type Job struct {
	Endpoint  Endpoint
	ID        DeliveryID
	Type      EventType
	Body      []byte
	Attempts  int   // with this one
	Claim     int64 // the number of the claim
	ExpiresAt int64 // no further try from then on
}

// Outcome is what became of a [Job].
type Outcome struct {
	Job     Job
	Last    Attempt
	Status  Status
	NextTry int64 // where Status is Pending
	// Health is the endpoint's from now on, if it differs from that in the job.
	Health Health
}

// outcome decides what follows from a try that ended now.
func outcome(j Job, a Attempt, now time.Time) Outcome {
	at := now.UnixMicro()
	o := Outcome{Job: j, Last: a, Status: Delivered}
	if a.Reason == NoReason {
		return o
	}
	o.Health = j.Endpoint.Health
	o.Health.Failures++
	if o.Health.Since == 0 {
		o.Health.Since = a.At
	}
	if n := o.Health.Failures - failingFrom; n >= 0 {
		o.Health.ResumeAt = at + spread(doubled(firstRest, lastRest, n)).Microseconds()
	}
	o.Health.Disabled = a.Reason == ReasonGone
	o.Status = Failed
	if at < j.ExpiresAt {
		o.Status = Pending
		// The last try is when the time is over.
		o.NextTry = min(at+spread(doubled(firstRetry, lastRetry, j.Attempts-1)).Microseconds(), j.ExpiresAt)
	}
	return o
}

// doubled is first, n times doubled, and at most last.
func doubled(first, last time.Duration, n int) time.Duration {
	for range n {
		if first >= last {
			break
		}
		first *= 2
	}
	return min(first, last)
}

// spread keeps what failed together from coming back together: it gives three
// quarters to five quarters of d.
func spread(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }
