package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"

	"hubbub/orders"
)

// getOrderInput is the input of getOrder, for its description.
type getOrderInput struct {
	OrderRef
	Header string `header:"If-None-Match" doc:"ETags that the caller has: 304 when one is that of the order."`
}

// getOrder sends an order as it is stored. It is the call that programs make
// thousands of times a second, so nothing here looks at what it sends.
func (s *Server) getOrder(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		s.refuse(w, r, errNoQuery)
		return
	}
	id, err := OrderRef{chi.URLParam(r, "order")}.id()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	o, err := s.o.Orders.Order(r.Context(), orderCaller(r.Context()), id)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	h, tag := w.Header(), entityTag(o.Version, s.o.Orders.Epoch())
	h["Etag"] = []string{tag}
	h["Cache-Control"] = privateHeader
	for _, known := range r.Header["If-None-Match"] {
		if noneMatch(known, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h["Content-Type"] = jsonHeader
	h["Content-Length"] = []string{strconv.Itoa(len(o.Doc))}
	_, _ = w.Write(o.Doc) // a client that left needs no answer
}

var errNoQuery = orders.Invalid("query", "has parameters, and this call takes none")

// Values of headers that are shared: nobody changes them.
var (
	privateHeader = []string{privately}
	jsonHeader    = []string{"application/json"}
)

// lookupInput is the input of lookupOrders, for its description.
type lookupInput struct {
	Body struct {
		IDs []string `json:"ids" example:"[\"019a3f2e-7c1d-7b6a-9f40-2d8e5c17a3b9\"]" doc:"1 to 100 ids of orders."`
	} `nameHint:"OrderLookup"`
}

// lookupOutput is the output of lookupOrders, for its description.
type lookupOutput struct{ Body []byte }

func (lookupOutput) ready() (reflect.Type, any) {
	return reflect.TypeFor[foundOrders](), foundOrders{Items: []order{exampleOrder()}, Missing: []string{}}
}

// lookupOrders does without huma, as getOrder does.
func (s *Server) lookupOrders(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		s.refuse(w, r, errNoQuery)
		return
	}
	in, ok := readJSON(w, r, true)
	if !ok {
		return
	}
	ids, err := lookupIDs(in)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	found, missing, err := s.o.Orders.Lookup(r.Context(), orderCaller(r.Context()), ids)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	body := beginItems(found)
	body = append(body, `,"missing":[`...)
	for i, id := range missing {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(append(body, '"'), id...), '"') // the form of an id was checked
	}
	body = append(body, "]}"...)
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = privateHeader, jsonHeader
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) // a client that left needs no answer
}

// lookupIDs reads the body of a look-up.
func lookupIDs(body []byte) ([]orders.ID, error) {
	var in struct {
		IDs []orders.ID `json:"ids"`
	}
	err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true))
	if bad, ok := errors.AsType[*json.SemanticError](err); ok {
		return nil, orders.Invalid(string(bad.JSONPointer), "is unknown, or not what it should be")
	}
	if err != nil {
		return nil, err
	}
	for i, id := range in.IDs {
		if !orders.IsID(string(id)) {
			return nil, orders.Invalid("/ids/"+strconv.Itoa(i), "is not the id of an order")
		}
	}
	return in.IDs, nil
}

// beginItems begins an answer: {"items":[…] with the orders as they are stored.
func beginItems(list []orders.Stored) []byte {
	size := 256
	for _, o := range list {
		size += len(o.Doc) + 1
	}
	dst := append(make([]byte, 0, size), `{"items":[`...)
	for i, o := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, o.Doc...)
	}
	return append(dst, ']')
}

type listOrdersInput struct {
	Customer      string    `query:"customer" doc:"The id of a user. Customers see their own orders, whatever they ask for."`
	Status        string    `query:"status" enum:"pending,paid,packed,shipped,delivered,returned,cancelled,refunded" doc:"Orders that stand there now."`
	Number        string    `query:"number" doc:"The number of an order; each shop has its own."`
	CreatedAfter  time.Time `query:"created_after" doc:"Created then or later, RFC 3339."`
	CreatedBefore time.Time `query:"created_before" doc:"Created earlier, RFC 3339."`
	Limit         int       `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items per page."`
	Cursor        string    `query:"cursor" doc:"next of the page before; leave it out for the first page. The other parameters must be the same."`
}

