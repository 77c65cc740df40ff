package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"hubbub/web"
)

// BenchmarkGetOrder is what the chain and the handler cost without network and
// database.
func BenchmarkGetOrder(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	s := newSite(b, func(o *web.Options) { o.Log = slog.New(slog.NewJSONHandler(null, nil)).With("node", "n1") })
	key := s.key("north")
	o := s.place(key, s.signUp("ann").User.ID)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/v1/orders/"+o.ID, nil)
		r.Host = "127.0.0.1:8080"
		r.Header.Set("Authorization", "Bearer "+key)
		clear(w.Header())
		w.Body.Reset()
		s.handler.ServeHTTP(w, r)
	}
	if w.Code != http.StatusOK {
		b.Fatal(w.Code)
	}
}

func BenchmarkRequestAlone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/v1/orders/", nil)
		r.Host = "127.0.0.1:8080"
		r.Header.Set("Authorization", "Bearer ")
	}
}
