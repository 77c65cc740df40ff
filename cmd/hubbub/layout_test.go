package main

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module   = "hubbub"
	maxLines = 450
)

// imports is the table of the layout: which of our packages a package may
// import. Everything points downwards, and a package that is not here is a
// fault, so that a new one is thought about.
var imports = map[string][]string{
	"cmd/hubbub":        {"web", "chat", "chat/chatstore", "chat/wire", "orders", "orders/orderstore", "orders/webhooks", "bus", "mw", "internal/sqldb"},
	"cmd/hubbub-bench":  {"chat/wire"},
	"web":               {"chat", "chat/wire", "orders", "orders/webhooks", "mw"},
	"chat/chatstore":    {"chat", "chat/wire", "bus", "internal/sqldb"},
	"chat/chattest":     {"chat", "chat/wire", "bus"},
	"chat":              {"chat/wire", "bus"},
	"chat/wire":         {},
	"orders/orderstore": {"orders", "orders/webhooks", "bus", "internal/sqldb"},
	"orders/orderstest": {"orders", "orders/webhooks", "bus"},
	"orders/webhooks":   {"orders"},
	"orders":            {"bus"},
	"bus":               {},
	"mw":                {},
	"internal/sqldb":    {},
	"internal/testenv":  {},

	"internal/testenv/browser": {},
}

// Packages that only tests may import.
var testOnly = []string{"chat/chattest", "orders/orderstest", "internal/testenv", "internal/testenv/browser"}

// libraries says which packages or files may use a library, so that what it is
// for stays in one place. Tests, and the packages for tests, may use any.
var libraries = map[string][]string{
	"github.com/redis/go-redis/v9":          {"bus", "chat/chatstore", "cmd/hubbub/pool.go"},
	"database/sql":                          {"chat/chatstore", "orders/orderstore", "internal/sqldb", "cmd/hubbub/pool.go"},
	"github.com/go-sql-driver/mysql":        {"internal/sqldb"},
	"modernc.org/sqlite":                    {"internal/sqldb"},
	"github.com/coder/websocket":            {"web", "cmd/hubbub-bench"},
	"github.com/go-chi/chi/v5":              {"web"},
	"github.com/anishathalye/porcupine":     {},
	"github.com/chromedp/chromedp":          {},
	"github.com/compose-spec/compose-go/v2": {},
	"github.com/google/go-cmp":              {},
	"go.uber.org/goleak":                    {},
	"pgregory.net/rapid":                    {},
	"net/http/httptest":                     {},
	"testing":                               {},
}

var topLevel = []string{
	"cmd", "chat", "orders", "bus", "mw", "web", "internal", "compose.yaml", "README.md", "go.mod", "go.sum",
	"LICENSE", "Makefile", "Dockerfile", "CHANGELOG.md",
}

func TestLayout(t *testing.T) {
	faults, files, err := layoutFaults(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Errorf("%d source files found: is this the repository?", files)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// layoutFaults gives one line for each rule that is broken, and how many files
// it has looked at.
func layoutFaults(root fs.FS) (faults []string, files int, err error) {
	ignored, err := fs.ReadFile(root, ".gitignore")
	if err != nil {
		return nil, 0, err
	}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		skip := error(nil)
		if entry.IsDir() {
			skip = fs.SkipDir
		}
		hidden := strings.HasPrefix(entry.Name(), ".")
		switch {
		case hidden, matches(string(ignored), name), entry.Name() == "testdata", name == "web/static/vendor":
			return skip
		case !strings.Contains(name, "/") && !slices.Contains(topLevel, name):
			faults = append(faults, fmt.Sprintf("%s: not an entry of the top level", name))
			return skip
		case entry.IsDir() || !slices.Contains([]string{".go", ".js", ".css", ".html"}, path.Ext(name)):
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files++
		if lines := bytes.Count(source, []byte("\n")); lines > maxLines {
			faults = append(faults, fmt.Sprintf("%s:%d: longer than %d lines: which second noun is in it?", name, lines, maxLines))
		}
		if path.Ext(name) == ".go" {
			more, err := importFaults(name, source)
			faults = append(faults, more...)
			return err
		}
		return nil
	})
	return faults, files, err
}

// matches knows the two kinds of lines that our .gitignore has: /name of the
// top level, and *.suffix.
func matches(gitignore, name string) bool {
	for line := range strings.FieldsSeq(gitignore) {
		rooted, isRooted := strings.CutPrefix(strings.TrimSuffix(line, "/"), "/")
		if isRooted && rooted == name {
			return true
		}
		if ok, err := path.Match(line, path.Base(name)); ok && err == nil {
			return true
		}
	}
	return false
}

func importFaults(name string, source []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	from, isTest := path.Dir(name), strings.HasSuffix(name, "_test.go")
	allowed, known := imports[from]
	if !known {
		return []string{fmt.Sprintf("%s:1: package %s is not in the table of imports", name, from)}, nil
	}
	var faults []string
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		why := ""
		if own, isOwn := strings.CutPrefix(target, module+"/"); isOwn {
			why = ownFault(from, own, allowed, isTest)
		} else if !isTest && !slices.Contains(testOnly, from) {
			why = libraryFault(name, from, target)
		}
		if why != "" {
			faults = append(faults, fmt.Sprintf("%s:%d: imports %q: %s", name, fset.Position(spec.Pos()).Line, target, why))
		}
	}
	return faults, nil
}

