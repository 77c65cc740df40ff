package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// settingsTable is the table of README.md, made from the settings.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| flag | variable | default | what |\n|---|---|---|---|\n")
	for _, s := range settings() {
		byDefault := s.derived
		if s.fallback != "" {
			byDefault = "`" + s.fallback + "`"
		}
		variable := "`" + s.env() + "`"
		if s.secret {
			variable += ", `…_FILE`"
		}
		b.WriteString("| `--" + s.flag + "` | " + variable + " | " + byDefault + " | " + s.what + " Allowed: " + s.allowed + ". |\n")
	}
	return b.String()
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeSettings(t *testing.T) {
	if want := settingsTable(); !strings.Contains(readme(t), want) {
		t.Errorf("README.md must have this table of settings:\n%s", want)
	}
}

// TestReadmeNames: every test and every file that README.md names is there.
func TestReadmeNames(t *testing.T) {
	text := readme(t)
	var tests strings.Builder
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		tests.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(text, -1)
	if len(names) < 20 {
		t.Errorf("README.md names only %d tests", len(names))
	}
	for _, m := range names {
		if !strings.Contains(tests.String(), "\nfunc "+m[1]+"(t *testing.T)") {
			t.Errorf("there is no test %s", m[1])
		}
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| G") {
			continue
		}
		for _, row := range regexp.MustCompile(`"[^"]+"`).FindAllString(line, -1) {
			if !strings.Contains(tests.String(), row) {
				t.Errorf("TestFaults has no row %s", row)
			}
		}
	}
	places := regexp.MustCompile("`((?:bus|chat|cmd|internal|mw|web)/[a-z/._]*)`|[^!]\\[[^]]+\\]\\(([^#:)]+)\\)").FindAllStringSubmatch(text, -1)
	if len(places) < 15 {
		t.Errorf("README.md names only %d places", len(places))
	}
	for _, m := range places {
		if _, err := os.Stat(filepath.Join("..", "..", m[1]+m[2])); err != nil {
			t.Error(err)
		}
	}
}
