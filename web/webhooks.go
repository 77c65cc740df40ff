package web

import (
	"context"

	"hubbub/chat/wire"
	"hubbub/orders"
	"hubbub/orders/webhooks"
)

// Webhooks is what the REST calls ask of webhooks; [webhooks.Service] says what
// each does, and refuses everybody but keys of shops.
type Webhooks interface {
	Register(ctx context.Context, c orders.Caller, d webhooks.Draft) (webhooks.Endpoint, error)
	Endpoints(ctx context.Context, c orders.Caller) ([]webhooks.Endpoint, error)
	Endpoint(ctx context.Context, c orders.Caller, id webhooks.EndpointID) (webhooks.Endpoint, error)
	Enable(ctx context.Context, c orders.Caller, id webhooks.EndpointID, on bool) (webhooks.Endpoint, error)
	Delete(ctx context.Context, c orders.Caller, id webhooks.EndpointID) error
	Deliveries(ctx context.Context, c orders.Caller, id webhooks.EndpointID, below webhooks.DeliveryID, limit int) (page []webhooks.Delivery, more bool, err error)
	Replay(ctx context.Context, c orders.Caller, id webhooks.EndpointID, delivery webhooks.DeliveryID) (webhooks.Delivery, error)
	ReplayFailed(ctx context.Context, c orders.Caller, id webhooks.EndpointID) (n int, more bool, err error)
}

// webhook is an endpoint as its shop sees it.
type webhook struct {
	ID           string               `json:"id"`
	URL          string               `json:"url"`
	Events       []webhooks.EventType `json:"events" enum:"order.placed,order.moved,order.changed,order.room"`
	State        webhooks.State       `json:"state" enum:"live,failing,disabled" doc:"failing: several tries in a row have failed; it is tried now and then."`
	FailingSince *wire.Time           `json:"failing_since,omitempty" doc:"The first try that failed since the last success."`
	CreatedAt    wire.Time            `json:"created_at"`
	Secret       string               `json:"secret,omitempty" doc:"Only in the answer that registered it: whsec_ and the key in base64."`
}

func showWebhook(e webhooks.Endpoint) webhook {
	return webhook{
		ID: string(e.ID), URL: e.URL, Events: e.Events.List(), State: e.Health.State(),
		FailingSince: momentOf(e.Health.Since), CreatedAt: wire.Micros(e.CreatedAt),
	}
}

// momentOf is a time that may not have come: nil for 0.
func momentOf(micros int64) *wire.Time {
	if micros == 0 {
		return nil
	}
	return new(wire.Micros(micros))
}

type webhookOutput struct{ Body webhook }

func showEndpoint(e webhooks.Endpoint, err error) (*webhookOutput, error) {
	if err != nil {
		return nil, err
	}
	return &webhookOutput{Body: showWebhook(e)}, nil
}

type registerWebhookInput struct {
	Body struct {
		URL    string   `json:"url" example:"https://shop.example/hooks" doc:"https or http, at most 2048 bytes. Only public addresses are connected to, and redirects are not followed."`
		Events []string `json:"events" example:"[\"order.placed\",\"order.moved\"]" doc:"order.placed, order.moved, order.changed (note, metadata, address), order.room (its support room was opened)."`
		Secret string   `json:"secret,omitempty" doc:"whsec_ and the base64 of 24 to 64 bytes. Made when left out."`
	} `nameHint:"NewWebhook"`
}

type registerWebhookOutput struct {
	Location     string `header:"Location" doc:"Where the webhook is."`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         webhook
}

func (s *Server) registerWebhook(ctx context.Context, in *registerWebhookInput) (*registerWebhookOutput, error) {
	e, err := s.o.Webhooks.Register(ctx, orderCaller(ctx), webhooks.Draft(in.Body))
	if err != nil {
		return nil, err
	}
	out := &registerWebhookOutput{Location: "/v1/webhooks/" + string(e.ID), CacheControl: "no-store", Body: showWebhook(e)}
	out.Body.Secret = e.Secret.Reveal()
	return out, nil
}

func (s *Server) listWebhooks(ctx context.Context, _ *none) (*output[page[webhook]], error) {
	list, err := s.o.Webhooks.Endpoints(ctx, orderCaller(ctx))
	if err != nil {
		return nil, err
	}
	out := page[webhook]{Items: []webhook{}}
	for _, e := range list {
		out.Items = append(out.Items, showWebhook(e))
	}
	return &output[page[webhook]]{out}, nil
}

// WebhookRef names a webhook.
type WebhookRef struct {
	Webhook string `path:"webhook" doc:"The id of a webhook." example:"019a3f2e-7c1d-7b6a-9f40-2d8e5c17a3b9"`
}

func (r WebhookRef) id() webhooks.EndpointID { return webhooks.EndpointID(r.Webhook) }

func (s *Server) webhook(ctx context.Context, in *WebhookRef) (*webhookOutput, error) {
	return showEndpoint(s.o.Webhooks.Endpoint(ctx, orderCaller(ctx), in.id()))
}

