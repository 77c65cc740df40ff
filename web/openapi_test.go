package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"hubbub/web"
)

// promised are the calls of the protocol, version 1.
const promised = `
POST /v1/users
POST /v1/guests
POST /v1/sessions
GET /v1/sessions
DELETE /v1/sessions/{id}
GET /v1/me
PATCH /v1/me
PUT /v1/me/password
POST /v1/socket-tickets
GET /v1/users/{user}
POST /v1/rooms
GET /v1/rooms
GET /v1/rooms/{room}
PATCH /v1/rooms/{room}
PUT /v1/rooms/{room}/members/{user}
DELETE /v1/rooms/{room}/members/{user}
GET /v1/rooms/{room}/members
POST /v1/rooms/{room}/messages
GET /v1/rooms/{room}/messages
GET /v1/rooms/{room}/events
PUT /v1/rooms/{room}/read
POST /v1/orders
GET /v1/orders
POST /v1/orders:lookup
GET /v1/orders/{order}
PATCH /v1/orders/{order}
POST /v1/orders/{order}/transitions
POST /v1/orders/{order}/cancel
GET /v1/orders/{order}/events
PUT /v1/orders/{order}/room
POST /v1/webhooks
GET /v1/webhooks
GET /v1/webhooks/{webhook}
PATCH /v1/webhooks/{webhook}
DELETE /v1/webhooks/{webhook}
GET /v1/webhooks/{webhook}/deliveries
POST /v1/webhooks/{webhook}/deliveries/{delivery}/replay
POST /v1/webhooks/{webhook}/replay
GET /v1/socket
GET /v1/openapi.json
GET /healthz
GET /readyz
`

type schema struct {
	Ref        string `json:"$ref"`
	Required   []string
	Properties map[string]*schema
	Items      *schema
	Examples   []any
}

type content map[string]struct {
	Schema   *schema
	Example  any
	Examples map[string]struct{ Value map[string]any }
}

type operation struct {
	OperationID          string
	Summary, Description string
	Tags                 []string
	Security             *[]map[string][]string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
	}
	RequestBody *struct {
		Required bool
		Content  content
	}
	Responses map[string]struct {
		Description string
		Content     content
	}
}

type document struct {
	OpenAPI    string
	Info       struct{ Title, Version, Description string }
	Tags       []struct{ Name, Description string }
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]*schema
		SecuritySchemes map[string]struct{ Type string }
	}
}

func described(t *testing.T) (*site, document) {
	t.Helper()
	s := newSite(t, func(o *web.Options) {
		o.Sockets = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	})
	r := s.do("", "GET /v1/openapi.json", nil).want(200)
	if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("ETag") == "" {
		t.Errorf("headers %v", r.Header)
	}
	return s, as[document](r)
}

func TestOpenAPIComplete(t *testing.T) {
	s, doc := described(t)
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "hubbub" || doc.Info.Version != "test" || doc.Info.Description == "" {
		t.Errorf("OpenAPI %s of %+v", doc.OpenAPI, doc.Info)
	}
	var got []string
	for path, item := range doc.Paths {
		for method := range item {
			route := strings.ToUpper(method) + " " + path
			got = append(got, route)
			// Nobody's call of a route that is there is refused for another reason.
			if r := s.do("", strings.NewReplacer("{", "", "}", "").Replace(route), nil); r.Status == 404 || r.Status == 405 {
				t.Errorf("%s is described, but answers %d", route, r.Status)
			}
		}
	}
	want := strings.Split(strings.TrimSpace(promised), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("described:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOpenAPIStructure(t *testing.T) {
	s, doc := described(t)
	var raw any
	if err := json.Unmarshal([]byte(s.do("", "GET /v1/openapi.json", nil).Body), &raw); err != nil {
		t.Fatal(err)
	}
	walk(raw, func(key string, v any) {
		if ref, ok := v.(string); ok && key == "$ref" && doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")] == nil {
			t.Errorf("$ref %s leads nowhere", ref)
		}
		if key == "nullable" {
			t.Error("nullable is a word of 3.0")
		}
	})
	for name := range doc.Components.Schemas {
		if strings.HasPrefix(name, "Error") {
			t.Errorf("schema %s is not ours", name)
		}
	}
	tags := map[string]bool{}
	for _, tag := range doc.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item {
			where := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 || !tags[op.Tags[0]] {
				t.Errorf("%s: id %q, summary %q, tags %v", where, op.OperationID, op.Summary, op.Tags)
			}
			ids[op.OperationID] = true
			checkParameters(t, where, path, op)
			checkSecurity(t, where, doc, op)
			checkResponses(t, where, op)
		}
	}
}

