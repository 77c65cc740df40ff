package web

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"hubbub/chat"
	"hubbub/mw"
	"hubbub/orders"
)

// routes builds the public handler: every route of the server and the chain in
// front of all of them. mw explains the order of its links.
func (s *Server) routes(m *mw.Metrics) (http.Handler, error) {
	r := chi.NewRouter()
	r.Use(mw.Standard(mw.Options{
		Log: s.o.Log, Metrics: m, Route: routePattern,
		Proxies: s.o.Proxies, Origins: s.o.Origins, Find: s.tokens.Find,
		PerAddress: s.o.PerAddress, PerUser: s.o.PerUser, PerKey: s.o.PerKey, MaxBody: bodyLimit,
		Probe: isProbe, Static: isStatic, Quiet: isLookup,
	})...)
	r.Use(middleware.GetHead)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(methodNotAllowed(r))

	// REST: requireUser, then strictBody, then huma checks the schema.
	a := s.newREST(r)
	add(a, "signUp", "POST /v1/users", 201, anyone, s.signUp, "Sign up", chat.ErrConflict)
	add(a, "guest", "POST /v1/guests", 201, anyone, s.guest, "Come in as a guest", chat.ErrForbidden)
	add(a, "signIn", "POST /v1/sessions", 201, anyone, s.signIn, "Sign in", chat.ErrUnauthenticated, chat.ErrForbidden)
	add(a, "listSessions", "GET /v1/sessions", 200, user, s.sessions, "Where am I signed in")
	add(a, "signOut", "DELETE /v1/sessions/{id}", 204, user, s.signOut, "Sign out", chat.ErrNotFound)
	add(a, "getMe", "GET /v1/me", 200, user, s.me, "Who am I")
	add(a, "changeMe", "PATCH /v1/me", 200, user, s.changeMe, "Change my display name")
	add(a, "setPassword", "PUT /v1/me/password", 204, user, s.setPassword, "Change my password", chat.ErrForbidden)
	add(a, "createTicket", "POST /v1/socket-tickets", 201, user, s.ticket, "Make a ticket for a socket")
	add(a, "getUser", "GET /v1/users/{user}", 200, user, s.user, "Find a user", chat.ErrNotFound)

	add(a, "createRoom", "POST /v1/rooms", 201, user, s.createRoom, "Make a room", chat.ErrConflict)
	add(a, "listRooms", "GET /v1/rooms", 200, user, s.listRooms, "List rooms", chat.ErrInvalid)
	add(a, "getRoom", "GET /v1/rooms/{room}", 200, user, s.room, "Show a room", chat.ErrNotFound)
	add(a, "changeRoom", "PATCH /v1/rooms/{room}", 200, user, s.changeRoom, "Rename a room or set its topic", chat.ErrForbidden, chat.ErrNotFound, chat.ErrConflict)
	add(a, "listMembers", "GET /v1/rooms/{room}/members", 200, user, s.listMembers, "List members", chat.ErrNotFound, chat.ErrInvalid)
	add(a, "putMember", "PUT /v1/rooms/{room}/members/{user}", 200, user, s.putMember, "Join, invite or promote", chat.ErrForbidden, chat.ErrNotFound, chat.ErrConflict)
	add(a, "deleteMember", "DELETE /v1/rooms/{room}/members/{user}", 204, user, s.deleteMember, "Leave or kick", chat.ErrForbidden, chat.ErrNotFound)
	add(a, "postMessage", "POST /v1/rooms/{room}/messages", 201, user, s.post, "Post a message", chat.ErrForbidden, chat.ErrNotFound, chat.ErrConflict, chat.ErrUnknownOutcome)
	add(a, "listMessages", "GET /v1/rooms/{room}/messages", 200, user, s.listMessages, "Read messages", chat.ErrNotFound, chat.ErrInvalid)
	add(a, "listEvents", "GET /v1/rooms/{room}/events", 200, user, s.listEvents, "Read the log", chat.ErrNotFound, chat.ErrInvalid)
	add(a, "markRead", "PUT /v1/rooms/{room}/read", 200, user, s.markRead, "Move the read marker", chat.ErrForbidden, chat.ErrNotFound)

	// Orders: the calls that are not for everybody's role are refused by orders.Service.
	add(a, "placeOrder", "POST /v1/orders", 201, userOrKey, s.placeOrder, "Place an order", orders.ErrForbidden, orders.ErrKeyRunning, orders.ErrKeyReused, orders.ErrUnknownOutcome)
	add(a, "listOrders", "GET /v1/orders", 200, userOrKey, s.listOrders, "List orders", orders.ErrBadRequest, orders.ErrInvalid)
	addPlain[lookupInput, lookupOutput](a, "lookupOrders", "POST /v1/orders:lookup", 200, userOrKey, s.lookupOrders, "Look many orders up")
	addPlain[getOrderInput, orderOutput](a, "getOrder", "GET /v1/orders/{order}", 200, userOrKey, s.getOrder, "Show an order", orders.ErrNotFound, orders.ErrInvalid)
	add(a, "changeOrder", "PATCH /v1/orders/{order}", 200, userOrKey, s.changeOrder, "Change note, metadata or address", orders.ErrNotFound, orders.ErrClosed, orders.ErrStale, orders.ErrNoPrecondition, orders.ErrUnknownOutcome)
	add(a, "moveOrder", "POST /v1/orders/{order}/transitions", 200, userOrKey, s.moveOrder, "Move an order on", orders.ErrForbidden, orders.ErrNotFound, orders.ErrIllegalStep, orders.ErrKeyRunning, orders.ErrKeyReused, orders.ErrUnknownOutcome)
	add(a, "cancelOrder", "POST /v1/orders/{order}/cancel", 200, userOrKey, s.cancelOrder, "Cancel my order", orders.ErrForbidden, orders.ErrNotFound, orders.ErrIllegalStep, orders.ErrKeyRunning, orders.ErrKeyReused, orders.ErrUnknownOutcome)
	add(a, "listOrderEvents", "GET /v1/orders/{order}/events", 200, userOrKey, s.listOrderEvents, "Read an order's history", orders.ErrBadRequest, orders.ErrNotFound, orders.ErrInvalid)
	add(a, "openOrderRoom", "PUT /v1/orders/{order}/room", 201, userOrKey, s.openOrderRoom, "Open the support room", orders.ErrForbidden, orders.ErrNotFound, orders.ErrUnknownOutcome)

	// Webhooks: for keys of shops; webhooks.Service refuses everybody else.
	add(a, "registerWebhook", "POST /v1/webhooks", 201, userOrKey, s.registerWebhook, "Register a webhook", orders.ErrForbidden, orders.ErrConflict, orders.ErrUnknownOutcome)
	add(a, "listWebhooks", "GET /v1/webhooks", 200, userOrKey, s.listWebhooks, "List webhooks", orders.ErrForbidden)
	add(a, "getWebhook", "GET /v1/webhooks/{webhook}", 200, userOrKey, s.webhook, "Show a webhook", orders.ErrForbidden, orders.ErrNotFound)
	add(a, "changeWebhook", "PATCH /v1/webhooks/{webhook}", 200, userOrKey, s.changeWebhook, "Turn a webhook on or off", orders.ErrForbidden, orders.ErrNotFound)
	add(a, "deleteWebhook", "DELETE /v1/webhooks/{webhook}", 204, userOrKey, s.deleteWebhook, "Delete a webhook", orders.ErrForbidden, orders.ErrNotFound)
	add(a, "listDeliveries", "GET /v1/webhooks/{webhook}/deliveries", 200, userOrKey, s.listDeliveries, "List deliveries", orders.ErrBadRequest, orders.ErrForbidden, orders.ErrNotFound, orders.ErrInvalid)
	add(a, "replayDelivery", "POST /v1/webhooks/{webhook}/deliveries/{delivery}/replay", 202, userOrKey, s.replayDelivery, "Send a delivery again", orders.ErrForbidden, orders.ErrNotFound, orders.ErrConflict)
	add(a, "replayWebhook", "POST /v1/webhooks/{webhook}/replay", 202, userOrKey, s.replayWebhook, "Send again what has failed", orders.ErrForbidden, orders.ErrNotFound)

	document, err := a.document()
	if err != nil {
		return nil, err
	}
	s.document = newAsset("application/json", document)
	r.Get("/v1/openapi.json", s.openAPI)

	// Live.
	if s.o.Sockets != nil {
		r.Method("GET", "/v1/socket", s.o.Sockets)
	}

	// For balancers: alive, and may take traffic.
	r.Get("/healthz", s.healthz)
	r.Get("/readyz", s.readyz)

	// The page. Deep links into a room or to an order are the same page.
	for _, path := range []string{"/", "/r/*", "/o", "/o/*"} {
		r.Get(path, s.assets.file("index.html"))
	}
	r.Get("/docs", s.assets.file("docs.html"))
	r.Get("/static/*", s.static)
	return r, nil
}

// adminRoutes builds the handler of the private listener.
func (s *Server) adminRoutes() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", metricsHandler(s.o.Registry))
	profiles(m)
	return m
}

// routePattern names the route for logs and metrics; asked after routing.
func routePattern(r *http.Request) string { return chi.RouteContext(r.Context()).RoutePattern() }

func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

func isStatic(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static/") }

// isLookup tells the call that programs make thousands of times a second.
func isLookup(r *http.Request) bool {
	id, ok := strings.CutPrefix(r.URL.Path, "/v1/orders/")
	return ok && r.Method == http.MethodGet && orders.IsID(id)
}

// notFound answers programs with a problem, people with a page.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v1/") && strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.assets.notFound(w, r)
		return
	}
	mw.WriteProblem(w, r, http.StatusNotFound, "not_found", "there is nothing at this path", 0)
}

func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		mw.WriteProblem(w, r, http.StatusMethodNotAllowed, "bad_request", "this path does not take "+r.Method, 0)
	}
}
