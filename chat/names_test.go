package chat_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"hubbub/chat"
	"hubbub/chat/wire"
)

func TestNormalizeName(t *testing.T) {
	same := []struct{ name, in, want string }{
		{"plain", "alice", "alice"},
		{"case", "ALICE", "alice"},
		{"full width", "ａｌｉｃｅ", "alice"},
		{"decomposed", "rene\u0301", "rené"},
		{"joints", "a.b_c-d", "a.b_c-d"},
		{"cyrillic throughout", "Мария", "мария"},
		{"japanese with latin", "takaたか", "takaたか"},
		{"korean with han", "김金", "김金"},
		{"digits", "42", "42"},
		{"longest", strings.Repeat("x", 32), strings.Repeat("x", 32)},
	}
	for _, tt := range same {
		t.Run("same/"+tt.name, func(t *testing.T) {
			got, err := chat.NormalizeName(tt.in)
			if err != nil || got != tt.want {
				t.Fatalf("NormalizeName(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
			}
		})
	}
	refused := []struct{ name, in string }{
		{"empty", ""},
		{"one character", "a"},
		{"too long", strings.Repeat("x", 33)},
		{"very long", strings.Repeat("x", 1<<20)},
		{"cyrillic а in latin", "аlice"},
		{"greek in latin", "alicε"},
		{"kana and hangul", "たか김"},
		{"zero width joiner", "ali\u200dce"},
		{"zero width space", "ali\u200bce"},
		{"right-to-left override", "alice\u202e"},
		{"trailing space", "alice "},
		{"inner space", "al ice"},
		{"control", "alice\x00"},
		{"newline", "alice\n"},
		{"invalid UTF-8", "alice\xff"},
		{"emoji", "alice😀"},
		{"slash", "al/ice"},
		{"at", "@alice"},
		{"leading joint", ".alice"},
		{"trailing joint", "alice-"},
		{"double joint", "ali..ce"},
		{"leading mark", "\u0301alice"},
		{"hangul filler", "alice\u3164"},
	}
	for _, tt := range refused {
		t.Run("refused/"+tt.name, func(t *testing.T) {
			got, err := chat.NormalizeName(tt.in)
			wantInvalid(t, err, "name")
			if got != "" {
				t.Errorf("gave %q with the error", got)
			}
		})
	}
}

func TestCleanDisplayName(t *testing.T) {
	for in, want := range map[string]string{
		"  Ann Lee ":            "Ann Lee",
		"Rene\u0301":            "René",
		"Ann 🌻":                 "Ann 🌻",
		strings.Repeat("ж", 64): strings.Repeat("ж", 64),
	} {
		if got, err := chat.CleanDisplayName(in); err != nil || got != want {
			t.Errorf("CleanDisplayName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "  ", "\u3164", "a\u0000b", "a\nb", "a\u202eb", "a\u200db", "a\u2028b",
		"a\u2066b", "a\x1b[31mb", "bad\xff", strings.Repeat("x", 65), strings.Repeat("x", 1<<20)} {
		_, err := chat.CleanDisplayName(in)
		wantInvalid(t, err, "display_name")
	}
}

func TestCleanRoomName(t *testing.T) {
	good := []struct {
		kind     chat.RoomKind
		in, want string
	}{
		{chat.Public, "general", "general"},
		{chat.Public, "2nd-floor_a", "2nd-floor_a"},
		{chat.Public, strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{chat.Private, " Board room ", "Board room"},
		{chat.Private, "👩‍💻 only", "👩‍💻 only"},
		{chat.Direct, "", ""},
	}
	for _, tt := range good {
		if got, err := chat.CleanRoomName(tt.kind, tt.in); err != nil || got != tt.want {
			t.Errorf("CleanRoomName(%s, %q) = %q, %v; want %q", tt.kind, tt.in, got, err, tt.want)
		}
	}
	bad := []struct {
		kind chat.RoomKind
		in   string
	}{
		{chat.Public, ""}, {chat.Public, "General"}, {chat.Public, "-a"}, {chat.Public, "a b"},
		{chat.Public, "a/b"}, {chat.Public, "é"}, {chat.Public, strings.Repeat("a", 65)},
		{chat.Private, ""}, {chat.Private, "\t"}, {chat.Private, "a\u202eb"}, {chat.Private, "a\nb"},
		{chat.Private, strings.Repeat("a", 65)}, {chat.Direct, "us"},
	}
	for _, tt := range bad {
		_, err := chat.CleanRoomName(tt.kind, tt.in)
		wantInvalid(t, err, "name")
	}
	_, err := chat.CleanRoomName("secret", "a")
	wantInvalid(t, err, "kind")
}

func TestCleanTopic(t *testing.T) {
	if got, err := chat.CleanTopic("  all about it "); err != nil || got != "all about it" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := chat.CleanTopic(""); err != nil || got != "" {
		t.Errorf("empty: got %q, %v", got, err)
	}
	for _, in := range []string{"a\nb", "a\x00", "a\u202e", strings.Repeat("x", wire.MaxTopic+1)} {
		_, err := chat.CleanTopic(in)
		wantInvalid(t, err, "topic")
	}
}

// FuzzNames holds that what came out of a normaliser goes through it unchanged,
// so that a stored name always finds its row again.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"alice", "ＡＬＩＣＥ", "аlice", " Ann\u0301 ", "ß", "İi", "ﬁx", "ΑΣ", "ǅ", "\u0345a", "김金", "a\u200db"} {
		f.Add(s)
	}
	clean := map[string]func(string) (string, error){
		"name":    chat.NormalizeName,
		"display": chat.CleanDisplayName,
		"public":  func(s string) (string, error) { return chat.CleanRoomName(chat.Public, s) },
		"private": func(s string) (string, error) { return chat.CleanRoomName(chat.Private, s) },
		"topic":   chat.CleanTopic,
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, fn := range clean {
			once, err := fn(s)
			if err != nil {
				if !errors.Is(err, chat.ErrInvalid) {
					t.Fatalf("%s(%q): %v", name, s, err)
				}
				continue
			}
			if twice, err := fn(once); err != nil || twice != once {
				t.Fatalf("%s(%q) = %q, but again %q, %v", name, s, once, twice, err)
			}
			if !utf8.ValidString(once) {
				t.Fatalf("%s(%q) = %q is not UTF-8", name, s, once)
			}
		}
	})
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var e *chat.Error
	if !errors.As(err, &e) || e.Code != chat.ErrInvalid.Code || e.Field != field || e.Text == "" {
		t.Errorf("got error %v, want one that says what is wrong with %s", err, field)
	}
}