func checkParameters(t *testing.T, where, path string, op operation) {
	t.Helper()
	for _, p := range op.Parameters {
		if p.Description == "" {
			t.Errorf("%s: parameter %+v", where, p)
		}
		if p.In == "header" {
			if conditional := p.Name == "Idempotency-Key" || p.Name == "If-Match" || p.Name == "If-None-Match"; !conditional ||
				p.Required != strings.HasPrefix(p.Description, "Required") {
				t.Errorf("%s: parameter %+v", where, p)
			}
			continue
		}
		if inPath := strings.Contains(path, "{"+p.Name+"}"); inPath != (p.In == "path") || inPath != p.Required {
			t.Errorf("%s: parameter %+v", where, p)
		}
		path = strings.Replace(path, "{"+p.Name+"}", "", 1)
	}
	if strings.Contains(path, "{") {
		t.Errorf("%s: a part of the path is not described", where)
	}
}

func checkSecurity(t *testing.T, where string, doc document, op operation) {
	t.Helper()
	if op.Security == nil {
		t.Errorf("%s: does not say for whom it is", where)
		return
	}
	for _, way := range *op.Security {
		for name := range way {
			if doc.Components.SecuritySchemes[name].Type == "" {
				t.Errorf("%s: unknown scheme %s", where, name)
			}
		}
	}
	if _, refuses := op.Responses["401"]; len(*op.Security) > 0 && !refuses {
		t.Errorf("%s: needs a session and never answers 401", where)
	}
}

func checkResponses(t *testing.T, where string, op operation) {
	t.Helper()
	good := 0
	for status, r := range op.Responses {
		if status < "400" {
			good++
		}
		if status < "400" || op.Tags[0] == "live" || op.Tags[0] == "service" {
			continue
		}
		c, ok := r.Content["application/problem+json"]
		if !ok || c.Schema.Ref != "#/components/schemas/Problem" || len(c.Examples) == 0 {
			t.Errorf("%s: %s is no problem with an example", where, status)
		}
		for code, e := range c.Examples {
			if e.Value["code"] != code || fmt.Sprint(e.Value["status"]) != status || e.Value["type"] != "/problems/"+code {
				t.Errorf("%s: example of %s %s is %v", where, status, code, e.Value)
			}
		}
	}
	if good == 0 {
		t.Errorf("%s: never succeeds", where)
	}
}

// TestOpenAPIExamples sends what the document shows, in an order that makes
// sense, and gets what it promises.
func TestOpenAPIExamples(t *testing.T) {
	s, doc := described(t)
	token := ""
	for _, call := range []string{"POST /v1/users 201", "POST /v1/sessions 201", "POST /v1/guests 201", "PATCH /v1/me 200",
		"POST /v1/rooms 201", "POST /v1/rooms/{room}/messages 201", "PUT /v1/rooms/{room}/read 200", "PATCH /v1/rooms/{room} 200"} {
		part := strings.Fields(call)
		op := doc.Paths[part[1]][strings.ToLower(part[0])]
		in := op.RequestBody.Content["application/json"].Schema
		in = doc.Components.Schemas[strings.TrimPrefix(in.Ref, "#/components/schemas/")]
		body := object{}
		for name, p := range in.Properties {
			if len(p.Examples) > 0 {
				body[name] = p.Examples[0]
			}
		}
		if len(body) == 0 {
			t.Errorf("%s has no example", call)
		}
		r := s.do(token, part[0]+" "+strings.Replace(part[1], "{room}", "book-club", 1), body)
		if fmt.Sprint(r.Status) != part[2] || op.Responses[part[2]].Description == "" {
			t.Errorf("%s with %v answers %d %s", call, body, r.Status, r.Body)
		}
		out := op.Responses[part[2]].Content["application/json"].Schema
		shape := doc.Components.Schemas[strings.TrimPrefix(out.Ref, "#/components/schemas/")]
		answer := as[object](r)
		for _, name := range shape.Required {
			if _, ok := answer[name]; !ok {
				t.Errorf("%s: no %s in %s", call, name, r.Body)
			}
		}
		for name := range answer {
			if shape.Properties[name] == nil {
				t.Errorf("%s: %s is not described", call, name)
			}
		}
		if part[1] == "/v1/users" {
			token = answer["token"].(string)
		}
	}
}

func walk(v any, visit func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			visit(k, inner)
			walk(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}
