package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"hubbub/mw"
)

// assets are the files of the page, read once. A browser asks each time whether
// its copy is still good and mostly hears 304, so that page and node are always
// of one version.
type assets struct {
	files map[string]asset
}

// asset is one file, as it is and, where that is smaller, compressed. Nothing
// that a user wrote is ever in one, so the length tells nobody a secret.
type asset struct {
	contentType, etag string
	body, gzipped     []byte
}

func newAsset(contentType string, body []byte) asset {
	sum := sha256.Sum256(body)
	a := asset{contentType: contentType, body: body, etag: base64.RawURLEncoding.EncodeToString(sum[:12])}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a bytes.Buffer takes everything
	_ = z.Close()
	if b.Len() < len(body)*9/10 {
		a.gzipped = b.Bytes()
	}
	return a
}

// loadAssets reads all files below root whose type it knows; another file is an
// error, since a browser would not take it with a guessed type.
func loadAssets(root fs.FS) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		t := contentType(name)
		if t == "" {
			return fmt.Errorf("%s: no content type for %q", name, path.Ext(name))
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		a.files[name] = newAsset(t, body)
		return nil
	})
	return a, err
}

// contentType does not ask the system's table, which differs between machines.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".txt", ".md", "":
		return "text/plain; charset=utf-8" // licences beside vendored files
	}
	return ""
}

// file serves one file whatever the path.
func (a *assets) file(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := a.files[name]
		if !ok {
			mw.WriteProblem(w, r, http.StatusNotFound, "not_found", "this server was built without its page", 0)
			return
		}
		f.serve(w, r)
	}
}

// static serves the files below /static/. There are no directories to list.
func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	f, ok := s.assets.files[chi.URLParam(r, "*")]
	if !ok {
		s.notFound(w, r)
		return
	}
	f.serve(w, r)
}

func (f asset) serve(w http.ResponseWriter, r *http.Request) {
	h, body, etag := w.Header(), f.body, f.etag
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache")
	if f.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body, etag = f.gzipped, etag+"-gzip" // a strong tag is of one encoding
		}
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip looks for gzip with a weight other than 0 (RFC 9110, 12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q := strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return q == "" || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// notFound is a small page for people who followed a wrong link.
func (a *assets) notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Not found · hubbub</title>
<h1>Not found</h1>
<p>There is nothing at this address. <a href="/">Back to the rooms</a>.</p>
</html>
`))
}
