package web

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"hubbub/chat"
)

// access says for whom a call is.
type access int

const (
	anyone    access = iota
	user             // somebody who is signed in, guests included; no program with a key
	userOrKey        // or a program with a key
)

// rest registers the REST calls: each becomes a route, and a part of the
// OpenAPI document.
type rest struct {
	s      *Server
	router chi.Router
	api    huma.API
	// paper takes calls into the document, and serves nothing: see addPlain.
	paper huma.API
}

func (s *Server) newREST(r chi.Router) *rest {
	config := s.openAPIConfig()
	config.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	config.DefaultFormat = "application/json"
	config.Transformers = []huma.Transformer{translate}
	config.RejectUnknownQueryParameters = true
	api := humachi.New(r, config)
	api.UseMiddleware(requireUser, strictQuery, strictBody)
	return &rest{s: s, router: r, api: api, paper: humachi.New(chi.NewRouter(), config)}
}

// add registers one call. Route is a method and a path; codes are the errors of
// this call beyond those that any call of its shape may give.
func add[I, O any](a *rest, id, route string, status int, who access,
	h func(context.Context, *I) (*O, error), summary string, codes ...error) {
	op := describeCall[I, O](a, id, route, status, who, summary, codes)
	huma.Register(a.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, a.s.problem(ctx, err)
		}
		return out, nil
	})
}

// addPlain registers a call that is asked for so often that it reads its input
// and writes its answer by itself. I and O describe them.
func addPlain[I, O any](a *rest, id, route string, status int, who access, h http.HandlerFunc, summary string, codes ...error) {
	op := describeCall[I, O](a, id, route, status, who, summary, codes)
	huma.Register(a.paper, op, func(context.Context, *I) (*O, error) { return nil, nil })
	a.router.Method(op.Method, op.Path, admit(who, h))
}

// describeCall is what the OpenAPI document says of a call.
func describeCall[I, O any](a *rest, id, route string, status int, who access, summary string, codes []error) huma.Operation {
	method, path, _ := strings.Cut(route, " ")
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, DefaultStatus: status,
		Summary: summary, Description: describe(id), Tags: []string{tagOf(path)},
		Security:        []map[string][]string{},
		BodyReadTimeout: -1, // takes strictBody's deadline away, which would end the handler's context
		Responses:       map[string]*huma.Response{},
		Metadata:        map[string]any{"access": who},
	}
	if who != anyone {
		op.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
		codes = append(codes, chat.ErrUnauthenticated)
	}
	if who == userOrKey {
		op.Security = append(op.Security, map[string][]string{"key": {}})
	}
	if method != http.MethodGet { // a body that nobody asked for is refused as well
		codes = append(codes, chat.ErrTooLarge, chat.ErrUnsupported)
	}
	codes = append(codes, chat.ErrBadRequest, chat.ErrInvalid, chat.ErrRateLimited, chat.ErrInternal, chat.ErrUnavailable)
	a.refusals(op.Responses, codes)
	if shown, ok := any(*new(O)).(ready); ok {
		shape, example := shown.ready()
		op.Responses[strconv.Itoa(status)] = &huma.Response{Content: map[string]*huma.MediaType{"application/json": {
			Schema: a.api.OpenAPI().Components.Schemas.Schema(shape, true, ""), Example: example,
		}}}
	}
	return op
}

// ready is an output whose body is ready-made JSON: it says what that looks like.
type ready interface {
	ready() (shape reflect.Type, example any)
}

// refusals documents what a call may answer instead, one entry per status with
// an example per code.
func (a *rest) refusals(responses map[string]*huma.Response, codes []error) {
	schema := a.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	byStatus := map[int][]string{}
	for _, e := range codes {
		code := codeOf(e)
		status := statusOf(code)
		if !slices.Contains(byStatus[status], code) {
			byStatus[status] = append(byStatus[status], code)
		}
	}
	for status, list := range byStatus {
		content := &huma.MediaType{Schema: schema, Examples: map[string]*huma.Example{}}
		for _, code := range list {
			content.Examples[code] = &huma.Example{Value: exampleProblem(code)}
		}
		r := &huma.Response{
			Description: http.StatusText(status) + ": " + strings.Join(list, " or "),
			Content:     map[string]*huma.MediaType{"application/problem+json": content},
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			r.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Seconds until it makes sense to try again.", Schema: &huma.Schema{Type: huma.TypeInteger},
			}}
		}
		responses[strconv.Itoa(status)] = r
	}
}
