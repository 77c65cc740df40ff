package chatstore_test

import (
	"fmt"
	"strings"
	"testing"

	"hubbub/chat"
	"hubbub/internal/testenv"
)

// BenchmarkAppend stores batches of 100-byte messages in one room, one batch at
// a time, as a room's writer does.
func BenchmarkAppend(b *testing.B) {
	for name, url := range map[string]func(b *testing.B) string{
		"sqlite":  func(b *testing.B) string { return sqliteURL(b) },
		"mariadb": func(b *testing.B) string { return testenv.SharedMariaDB(b).NewDatabase(b) },
	} {
		for _, size := range []int{1, 16, 128} {
			b.Run(fmt.Sprintf("%s/batch=%d", name, size), func(b *testing.B) {
				s, _ := open(b, url(b))
				ada := newActor(b, s)
				room := newRoom(b, s, ada)
				for b.Loop() {
					drafts := make([]chat.Draft, size)
					for i := range drafts {
						drafts[i] = newPost(ada, strings.Repeat("x", 100))
					}
					if _, err := s.Append(b.Context(), room, drafts); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}
