package chat

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var errHurt = errors.New("hurt")

// TestQueueModel runs the queue beside a list that is right at a glance: what
// fits goes out once and in order, nothing else does, what ends it ends it for
// good, and there is one writer as long as there is something to do.
func TestQueueModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		max := rapid.IntRange(1, 2000).Draw(t, "max")
		q := newQueue(max)
		var (
			frames     [][]byte
			done       [][]byte // what the writer has written
			size, next int
			behind     []*subscription
			final      *closing
			closed     bool
			writing    bool
		)
		// started holds that the first one to give an idle queue something is its writer.
		started := func(given, mine bool) {
			if want := given && !writing && !closed; mine != want {
				t.Fatalf("became the writer: %v, want %v", mine, want)
			}
			writing = writing || mine
		}
		// add pushes a frame that nobody else pushes.
		add := func(limit int, push func([]byte) (ok, mine bool)) {
			frame := fmt.Appendf(nil, "%d:", next)
			next++
			frame = append(frame, make([]byte, rapid.IntRange(0, 600).Draw(t, "bytes"))...)
			cost := len(frame) + frameCost
			fits := !closed && final == nil && (len(frames) == 0 || size+cost <= limit)
			got, mine := push(frame)
			if got != fits {
				t.Fatalf("push of %d with %d of %d used: %v, want %v", cost, size, limit, got, fits)
			}
			started(fits, mine)
			if fits {
				frames, size = append(frames, frame), size+cost
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push":      func(*rapid.T) { add(max, q.push) },
			"ephemeral": func(*rapid.T) { add(max/2, q.pushEphemeral) },
			"last":      func(*rapid.T) { add(math.MaxInt, q.pushLast) },
			"reply": func(t *rapid.T) { // where it need not wait
				add(max, func(f []byte) (bool, bool) {
					over := closed || final != nil
					q.mu.Lock()
					waits := !over && q.bytes > 0 && q.bytes+len(f)+frameCost > max
					q.mu.Unlock()
					if waits {
						return false, false
					}
					mine, err := q.reply(f)
					if over != errors.Is(err, errGone) || err != nil && !over {
						t.Fatalf("reply: %v; over: %v", err, over)
					}
					return err == nil, mine
				})
			},
			"fall behind": func(*rapid.T) {
				sub := &subscription{}
				started(true, q.fallBehind(sub))
				if !closed {
					behind = append(behind, sub)
				}
			},
			"end": func(*rapid.T) {
				code := next
				started(true, q.end(code, ""))
				if final == nil {
					final = &closing{code: code}
				}
			},
			"close": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
					t.Skip("seldom, since nothing happens after it")
				}
				q.close(errHurt)
				closed, frames, size, behind = true, nil, 0, nil
			},
			"take": func(t *rapid.T) {
				if !writing {
					t.Skip("nobody to take")
				}
				w, ok := q.take(done)
				got, sub, end := w.frames, w.behind, w.end
				done = got
				if !slices.EqualFunc(got, frames, bytes.Equal) {
					t.Fatalf("took %.80q, want %.80q", got, frames)
				}
				wantSub, wantEnd := (*subscription)(nil), (*closing)(nil)
				switch {
				case len(frames) > 0 || closed:
				case final != nil:
					wantEnd = final
				case len(behind) > 0:
					wantSub, behind = behind[0], behind[1:]
				}
				if writing = len(frames) > 0 || wantEnd != nil || wantSub != nil; ok != writing {
					t.Fatalf("more to do: %v, want %v", ok, writing)
				}
				if sub != wantSub || (end == nil) != (wantEnd == nil) || end != nil && end.code != wantEnd.code {
					t.Fatalf("took %v, %v, want %v, %v", sub, end, wantSub, wantEnd)
				}
				frames, size = nil, 0
			},
			"": func(t *rapid.T) {
				if q.bytes != size {
					t.Fatalf("%d bytes, want %d", q.bytes, size)
				}
				if q.ending() != (final != nil) {
					t.Fatalf("ending: %v", q.ending())
				}
				if q.busy() != writing {
					t.Fatalf("there is a writer: %v, want %v", q.busy(), writing)
				}
				if !writing && closed && q.wait() != errHurt {
					t.Fatalf("closed with %v", q.wait())
				}
			},
		})
	})
}

// TestQueueWriters lets several goroutines push while one takes and pauses:
// each one's frames go out in its order, none that was taken is lost, replies
// wait for room instead of being refused, and nobody waits after the end.
func TestQueueWriters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) { // pauses cost no time, and who waits for ever is found
			q := newQueue(rapid.IntRange(2*frameCost, 8*frameCost).Draw(t, "max"))
			repliers := rapid.IntRange(1, 3).Draw(t, "repliers")
			pushers := rapid.IntRange(0, 3).Draw(t, "pushers")
			each := rapid.IntRange(1, 30).Draw(t, "each")
			stop := rapid.IntRange(0, 2*each).Draw(t, "pauses before the end")
			pauses := rapid.SliceOfN(rapid.IntRange(0, 3), stop, stop).Draw(t, "pauses")

			var wg sync.WaitGroup
			sent := make([][]string, repliers+pushers) // each one's, as far as the queue took them
			for who := range sent {
				wg.Go(func() {
					for i := range each {
						frame := fmt.Sprint(who, "/", i)
						switch {
						case who >= repliers:
							if ok, _ := q.push([]byte(frame)); ok {
								sent[who] = append(sent[who], frame)
							}
							time.Sleep(time.Millisecond)
						default:
							if _, err := q.reply([]byte(frame)); err != nil {
								return
							}
							sent[who] = append(sent[who], frame)
						}
					}
				})
			}
			got := make([][]string, len(sent))
			take := func() (end *closing) {
				w, _ := q.take(nil)
				for _, f := range w.frames {
					who, _, _ := strings.Cut(string(f), "/")
					i, _ := strconv.Atoi(who)
					got[i] = append(got[i], string(f))
				}
				return w.end
			}
			for _, p := range pauses {
				time.Sleep(time.Duration(p) * time.Millisecond)
				take()
			}
			q.end(CloseBye, "")
			for take() == nil {
			}
			q.close(nil)
			wg.Wait()
			for who := range sent {
				if !slices.Equal(got[who], sent[who]) {
					t.Errorf("of %d came %q, want %q", who, got[who], sent[who])
				}
			}
		})
	})
}

// A reply waits for room, and every way in which the wait can end ends it.
func TestReplyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			act  func(q *queue)
			want error
		}{
			"taken":     {func(q *queue) { q.take(nil) }, nil},
			"closed":    {func(q *queue) { q.close(nil) }, errGone},
			"at an end": {func(q *queue) { q.end(CloseBye, ""); q.take(nil) }, errGone},
		} {
			q := newQueue(100)
			q.push(make([]byte, 60))
			done := make(chan error, 1)
			go func() { _, err := q.reply(make([]byte, 60)); done <- err }()
			synctest.Wait()
			if len(done) > 0 {
				t.Errorf("%s: the reply did not wait: %v", name, <-done)
			}
			c.act(q)
			synctest.Wait()
			if len(done) == 0 {
				t.Errorf("%s: the reply waits on", name)
				q.close(nil)
			}
			if err := <-done; !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	})
}
