package web

import (
	"context"
	"net/http"
	"reflect"

	"hubbub/chat"
	"hubbub/mw"
	"hubbub/orders"
)

// Orders is what the REST calls ask of the order domain; [orders.Service] says
// what each does.
type Orders interface {
	Epoch() string
	Place(ctx context.Context, c orders.Caller, key orders.Key, d orders.Draft) (orders.Reply, error)
	Move(ctx context.Context, c orders.Caller, id orders.ID, key orders.Key, to orders.Status, reason string) (orders.Reply, error)
	Cancel(ctx context.Context, c orders.Caller, id orders.ID, key *orders.Key, reason string) (orders.Reply, error)
	Patch(ctx context.Context, c orders.Caller, id orders.ID, version uint64, p orders.Patch) (orders.Reply, error)
	OpenRoom(ctx context.Context, c orders.Caller, id orders.ID) (room string, created bool, err error)

	Order(ctx context.Context, c orders.Caller, id orders.ID) (orders.Stored, error)
	Lookup(ctx context.Context, c orders.Caller, ids []orders.ID) (found []orders.Stored, missing []orders.ID, err error)
	List(ctx context.Context, c orders.Caller, q orders.Query) (page []orders.Stored, more bool, err error)
	History(ctx context.Context, c orders.Caller, id orders.ID, after uint64, limit int) ([]orders.Event, error)
}

// orderCaller is who makes a call about orders: a program with a key, or a user.
func orderCaller(ctx context.Context) orders.Caller {
	p, _ := mw.PrincipalFrom(ctx)
	switch who := p.Value.(type) {
	case orders.Caller:
		return who
	case chat.Identity:
		c := orders.Caller{ID: string(who.User.ID), Name: who.User.DisplayName, Role: orders.Customer}
		if who.User.Role == chat.Support {
			c.Role = orders.Support
		}
		return c
	}
	return orders.Caller{}
}

// maxOrderBody is the most bytes of an order that is placed: the longest one that
// the limits of its parts let be written, with some characters escaped.
const maxOrderBody = 512 << 10

func bodyLimit(r *http.Request) int64 {
	if r.URL.Path == "/v1/orders" {
		return maxOrderBody
	}
	return mw.DefaultMaxBody
}

// OrderRef names an order.
type OrderRef struct {
	Order string `path:"order" doc:"The id of an order." example:"019a3f2e-7c1d-7b6a-9f40-2d8e5c17a3b9"`
}

// id gives what can be looked up. What has not the form of an id is absent.
func (o OrderRef) id() (orders.ID, error) {
	if !orders.IsID(o.Order) {
		return "", orders.NoOrder()
	}
	return orders.ID(o.Order), nil
}

// orderOutput answers with an order as it is stored.
type orderOutput struct {
	Status       int
	ContentType  string `header:"Content-Type" hidden:"true"`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	ETag         string `header:"ETag" doc:"Version and epoch, for If-Match and If-None-Match."`
	Replayed     string `header:"Idempotency-Replayed" doc:"true: the key was known, and this is the answer of the first call."`
	Body         []byte
}

func (orderOutput) ready() (reflect.Type, any) { return reflect.TypeFor[order](), exampleOrder() }

func (s *Server) orderOutput(status int, r orders.Reply, err error) (*orderOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &orderOutput{
		Status: status, ContentType: "application/json", CacheControl: privately,
		ETag: entityTag(r.Version, s.o.Orders.Epoch()), Body: r.Doc,
	}
	if r.Replayed {
		out.Replayed = "true"
	}
	return out, nil
}

type placeOrderInput struct {
	IdempotencyKey
	Body struct {
		CustomerID string            `json:"customer_id" doc:"The id of a user."`
		Currency   string            `json:"currency" example:"EUR" doc:"ISO 4217."`
		Lines      []orderLineDraft  `json:"lines" example:"[{\"sku\":\"MUG-01\",\"title\":\"Mug\",\"quantity\":2,\"unit_price\":1250}]" doc:"1 to 200."`
		Totals     orderTotalsDraft  `json:"totals" example:"{\"shipping\":490,\"total\":2990}"`
		Note       string            `json:"note,omitempty" example:"Ring twice" doc:"At most 1000 characters."`
		Metadata   map[string]string `json:"metadata,omitempty" doc:"At most 20 pairs; names of 1 to 40 characters, values of at most 500."`
		ShipTo     *orderAddress     `json:"ship_to,omitempty"`
	} `nameHint:"NewOrder"`
}

// orderLineDraft is a line as a shop sends it.
type orderLineDraft struct {
	SKU       string `json:"sku" doc:"1 to 64 of A-Z a-z 0-9 . _ -"`
	Title     string `json:"title" doc:"1 to 200 characters."`
	Quantity  int64  `json:"quantity" doc:"1 to 1000000."`
	UnitPrice int64  `json:"unit_price" doc:"In minor units, 0 to 1000000000000."`
	Total     *int64 `json:"total,omitempty" doc:"Worked out when left out; when given it must be quantity times unit_price."`
}

