package web

import (
	"bytes"
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

type asset struct {
	contentType, etag string
	body              []byte
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
		a.files[name] = asset{contentType: t, etag: etagOf(body), body: body}
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

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
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
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

// serveBytes serves what was made at start in the same way.
func serveBytes(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	asset{contentType: contentType, etag: etagOf(body), body: body}.serve(w, r)
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
