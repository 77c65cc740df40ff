package web

import (
	"encoding/base64"
	"strings"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// Paging is the input of every list. It and its like are exported because huma
// looks into embedded structs only then.
type Paging struct {
	Cursor string `query:"cursor" doc:"next of the page before; leave it out for the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items per page."`
}

// page is one page of a list. Next is null on the last one.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next" doc:"Give it as cursor to get the next page; null when this is the last."`
}

// listOf makes the answer of a list whose items are asked for by the key of the
// last one. A page that is not full is the last.
func listOf[S, T any](list string, limit int, in []S, show func(S) T, key func(S) string) *output[page[T]] {
	p := page[T]{Items: make([]T, 0, len(in))}
	for _, v := range in {
		p.Items = append(p.Items, show(v))
	}
	if len(in) >= limit {
		next := makeCursor(list, key(in[len(in)-1]))
		p.Next = &next
	}
	return &output[page[T]]{Body: p}
}

// cursorVersion begins every cursor, so that a later form is told from this one.
const cursorVersion = "1"

// makeCursor makes an opaque cursor of a list from the key of its last item.
func makeCursor(list, key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorVersion + ":" + list + ":" + key))
}

// readCursor gives the key back, "" for no cursor. A cursor of another list or
// version is invalid.
func readCursor(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	key, ok := strings.CutPrefix(string(text), cursorVersion+":"+list+":")
	if err != nil || !ok || key == "" || len(key) > 4*wire.MaxName {
		return "", chat.Invalid("cursor", "is not a cursor of this list")
	}
	return key, nil
}
