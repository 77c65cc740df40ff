package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubbub/chat/wire"
	"hubbub/mw"
)

// bodyTime is how long a client may take to send its body.
const bodyTime = 10 * time.Second

// jsonFormat is how bodies are read and written. Reading is strict (RFC 7493):
// names match exactly, unknown and duplicate ones are refused, and so is
// invalid UTF-8.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			var b bytes.Buffer
			if err := huma.DefaultJSONFormat.Marshal(&b, v); err != nil {
				return err
			}
			_, _ = w.Write(b.Bytes()) // huma panics over an error, but a client may hang up
			return nil
		},
		Unmarshal: func(data []byte, v any) error {
			err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
			var bad *json.SemanticError
			if errors.As(err, &bad) {
				return misfitError(bad.JSONPointer)
			}
			return err
		},
	}
}

// misfitError is a value that passed the schema but not the Go type, such as
// 1e308 for an integer, or a name in another case. Huma hands on its text only,
// from which [fieldError] takes the pointer.
type misfitError jsontext.Pointer

const misfit = " does not fit"

func (e misfitError) Error() string { return string(e) + misfit }

func unwrap(ctx huma.Context) (*http.Request, http.ResponseWriter) { return humachi.Unwrap(ctx) }

// strictBody reads the body of the operations that have one, and refuses what
// is not one well-formed JSON value before anything looks at its meaning: 415
// for another media type, 413 beyond the limit of the chain, 400 for the rest.
func strictBody(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	if op.RequestBody == nil {
		next(ctx)
		return
	}
	r, w := unwrap(ctx)
	body, ok := readJSON(w, r, op.RequestBody.Required)
	if !ok {
		return
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json") // huma compares bytes
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	next(huma.WithValue(ctx, callKey{}, call{r, body}))
}

// readJSON reads a body that is one well-formed JSON value, or nothing where it is
// not required. What is not it has answered; then ok is false.
func readJSON(w http.ResponseWriter, r *http.Request, required bool) (body []byte, ok bool) {
	refuse := func(code, detail string) ([]byte, bool) {
		mw.WriteProblem(w, r, statusOf(code), code, detail, 0)
		return nil, false
	}
	body, err := readBody(w, r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse("too_large", fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit))
	case err != nil:
		return refuse("bad_request", "the body could not be read")
	case len(body) == 0 && !required:
		return nil, true
	case !isJSON(r.Header.Get("Content-Type")):
		return refuse("unsupported", "the body must be sent as application/json")
	}
	if err := checkJSON(body); err != nil {
		return refuse("bad_request", err.Error())
	}
	return body, true
}

// call is a request with the bytes of its body, for handlers that compare them.
type call struct {
	*http.Request
	body []byte
}

type callKey struct{}

// callOf gives the request of a call that has a body; see [strictBody].
func callOf(ctx context.Context) call { return ctx.Value(callKey{}).(call) }

// strictQuery refuses a query that could mean more than one thing: a parameter
// given twice, or what is not well encoded. Which parameters there are is huma's
// to check.
func strictQuery(ctx huma.Context, next func(huma.Context)) {
	r, w := unwrap(ctx)
	if r.URL.RawQuery != "" {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			mw.WriteProblem(w, r, http.StatusBadRequest, "bad_request", "the query of the URL is not well encoded", 0)
			return
		}
		for _, list := range values {
			if len(list) > 1 {
				mw.WriteProblem(w, r, http.StatusBadRequest, "bad_request", "a parameter stands twice in the URL", 0)
				return
			}
		}
	}
	next(ctx)
}

// readBody reads it all, within bodyTime. Where it came in time, huma takes the
// deadline away: see BodyReadTimeout in rest.go.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Test recorders have no deadlines; the server has its own limits as well.
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		// The deadline stays, or the server would wait for the rest for ever
		// before it sends our refusal.
		w.Header().Set("Connection", "close")
	}
	return body, err
}

// isJSON accepts application/json, with no charset but UTF-8.
func isJSON(contentType string) bool {
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != "application/json" {
		return false
	}
	switch params["charset"] {
	case "", "utf-8", "UTF-8":
		return true
	}
	return false
}

// checkJSON tells what is wrong with the form of a body: not exactly one JSON
// value, a name twice in one object, invalid UTF-8, or deeper than
// [wire.MaxDepth]. The text is safe to show.
func checkJSON(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		_, err := d.ReadToken()
		switch {
		case err == io.EOF:
			if d.InputOffset() == 0 || len(bytes.TrimSpace(body)) == 0 {
				return errors.New("the body is empty")
			}
			return nil
		case errors.Is(err, jsontext.ErrDuplicateName):
			return errors.New("a name stands twice in one object")
		case err != nil:
			return fmt.Errorf("the body is not valid JSON at byte %d", d.InputOffset())
		case d.StackDepth() > wire.MaxDepth:
			return fmt.Errorf("the body is nested deeper than %d", wire.MaxDepth)
		case d.StackDepth() == 0:
			if rest := bytes.TrimLeft(body[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
				return errors.New("there is something after the JSON value")
			}
		}
	}
}
