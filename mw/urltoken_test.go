package mw_test

import (
	"strings"
	"testing"
)

func TestRefuseURLTokens(t *testing.T) {
	for query, want := range map[string]int{
		"":                        200,
		"limit=5&before=7":        200,
		"q=token":                 200,
		"tokens=1":                200,
		"token=s3cret":            400,
		"TOKEN=s3cret":            400,
		"a=1&access_token=s3cret": 400,
		"a=1;ticket=s3cret":       400,
		"%74oken=s3cret":          400,
		"token":                   400,
		"token=%zz":               400,
		"&&jwt=s3cret":            400,
		"Authorization=s3cret":    400,
	} {
		s := newSite(t, nil)
		w := s.do("GET", "/ok?"+query)
		if w.Code != want {
			t.Errorf("?%s: %d, want %d", query, w.Code, want)
		}
		if strings.Contains(w.Body.String()+s.log.String(), "s3cret") {
			t.Errorf("?%s: the secret was repeated", query)
		}
	}
}
