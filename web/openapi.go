package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hubbub/chat/wire"
	"hubbub/orders"
)

// openAPIConfig is the part of the document that no call adds to. Huma serves
// nothing of it by itself: no page that loads scripts from elsewhere.
func (s *Server) openAPIConfig() huma.Config {
	const schemas = "#/components/schemas/"
	registry := huma.NewMapRegistry(schemas, huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[wire.Time](), reflect.TypeFor[time.Time]())
	return huma.Config{OpenAPI: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "hubbub", Version: s.o.Version, Description: introduction,
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Servers: []*huma.Server{{URL: "/"}},
		Tags: []*huma.Tag{
			{Name: "accounts", Description: "Signing up, in and out; the caller."},
			{Name: "rooms", Description: "Rooms, their members and their messages."},
			{Name: "orders", Description: "Orders of shops: placed by programs with a key, seen by their customers."},
			{Name: "webhooks", Description: "What happens to a shop's orders, sent to programs of the shop. " + aboutWebhooks},
			{Name: "live", Description: "Sockets."},
			{Name: "service", Description: "For those who run it."},
		},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"session": {Type: "apiKey", In: "cookie", Name: "hubbub",
					Description: "Set by signing in. Over TLS its name is __Host-hubbub. Unsafe methods need a request from our own page."},
				"bearer": {Type: "http", Scheme: "bearer", Description: "The token that signing in answered."},
				"key": {Type: "http", Scheme: "bearer",
					Description: "The key of a shop's program, which begins with " + orders.KeyPrefix + ". `hubbub key create` makes one."},
			},
		},
	}}
}

const aboutWebhooks = "Each event is POSTed as {type, timestamp, data: {order, event}} with the headers of Standard Webhooks 1.0: webhook-id, " +
	"the same for every try; webhook-timestamp, in seconds; webhook-signature, v1, and the base64 of the HMAC-SHA-256 over id.timestamp.body " +
	"with the secret's bytes. Any 2xx within 5 s takes it; everything else is tried again for 24 hours, at growing distances. " +
	"At least once, and not in order: data.order.version says which is newer."

const introduction = `JSON in and out. Sign in with the cookie or with ` + "`Authorization: Bearer`" + `; never with a token in a URL.

Lists are pages: ` + "`{items, next}`" + `. Give ` + "`next`" + ` back as ` + "`cursor`" + ` until it is null. Messages and events are in ascending order of their sequence numbers.

Times are RFC 3339, UTC, with microseconds. Ids are opaque strings.

A refusal is a problem document (RFC 9457). Its ` + "`code`" + ` is stable, ` + "`errors`" + ` names the fields that are wrong. What the caller may not know of is answered like what is not there.`

// describe is what the summary of a call leaves open.
func describe(id string) string {
	switch id {
	case "signUp":
		return "Makes an account, signs it in and sets the session cookie. 409 when the name is taken."
	case "guest":
		return "Makes a user without a name or password, if this server lets guests in. Signing out ends it for good."
	case "signIn":
		return "Opens a new session and sets the session cookie. A wrong name and a wrong password get the same answer."
	case "signOut":
		return "Ends a session of the caller; its sockets are closed with 4401 on every node."
	case "changeMe":
		return "What was said before keeps the name of that time."
	case "setPassword":
		return "Ends all other sessions of the caller."
	case "createTicket":
		return "For clients that cannot set headers on a socket: the ticket goes into the first frame. One use, 30 seconds."
	case "getUser":
		return "By id, or by @ and the sign-in name in any case."
	case "createRoom":
		return "The caller becomes its owner. There is one direct room per pair of users: asking again shows the same room. 409 when a public name is taken."
	case "changeRoom":
		return "For moderators and owners; not for direct rooms. What is left out stays."
	case "listMembers":
		return "By user id."
	case "putMember":
		return "me: join a public room. Somebody else: invite (any member of a private room, moderators of a public one). With a role: give it (owners). Answers with the room; doing it twice is the same as once."
	case "deleteMember":
		return "me: leave. Somebody else: kick, for moderators; only owners kick owners."
	case "postMessage":
		return "The same as the post frame of a socket. 201 when it was stored, 200 with the old seq when the client_id was sent before, 409 when it was sent before with another text. 503 unknown_outcome: send the same client_id again."
	case "listMessages":
		return "Messages as they are now, after edits and deletions; the newest page when no place is given. next goes on upwards after `after`, else downwards. Long texts make a page shorter than limit: go by next."
	case "listEvents":
		return "What a resume on a socket would replay: every change of the room, with no hole. Long texts make a page shorter than limit: go by next."
	case "placeOrder":
		return "For keys of role shop. The order belongs to the key's shop. 201 also when the same Idempotency-Key was sent before with the same body: then it is the answer of that time, byte for byte. 409 key_running: the first call with the key still runs. 422 key_reused: the key came with another body. 503 unknown_outcome: send the same again. The body may have 512 KiB."
	case "listOrders":
		return "Newest first. A page is what it is while orders come in: new ones are before the first page. Customers see their own orders, keys and support see all."
	case "lookupOrders":
		return "Reads only, though it is a POST: up to 100 orders at once."
	case "getOrder":
		return "An order of somebody else is answered like one that is absent."
	case "changeOrder":
		return "Only until it is shipped. What is left out stays. 428 without If-Match, 412 when the order has changed since: read it again."
	case "moveOrder":
		return "For keys and support. pending to paid to packed to shipped to delivered; cancelled from pending and paid; returned from delivered; refunded from paid to returned. 409 illegal_step names the legal ones in allowed. The customer's sockets are told, and so is the order's room."
	case "cancelOrder":
		return "For the customer, while the order is pending. One that is cancelled already is answered as it is."
	case "listOrderEvents":
		return "Who did what and when, from the oldest on."
	case "openOrderRoom":
		return "For the customer and support, who are its members. 201 the first time, 200 with the same room ever after."
	case "registerWebhook":
		return "The secret is shown this once. A shop may have 10 webhooks; 409 beyond that. They belong to the shop, not to the key."
	case "listWebhooks":
		return "All of the shop, oldest first; one page."
	case "changeWebhook":
		return "Turned on, it is as live as a new one, and what is pending is sent. What happens while it is off is not told later."
	case "deleteWebhook":
		return "With its deliveries."
	case "listDeliveries":
		return "Newest first. They are kept for 7 days after they were delivered or have failed."
	case "replayDelivery":
		return "Makes one that was delivered or has failed pending again, for another 24 hours, under the same id. 409 when it is pending."
	case "replayWebhook":
		return "All that have failed and are still kept, as replayDelivery does."
	case "markRead":
		return "Never moves back. The caller's other devices are told."
	}
	return ""
}

