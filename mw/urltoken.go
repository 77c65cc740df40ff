package mw

import (
	"net/http"
	"net/url"
	"strings"
)

// RefuseURLTokens answers 400 to a request with a credential in its query: URLs
// end up in histories, logs and Referer headers. The answer does not repeat it.
func RefuseURLTokens(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasToken(r.URL.RawQuery) {
			WriteProblem(w, r, http.StatusBadRequest, "bad_request", "Credentials must not be sent in a URL.", 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hasToken looks at the raw query, since url.ParseQuery drops the pairs it
// cannot read, and those are in the URL all the same.
func hasToken(query string) bool {
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		switch strings.ToLower(name) {
		case "token", "access_token", "auth_token", "id_token", "refresh_token", "session_token", "ticket", "jwt",
			"bearer", "auth", "authorization", "api_key", "apikey", "password", "secret":
			return true
		}
	}
	return false
}