type changeWebhookInput struct {
	WebhookRef
	Body struct {
		Enabled bool `json:"enabled" example:"true" doc:"false: nothing is sent, and nothing new is written for it."`
	} `nameHint:"ChangeWebhook"`
}

func (s *Server) changeWebhook(ctx context.Context, in *changeWebhookInput) (*webhookOutput, error) {
	return showEndpoint(s.o.Webhooks.Enable(ctx, orderCaller(ctx), in.id(), in.Body.Enabled))
}

func (s *Server) deleteWebhook(ctx context.Context, in *WebhookRef) (*none, error) {
	return nil, s.o.Webhooks.Delete(ctx, orderCaller(ctx), in.id())
}

// webhookDelivery is one message to one webhook.
type webhookDelivery struct {
	ID        string             `json:"id" doc:"The webhook-id of every try."`
	Type      webhooks.EventType `json:"type" enum:"order.placed,order.moved,order.changed,order.room"`
	Status    webhooks.Status    `json:"status" enum:"pending,delivered,failed"`
	Attempts  int                `json:"attempts" doc:"Tries since it was written or replayed."`
	CreatedAt wire.Time          `json:"created_at" doc:"When the event was."`
	NextTryAt *wire.Time         `json:"next_try_at,omitempty" doc:"While it is pending. A webhook that fails may have to wait for longer."`
	Last      *webhookTry        `json:"last,omitempty" doc:"The last try."`
}

// webhookTry is how a try went.
type webhookTry struct {
	At     wire.Time       `json:"at"`
	TookMS int64           `json:"took_ms"`
	Status int             `json:"status_code,omitempty" doc:"Of the answer, if there was one."`
	Reason webhooks.Reason `json:"reason,omitempty" enum:"status,redirect,gone,timeout,address,name,tls,connection,expired" doc:"Why it failed. status: not 2xx. gone: 410, which disables the webhook. address: not a public one. expired: its time was over."`
	Answer string          `json:"answer,omitempty" doc:"The first 512 bytes of the answer's body, made printable."`
}

func showDelivery(d webhooks.Delivery) webhookDelivery {
	out := webhookDelivery{
		ID: string(d.ID), Type: d.Type, Status: d.Status, Attempts: d.Attempts,
		CreatedAt: wire.Micros(d.CreatedAt), NextTryAt: momentOf(d.NextTry),
	}
	if l := d.Last; l.At != 0 {
		out.Last = &webhookTry{At: wire.Micros(l.At), TookMS: l.Took.Milliseconds(), Status: l.Code, Reason: l.Reason, Answer: l.Answer}
	}
	return out
}

type listDeliveriesInput struct {
	WebhookRef
	Cursor string `query:"cursor" doc:"next of the page before; leave it out for the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items per page."`
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*output[page[webhookDelivery]], error) {
	const list = "webhook-deliveries"
	below, err := readCursor(list, in.Cursor)
	if err != nil || below != "" && !orders.IsID(below) {
		return nil, orders.Refuse(orders.ErrBadRequest, "this is not a cursor of deliveries")
	}
	deliveries, more, err := s.o.Webhooks.Deliveries(ctx, orderCaller(ctx), in.id(), webhooks.DeliveryID(below), in.Limit)
	if err != nil {
		return nil, err
	}
	out := page[webhookDelivery]{Items: []webhookDelivery{}}
	for _, d := range deliveries {
		out.Items = append(out.Items, showDelivery(d))
	}
	if more {
		out.Next = new(makeCursor(list, string(deliveries[len(deliveries)-1].ID)))
	}
	return &output[page[webhookDelivery]]{out}, nil
}

type replayDeliveryInput struct {
	WebhookRef
	Delivery string `path:"delivery" doc:"The id of a delivery." example:"019a3f2e-7c1d-7b6a-9f40-2d8e5c17a3b9"`
}

func (s *Server) replayDelivery(ctx context.Context, in *replayDeliveryInput) (*output[webhookDelivery], error) {
	d, err := s.o.Webhooks.Replay(ctx, orderCaller(ctx), in.id(), webhooks.DeliveryID(in.Delivery))
	if err != nil {
		return nil, err
	}
	return &output[webhookDelivery]{showDelivery(d)}, nil
}

// webhookReplay says how much is sent again.
type webhookReplay struct {
	Replayed int  `json:"replayed" doc:"Deliveries that are pending again; at most 1000 a call."`
	More     bool `json:"more" doc:"There may be others: call again."`
}

func (s *Server) replayWebhook(ctx context.Context, in *WebhookRef) (*output[webhookReplay], error) {
	n, more, err := s.o.Webhooks.ReplayFailed(ctx, orderCaller(ctx), in.id())
	if err != nil {
		return nil, err
	}
	return &output[webhookReplay]{webhookReplay{n, more}}, nil
}