// tagOf groups the calls by the first part of their path.
func tagOf(path string) string {
	if strings.HasPrefix(path, "/v1/rooms") {
		return "rooms"
	}
	if strings.HasPrefix(path, "/v1/orders") {
		return "orders"
	}
	if strings.HasPrefix(path, "/v1/webhooks") {
		return "webhooks"
	}
	return "accounts"
}

// exampleProblem is an answer as a client would see it.
func exampleProblem(code string) any {
	p := newProblem(context.Background(), code, "", 0)
	p.RequestID = "4QZ7T2WMJ6DLH3BVN5XKCR2YFA"
	switch code {
	case "invalid":
		p.Errors = []wire.FieldError{{Field: "name", Detail: "is required"}}
		p.Detail = "name: is required"
	case "not_found":
		p.Detail = "there is no such thing, or it is not for you to see"
	case "illegal_step":
		p.Detail = "the order is pending: it can become paid, cancelled"
		p.From, p.Allowed = orders.Pending, orders.Pending.Next()
	case "stale":
		p.Detail = "the order is at version 3 now: read it again"
		p.Version = 3
	case "rate_limited":
		p.RetryAfterMS = 1500
	}
	return p
}

// document completes the description with the routes that are no REST calls,
// and writes it.
func (a *rest) document() ([]byte, error) {
	doc := a.api.OpenAPI()
	// Huma describes its own form of an error, which translate replaces.
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(doc.Components.Schemas.Map(), name)
	}
	for _, schema := range doc.Components.Schemas.Map() {
		for _, property := range schema.Properties {
			if property.Type == huma.TypeArray {
				property.Nullable = false // our lists are [] when empty
			}
		}
	}
	if post := doc.Paths["/v1/rooms/{room}/messages"].Post; post != nil {
		created := post.Responses["201"]
		post.Responses["200"] = &huma.Response{
			Description: "OK: the same client_id was stored before", Content: created.Content, Headers: created.Headers,
		}
	}
	// Their handlers say 400 and 428 where huma would say 422.
	for _, op := range []*huma.Operation{doc.Paths["/v1/orders"].Post, doc.Paths["/v1/orders/{order}/transitions"].Post, doc.Paths["/v1/orders/{order}"].Patch} {
		for _, p := range op.Parameters {
			p.Required = true
		}
	}
	doc.Paths["/v1/orders/{order}"].Get.Responses["304"] = &huma.Response{Description: "Not Modified: the caller has it as it is"}
	room := doc.Paths["/v1/orders/{order}/room"].Put
	room.Responses["200"] = &huma.Response{Description: "OK: it was open already", Content: room.Responses["201"].Content}
	plain := func(id, path, summary, text, tag string, responses map[string]string) {
		op := &huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary,
			Description: text, Tags: []string{tag}, Security: []map[string][]string{}, Responses: map[string]*huma.Response{}}
		for status, description := range responses {
			op.Responses[status] = &huma.Response{Description: description}
		}
		doc.AddOperation(op)
	}
	if a.s.o.Sockets != nil {
		plain("socket", "/v1/socket", "Open a WebSocket",
			"Sec-WebSocket-Protocol chooses the format: "+strings.Join(wire.Protocols(), ", ")+". Who is not signed in sends a ticket in the first frame.",
			"live", map[string]string{"101": "Switching Protocols", "400": "No format that this server speaks", "403": "Foreign origin", "503": "Not now: the node is full or about to stop"})
	}
	plain("openAPI", "/v1/openapi.json", "This document", "", "service", map[string]string{"200": "An OpenAPI 3.1 document"})
	plain("health", "/healthz", "Alive", "", "service", map[string]string{"200": "The process serves"})
	plain("ready", "/readyz", "May take traffic", "", "service", map[string]string{"200": "Ready", "503": "Not ready: the parts say why"})
	out, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return out, nil
}

func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	s.document.serve(w, r)
}