// ownFault lets tests reach further down and sideways than the code, but
// never up, and never between chat and orders.
func ownFault(from, own string, allowed []string, isTest bool) string {
	top := func(dir string) string { first, _, _ := strings.Cut(dir, "/"); return first }
	switch {
	case own == from || slices.Contains(allowed, own):
		return ""
	case !isTest && slices.Contains(testOnly, own):
		return "for tests only"
	case !isTest:
		return fmt.Sprintf("%s may import %s", from, strings.Join(append(slices.Clip(allowed), "nothing else"), ", "))
	case (top(own) == "web" || top(own) == "cmd") && from != "cmd/hubbub":
		return "nothing imports web or cmd"
	case top(from) == "chat" && top(own) == "orders", top(from) == "orders" && top(own) == "chat":
		return "chat and orders do not know each other"
	}
	return ""
}

func libraryFault(name, from, target string) string {
	for library, places := range libraries {
		if target != library && !strings.HasPrefix(target, library+"/") {
			continue
		}
		if !slices.Contains(places, from) && !slices.Contains(places, name) {
			return "belongs in " + strings.Join(append(slices.Clip(places), "tests"), ", ")
		}
	}
	return ""
}

// A tree with one fault of each kind shows that the test above can fail.
func TestLayoutFindsFaults(t *testing.T) {
	source := func(lines ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Join(lines, "\n") + "\n")}
	}
	long := source(slices.Repeat([]string{"x"}, maxLines+1)...)
	tree := fstest.MapFS{
		".gitignore":                 source("/data/", "/hubbub", "*.out"),
		"data/notes.go":              source("not Go"),
		"cpu.out":                    source(""),
		"utils/x.go":                 source("package utils"),
		"web/static/vendor/lib.js":   long,
		"web/static/app.js":          long,
		"web/static/page.css":        source(slices.Repeat([]string{"x"}, maxLines)...),
		"bus/bus.go":                 source("package bus", `import "fmt"`, `import "hubbub/chat"`),
		"bus/bus_test.go":            source("package bus", `import "hubbub/internal/testenv"`, `import "hubbub/web"`),
		"chat/hub.go":                source("package chat", `import "hubbub/internal/testenv"`, `import "hubbub/bus"`),
		"chat/hub_test.go":           source("package chat", `import "hubbub/chat/chatstore"`, `import "hubbub/orders"`),
		"chat/extra/x.go":            source("package extra"),
		"mw/limit.go":                source("package mw", `import r "github.com/redis/go-redis/v9"`, `import "testing"`),
		"mw/limit_test.go":           source("package mw", `import r "github.com/redis/go-redis/v9"`, `import "testing"`),
		"cmd/hubbub/pool.go":         source("package main", `import "database/sql"`),
		"cmd/hubbub/node.go":         source("package main", `import "database/sql/driver"`, `import "hubbub/web"`),
		"internal/testenv/server.go": source("package testenv", `import "database/sql"`),
	}
	want := []string{
		"bus/bus.go:3: imports \"hubbub/chat\": bus may import nothing else",
		"bus/bus_test.go:3: imports \"hubbub/web\": nothing imports web or cmd",
		"chat/extra/x.go:1: package chat/extra is not in the table of imports",
		"chat/hub.go:2: imports \"hubbub/internal/testenv\": for tests only",
		"chat/hub_test.go:3: imports \"hubbub/orders\": chat and orders do not know each other",
		"cmd/hubbub/node.go:2: imports \"database/sql/driver\": belongs in chat/chatstore, orders/orderstore, internal/sqldb, cmd/hubbub/pool.go, tests",
		"mw/limit.go:2: imports \"github.com/redis/go-redis/v9\": belongs in bus, chat/chatstore, cmd/hubbub/pool.go, tests",
		"mw/limit.go:3: imports \"testing\": belongs in tests",
		"utils: not an entry of the top level",
		"web/static/app.js:451: longer than 450 lines: which second noun is in it?",
	}
	got, _, err := layoutFaults(tree)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, faults:\n%s\nwant:\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
