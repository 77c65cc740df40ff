package mw_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubbub/mw"
)

func TestLimitBody(t *testing.T) {
	_, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if err != nil {
			t.Error(err)
		}
		if len(body) > mw.DefaultMaxBody {
			t.Errorf("read %d bytes", len(body))
		}
	})
	const most = mw.DefaultMaxBody
	for _, tt := range []struct {
		name      string
		size      int
		announced bool
		coding    string
		want      int
		closed    bool
	}{
		{"at the limit", most, true, "", 200, false},
		{"at the limit, not announced", most, false, "", 200, false},
		{"announced", most + 1, true, "", 413, true},
		{"not announced", most + 1, false, "", http.StatusTeapot, true},
		{"gzip", 10, true, "gzip", 415, false},
		{"two codings", 10, true, "identity, gzip", 415, false},
		{"identity", 10, true, "identity", 200, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(strings.Repeat("x", tt.size))
			if !tt.announced {
				body = io.MultiReader(body) // of unknown length: sent in chunks
			}
			r, err := http.NewRequest("POST", server.URL+"/stream", body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.coding != "" {
				r.Header.Set("Content-Encoding", tt.coding)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want || resp.Close != tt.closed {
				t.Errorf("status %d, connection closed %v; want %d, %v", resp.StatusCode, resp.Close, tt.want, tt.closed)
			}
		})
	}
}

func TestLimitBodyByRequest(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.MaxBody = func(r *http.Request) int64 {
			if r.URL.Path == "/ok" {
				return mw.DefaultMaxBody + 1
			}
			return 0
		}
	})
	for path, most := range map[string]int{"/ok": mw.DefaultMaxBody + 1, "/stream": mw.DefaultMaxBody} {
		for more, want := range map[int]bool{0: true, 1: false} {
			r := request("POST", path)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), int64(most+more)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if taken := w.Code != 413; taken != want {
				t.Errorf("%d bytes for %s: %d", most+more, path, w.Code)
			}
		}
	}
}
