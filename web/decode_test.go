package web

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"hubbub/chat/wire"
)

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1,{"a":"b"}]`, `{"a":1,"a":2}`, `{"a":"\ud800"}`, "\"\xff\"", `[[[[[[[[[]]]]]]]]]`, ` null `, `{} {}`, ``, `1e999`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := checkJSON(body)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the refusal %q is not UTF-8", err)
			}
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Errorf("%q was let through", body)
		}
		depth, most, quoted := 0, 0, false
		for i := 0; i < len(body); i++ {
			switch c := body[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case !quoted && (c == '{' || c == '['):
				depth++
				most = max(most, depth)
			case !quoted && (c == '}' || c == ']'):
				depth--
			}
		}
		if most > wire.MaxDepth {
			t.Errorf("%q is %d deep", body, most)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(makeCursor("public", "tea"), "public")
	f.Add(makeCursor("mine", "tea"), "public")
	f.Add("MTo6", "")
	f.Add("!", "members")
	f.Fuzz(func(t *testing.T, cursor, list string) {
		key, err := readCursor(list, cursor)
		if err != nil || cursor == "" {
			return
		}
		if again, err := readCursor(list, makeCursor(list, key)); err != nil || again != key {
			t.Errorf("key %q comes back as %q, %v", key, again, err)
		}
	})
}
