package mw_test

import (
	"strings"
	"testing"
	"time"

	"hubbub/mw"
)

func TestParseRate(t *testing.T) {
	for s, want := range map[string]mw.Rate{
		"20/s:40":         {Events: 20, Per: time.Second, Burst: 40},
		"5/m:10":          {Events: 5, Per: time.Minute, Burst: 10},
		"1/h:1":           {Events: 1, Per: time.Hour, Burst: 1},
		"1000000/s:10000": {Events: 1_000_000, Per: time.Second, Burst: 10_000},
		"off":             {},
	} {
		got, err := mw.ParseRate(s)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %+v, %v", s, got, err)
		}
		if got.String() != s {
			t.Errorf("%q reads as %q", s, got)
		}
	}
}

func TestParseRateRefuses(t *testing.T) {
	for s, why := range map[string]string{
		"":            "no unit",
		"20":          "no unit",
		"20/s":        "no burst",
		"20/d:40":     `unknown unit "d"`,
		"20/:40":      `unknown unit ""`,
		"0/s:40":      "events are not",
		"-1/s:40":     "events are not",
		"+1/s:40":     "events are not",
		"1.5/s:40":    "events are not",
		"1000001/s:1": "events are not",
		"20/s:0":      "burst is not",
		"20/s:":       "burst is not",
		"20/s:40 ":    "burst is not",
		"OFF":         "no unit",
	} {
		_, err := mw.ParseRate(s)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "20/s:40") {
			t.Errorf("ParseRate(%q): %v, want %q and an example", s, err, why)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"20/s:40", "5/m:10", "off", "1/h:01", "/s:", "9999999999999999999/s:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := mw.ParseRate(s)
		if err != nil {
			return
		}
		if again, err := mw.ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %v, which reads as %v, %v", s, r, again, err)
		}
	})
}