// orderTotalsDraft are the sums as a shop sends them.
type orderTotalsDraft struct {
	Subtotal *int64 `json:"subtotal,omitempty" doc:"Worked out when left out; when given it must be the sum of the lines."`
	Discount int64  `json:"discount,omitempty"`
	Shipping int64  `json:"shipping,omitempty"`
	Tax      int64  `json:"tax,omitempty"`
	Total    int64  `json:"total" doc:"subtotal - discount + shipping + tax, in minor units; at most 2^53 - 1."`
}

type placedOutput struct {
	Status       int
	ContentType  string `header:"Content-Type" hidden:"true"`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Location     string `header:"Location" doc:"Where the order is."`
	ETag         string `header:"ETag" doc:"Version and epoch, for If-Match and If-None-Match."`
	Replayed     string `header:"Idempotency-Replayed" doc:"true: the key was known, and this is the answer of the first call."`
	Body         []byte
}

func (placedOutput) ready() (reflect.Type, any) { return orderOutput{}.ready() }

func (s *Server) placeOrder(ctx context.Context, in *placeOrderInput) (*placedOutput, error) {
	c := orderCaller(ctx)
	key, err := in.key(ctx, c)
	if err != nil {
		return nil, err
	}
	d := orders.Draft{
		CustomerID: in.Body.CustomerID, Currency: in.Body.Currency, Note: in.Body.Note, Metadata: in.Body.Metadata,
		ShipTo: in.Body.ShipTo.address(), Lines: make([]orders.DraftLine, len(in.Body.Lines)),
		Totals: orders.DraftTotals(in.Body.Totals),
	}
	for i, l := range in.Body.Lines {
		d.Lines[i] = orders.DraftLine(l)
	}
	reply, err := s.o.Orders.Place(ctx, c, key, d)
	out, err := s.orderOutput(http.StatusCreated, reply, err)
	if err != nil {
		return nil, err
	}
	return &placedOutput{
		Status: out.Status, ContentType: out.ContentType, CacheControl: out.CacheControl,
		Location: "/v1/orders/" + string(reply.ID), ETag: out.ETag, Replayed: out.Replayed, Body: out.Body,
	}, nil
}

type moveOrderInput struct {
	OrderRef
	IdempotencyKey
	Body struct {
		To     string `json:"to" example:"paid" enum:"pending,paid,packed,shipped,delivered,returned,cancelled,refunded"`
		Reason string `json:"reason,omitempty" example:"Card payment" doc:"At most 200 characters; the customer sees it."`
	} `nameHint:"OrderTransition"`
}

func (s *Server) moveOrder(ctx context.Context, in *moveOrderInput) (*orderOutput, error) {
	c := orderCaller(ctx)
	key, err := in.key(ctx, c)
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	reply, err := s.o.Orders.Move(ctx, c, id, key, orders.Status(in.Body.To), in.Body.Reason)
	return s.orderOutput(http.StatusOK, reply, err)
}

type cancelOrderInput struct {
	OrderRef
	OptionalKey
	Body struct {
		Reason string `json:"reason,omitempty" example:"Ordered twice" doc:"At most 200 characters."`
	} `nameHint:"OrderCancellation"`
}

func (s *Server) cancelOrder(ctx context.Context, in *cancelOrderInput) (*orderOutput, error) {
	c := orderCaller(ctx)
	key, err := in.key(ctx, c)
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	reply, err := s.o.Orders.Cancel(ctx, c, id, key, in.Body.Reason)
	return s.orderOutput(http.StatusOK, reply, err)
}

type changeOrderInput struct {
	OrderRef
	IfMatch
	Body struct {
		Note     *string            `json:"note,omitempty" example:"Ring once" doc:"At most 1000 characters."`
		Metadata *map[string]string `json:"metadata,omitempty" doc:"Takes the place of all pairs."`
		ShipTo   *orderAddress      `json:"ship_to,omitempty" doc:"Takes the place of the whole address."`
	} `nameHint:"ChangeOrder"`
}

func (s *Server) changeOrder(ctx context.Context, in *changeOrderInput) (*orderOutput, error) {
	version, err := in.version(ctx, s.o.Orders.Epoch())
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	reply, err := s.o.Orders.Patch(ctx, orderCaller(ctx), id, version, orders.Patch{
		Note: in.Body.Note, Metadata: in.Body.Metadata, ShipTo: in.Body.ShipTo.address(),
	})
	return s.orderOutput(http.StatusOK, reply, err)
}

// orderRoom names the support room of an order.
type orderRoom struct {
	RoomID string `json:"room_id" doc:"A room whose members are the customer and the support staff."`
}

type orderRoomOutput struct {
	Status int
	Body   orderRoom
}

func (s *Server) openOrderRoom(ctx context.Context, in *OrderRef) (*orderRoomOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	room, created, err := s.o.Orders.OpenRoom(ctx, orderCaller(ctx), id)
	if err != nil {
		return nil, err
	}
	out := &orderRoomOutput{Status: http.StatusOK, Body: orderRoom{RoomID: room}}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}