// filter is all of the query but how much of it is asked for.
func (in *listOrdersInput) filter() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("customer", in.Customer)
	set("status", in.Status)
	set("number", in.Number)
	for name, at := range map[string]time.Time{"created_after": in.CreatedAfter, "created_before": in.CreatedBefore} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return v
}

type listOrdersOutput struct {
	ContentType  string `header:"Content-Type" hidden:"true"`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Link         string `header:"Link" doc:"The next page, with rel=\"next\"."`
	Body         []byte
}

func (listOrdersOutput) ready() (reflect.Type, any) {
	next := "AQGaPy58HXtqn0AtjlwXo7kxV0yQm3Jc0o1tqk2yS5nX"
	return reflect.TypeFor[orderPage](), orderPage{Items: []order{exampleOrder()}, Next: &next}
}

func (s *Server) listOrders(ctx context.Context, in *listOrdersInput) (*listOrdersOutput, error) {
	c := orderCaller(ctx)
	filter := in.filter()
	sealed := filter.Encode()
	if c.Role == orders.Customer {
		sealed += " of " + c.ID
	}
	q := orders.Query{
		Customer: in.Customer, Status: orders.Status(in.Status), Number: in.Number,
		After: in.CreatedAfter, Before: in.CreatedBefore, Limit: in.Limit,
	}
	var err error
	if in.Cursor != "" {
		if q.Cursor, err = s.readOrderCursor(in.Cursor, sealed); err != nil {
			return nil, err
		}
	}
	list, more, err := s.o.Orders.List(ctx, c, q)
	if err != nil {
		return nil, err
	}
	out := &listOrdersOutput{ContentType: "application/json", CacheControl: privately}
	out.Body = append(beginItems(list), `,"next":`...)
	if !more {
		out.Body = append(out.Body, "null}"...)
		return out, nil
	}
	next := s.orderCursor(list[len(list)-1].ID, sealed)
	out.Body = append(append(append(out.Body, '"'), next...), `"}`...)
	filter.Set("limit", strconv.Itoa(in.Limit))
	filter.Set("cursor", next)
	out.Link = "</v1/orders?" + filter.Encode() + `>; rel="next"`
	return out, nil
}

type orderEventsInput struct {
	OrderRef
	After  uint64 `query:"after" doc:"Events with a higher seq; 0 is from the beginning."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"100" doc:"Items per page."`
	Cursor string `query:"cursor" doc:"next of the page before, in place of after."`
}

type orderEventsOutput struct {
	ContentType  string `header:"Content-Type" hidden:"true"`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         []byte
}

func (orderEventsOutput) ready() (reflect.Type, any) {
	return reflect.TypeFor[orderHistory](), orderHistory{Items: []orderEvent{exampleEvent()}}
}

func (s *Server) listOrderEvents(ctx context.Context, in *orderEventsInput) (*orderEventsOutput, error) {
	const list = "order-events"
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	key, err := readCursor(list, in.Cursor)
	after := in.After
	if err == nil && key != "" {
		after, err = strconv.ParseUint(key, 10, 64)
	}
	if err != nil {
		return nil, orders.Refuse(orders.ErrBadRequest, "this is not a cursor of a history")
	}
	events, err := s.o.Orders.History(ctx, orderCaller(ctx), id, after, in.Limit)
	if err != nil {
		return nil, err
	}
	body := []byte(`{"items":[`)
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = orders.AppendEvent(body, e)
	}
	body = append(body, `],"next":`...)
	if n := len(events); n == in.Limit {
		body = append(body, `"`+makeCursor(list, strconv.FormatUint(events[n-1].Version, 10))+`"}`...)
	} else {
		body = append(body, "null}"...)
	}
	return &orderEventsOutput{"application/json", privately, body}, nil
}
