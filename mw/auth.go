package mw

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Principal is who a request comes from.
type Principal struct {
	User    string    // id of the user, or of the key
	Key     bool      // it is a program with a key
	Session string    // id of the session, not its token; "" for keys
	Expires time.Time // when the session ends; zero: it does not
	Value   any       // what the caller's find wants to hand on
	Cookie  bool      // the token came in a cookie, else in Authorization
}

// ErrUnauthenticated is what find returns, wrapped or not, for a token that is
// unknown, expired or revoked. Any other error means that nobody can tell now.
var ErrUnauthenticated = errors.New("mw: unauthenticated")

// maxToken is the most bytes of a token that find is asked about.
const maxToken = 4096

// Authenticate looks up the token of the request, if it has one, and puts the
// [Principal] in the context. The token is taken from "Authorization: Bearer",
// else from the cookie [SessionCookie]; a wrong Bearer token is not made good
// by a cookie. Without a good token the request goes on as nobody's: see
// [RequireUser]. When find cannot tell, the answer is 503 and the error is logged.
func Authenticate(find func(ctx context.Context, token string) (Principal, error), log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, cookie := credentials(r)
			if token == "" || len(token) > maxToken {
				next.ServeHTTP(w, r)
				return
			}
			p, err := find(r.Context(), token)
			switch {
			case errors.Is(err, ErrUnauthenticated), err == nil && p.expired(time.Now()):
				next.ServeHTTP(w, r)
			case err != nil:
				log.LogAttrs(r.Context(), slog.LevelError, "sign-in check failed",
					slog.String("request_id", RequestID(r.Context())), slog.String("error", err.Error()))
				WriteProblem(w, r, http.StatusServiceUnavailable, "unavailable", "", time.Second)
			default:
				p.Cookie = cookie
				n, r := noted(r)
				n.user, n.principal, n.known = p.User, p, true
				next.ServeHTTP(w, r)
			}
		})
	}
}

// PrincipalFrom is who the request that ctx belongs to comes from; false: nobody.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	n := noteOf(ctx)
	if n == nil || !n.known {
		return Principal{}, false
	}
	return n.principal, true
}

// RequireUser answers 401 to requests of nobody.
func RequireUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := PrincipalFrom(r.Context()); !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			WriteProblem(w, r, http.StatusUnauthorized, "unauthenticated", "", 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// SessionCookie is the name of the session cookie for the request that ctx
// belongs to. Over TLS it has the prefix with which browsers make sure that no
// other host set it (RFC 6265bis); without TLS they would refuse that name.
func SessionCookie(ctx context.Context) string {
	if Secure(ctx) {
		return "__Host-hubbub"
	}
	return "hubbub"
}

func credentials(r *http.Request) (token string, cookie bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), false
	}
	c, err := r.Cookie(SessionCookie(r.Context()))
	if err != nil { // only http.ErrNoCookie
		return "", false
	}
	return c.Value, true
}

func (p Principal) expired(now time.Time) bool {
	return !p.Expires.IsZero() && !now.Before(p.Expires)
}
