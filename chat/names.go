package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"hubbub/chat/wire"
)

// Limits of a sign-in name, in characters (code points) of its normal form.
const (
	MinUserName = 2
	MaxUserName = 32
)

// NormalizeName gives the one form under which a sign-in name is stored and
// looked up, or an "invalid" error for the field "name".
//
// It is the profile UsernameCaseMapped of RFC 8265 (lower case, full width
// folded, NFC, no spaces, no invisible characters), narrowed: letters, marks and
// digits with single '.', '_' or '-' between them, in one script only (UTS 39,
// "highly restrictive": Latin may stand beside the scripts of Chinese, Japanese
// and Korean). A Cyrillic а among Latin letters is refused. A name that is
// Cyrillic throughout is not, even where it looks Latin.
func NormalizeName(s string) (string, error) {
	if len(s) > 4*utf8.UTFMax*MaxUserName {
		return "", Invalid("name", "is too long")
	}
	name, err := precis.UsernameCaseMapped.String(s)
	if err != nil {
		return "", Invalid("name", "has a character that names must not have")
	}
	// A profile need not be stable after one pass (RFC 8264, section 7).
	if again, err := precis.UsernameCaseMapped.String(name); err != nil || again != name {
		return "", Invalid("name", "has a character that names must not have")
	}
	if n := utf8.RuneCountInString(name); n < MinUserName || n > MaxUserName {
		return "", Invalid("name", fmt.Sprintf("must have %d to %d characters", MinUserName, MaxUserName))
	}
	joint := true // a name must not begin with a joint, nor have two in a row
	for _, r := range name {
		switch {
		case strings.ContainsRune("._-", r):
			if joint {
				return "", Invalid("name", "needs a letter or digit before each '.', '_' and '-'")
			}
			joint = true
		case unicode.IsLetter(r), unicode.IsDigit(r):
			joint = false
		case unicode.IsMark(r) && !joint:
		default:
			return "", Invalid("name", "may have letters, digits, '.', '_' and '-' only")
		}
	}
	if joint {
		return "", Invalid("name", "must end with a letter or digit")
	}
	if !oneScript(name) {
		return "", Invalid("name", "mixes letters of several scripts")
	}
	return name, nil
}

// scriptFamilies are the sets of scripts that people write together; every
// other script stands alone.
var scriptFamilies = [...][]string{
	{"Latin", "Han", "Hiragana", "Katakana"},
	{"Latin", "Han", "Hangul"},
	{"Latin", "Han", "Bopomofo"},
}

// oneScript tells whether all letters belong to one script or one family.
func oneScript(s string) bool {
	seen := map[string]bool{}
	for _, r := range s {
		if sc := scriptOf(r); sc != "Common" && sc != "Inherited" {
			seen[sc] = true
		}
	}
	if len(seen) <= 1 {
		return true
	}
families:
	for _, family := range scriptFamilies {
		rest := len(seen)
		for _, sc := range family {
			if seen[sc] {
				rest--
			}
		}
		if rest > 0 {
			continue families
		}
		return true
	}
	return false
}

func scriptOf(r rune) string {
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "unknown"
}

// CleanDisplayName trims a display name and puts it in NFC: 1 to
// [wire.MaxDisplayName] characters on one line, nothing invisible. Display
// names need not be unique; the user's id and sign-in name tell people apart.
func CleanDisplayName(s string) (string, error) {
	return cleanLine("display_name", s, 1, wire.MaxDisplayName, false)
}

// GuestMark ends the display name of every guest and of nobody else, wherever the
// name is shown: whoever comes in without an account cannot pass for somebody who
// has one.
const GuestMark = " (guest)"

// markName checks a display name and marks it, if it is a guest's.
func markName(s string, guest bool) (string, error) {
	name, err := CleanDisplayName(strings.TrimSuffix(s, GuestMark))
	switch {
	case err != nil:
		return "", err
	case guest:
		return name + GuestMark, nil
	case strings.HasSuffix(strings.ToLower(s), strings.TrimSpace(GuestMark)):
		return "", Invalid("display_name", "is marked as a guest's")
	}
	return name, nil
}

// CleanRoomName checks a room's name for its kind. A public name is a reference
// in URLs: [a-z0-9][a-z0-9_-]{0,63}. A private one is any line of 1 to
// [wire.MaxName] characters, trimmed, in NFC. A direct room has none.
func CleanRoomName(kind RoomKind, s string) (string, error) {
	switch kind {
	case Public:
		if !isPublicName(s) {
			return "", Invalid("name", "must be 1 to 64 of a–z, 0–9, '_' and '-', the first a letter or digit")
		}
		return s, nil
	case Private:
		return cleanLine("name", s, 1, wire.MaxName, true)
	case Direct:
		if s != "" {
			return "", Invalid("name", "must be empty: a direct room has no name")
		}
		return "", nil
	}
	return "", Invalid("kind", "must be public, private or direct")
}

func isPublicName(s string) bool {
	if s == "" || len(s) > wire.MaxName || IsID(s) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// CleanTopic trims a topic and puts it in NFC: one line of at most
// [wire.MaxTopic] characters; it may be empty.
func CleanTopic(s string) (string, error) {
	return cleanLine("topic", s, 0, wire.MaxTopic, true)
}

// cleanLine gives the line in NFC without white space around it. It refuses
// what a reader would not see, or what moves the text around it: control
// characters, line separators, format characters such as direction overrides,
// fillers. Joiners lets the two through that emoji and some scripts need.
func cleanLine(field, s string, least, most int, joiners bool) (string, error) {
	if !utf8.ValidString(s) {
		return "", Invalid(field, "is not valid UTF-8")
	}
	if len(s) > 4*utf8.UTFMax*most {
		return "", Invalid(field, fmt.Sprintf("must have at most %d characters", most))
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	for _, r := range s {
		if joiners && (r == '\u200c' || r == '\u200d') {
			continue
		}
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point) {
			return "", Invalid(field, fmt.Sprintf("has the invisible character U+%04X", r))
		}
	}
	switch n := utf8.RuneCountInString(s); {
	case n < least:
		return "", Invalid(field, "must not be empty")
	case n > most:
		return "", Invalid(field, fmt.Sprintf("must have at most %d characters", most))
	}
	return s, nil
}
