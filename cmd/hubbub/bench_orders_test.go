package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"hubbub/internal/testenv"
	"hubbub/orders"
)

var benchOrders = flag.Int("bench.orders", 100_000, "orders in the database of the order benchmarks")

const (
	benchRound = 2 * time.Second // one server's turn
	benchConns = 32
	bigFew     = 100 // customers who share half of the orders
)

// shelf is a database full of orders, with the key of a shop.
type shelf struct {
	db     *testenv.MariaDBServer
	url    string
	key    string
	ids    []orders.ID // half of them alone of their customer, the rest of bigFew
	owners []string
}

// newShelf fills a database.
func newShelf(b *testing.B) *shelf {
	b.Helper()
	ctx := context.Background()
	s := &shelf{db: testenv.MariaDB(b, "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M")}
	s.url = s.db.NewDatabase(b)
	n := &node{cfg: mustParse(b, []string{"--sql=" + s.url}, nil), log: discard(), pools: newPools(50, discard())}
	defer n.close()
	if err := n.openDomain(ctx, nil); err != nil {
		b.Fatal(err)
	}
	var err error
	if _, s.key, err = n.keys.Create(ctx, orders.Shop, "bench", "north"); err != nil {
		b.Fatal(err)
	}
	few := make([]string, bigFew)
	for i := range few {
		few[i] = rand.Text()
	}
	start := time.Now().Add(-time.Duration(*benchOrders) * time.Millisecond)
	const chunk = 500
	for len(s.ids) < *benchOrders {
		var rows, logs []any
		for range chunk {
			i := len(s.ids)
			owner := rand.Text()
			if i%2 == 1 {
				owner = few[i/2%bigFew]
			}
			at := start.Add(time.Duration(i) * time.Millisecond)
			o := orders.Order{
				ID: orders.NewID(at), Number: fmt.Sprintf("%04d-%04d", i/10000, i%10000), Shop: "north", CustomerID: owner, Status: orders.Statuses[i%8], Currency: "EUR",
				Lines: []orders.Line{{SKU: "MUG-01", Title: "A mug", Quantity: 2, UnitPrice: 1250, Total: 2500},
					{SKU: "TEA-07", Title: "Tea from Assam", Quantity: 1, UnitPrice: 900, Total: 900}},
				Totals: orders.Totals{Subtotal: 3400, Shipping: 490, Total: 3890}, Version: 1, CreatedAt: at.UnixMicro(), UpdatedAt: at.UnixMicro(),
			}
			id, _ := o.ID.Binary()
			rows = append(rows, id[:], owner, o.Shop, o.Number, o.Status, o.Version, orders.Append(nil, o))
			if i%2 == 0 || i/2 < bigFew {
				logs = append(logs, owner)
			}
			s.ids, s.owners = append(s.ids, o.ID), append(s.owners, owner)
		}
		many := func(tuple string, n int) string { return strings.TrimSuffix(strings.Repeat(tuple+",", n), ",") }
		if _, err := n.db.Write.Exec("INSERT INTO orders (id, customer_id, shop, number, status, version, doc) VALUES "+many("(?,?,?,?,?,?,?)", chunk), rows...); err != nil {
			b.Fatal(err)
		}
		if _, err := n.db.Write.Exec("INSERT INTO order_logs (customer_id, last_seq) VALUES "+many("(?,0)", len(logs)), logs...); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := n.db.Write.Exec("ANALYZE TABLE orders"); err != nil {
		b.Fatal(err)
	}
	return s
}

// alone picks the index of an order that is the only one of its customer.
func (s *shelf) alone() int { return mathrand.IntN(len(s.ids)/2) * 2 }

// get is the request of one order, post one with a body.
func (s *shelf) get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path, s.key)
}

func (s *shelf) post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Idempotency-Key: %s\r\nContent-Length: %d\r\n\r\n%s", path, s.key, rand.Text(), len(body), body)
}

func (s *shelf) oneOrder() []byte { return s.get("/v1/orders/" + string(s.ids[s.alone()])) }

// figures are what a round came to.
type figures struct {
	rate          float64 // per second
	server, sql   float64 // µs of processor time per request
	p50, p99, max float64 // ms
}

// drive sends requests over some connections for a while: each when the one before
// was answered, or at its time, from which its delay then counts.
func (s *shelf) drive(b *testing.B, r *rival) figures {
	b.Helper()
	all := hdr.New(1, int64(time.Minute/time.Microsecond), 3)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var done, next atomic.Int64
	server, db := cpu(b, r.peer.pid), cpu(b, s.db.Pid())
	start := time.Now()
	for range r.conns {
		wg.Go(func() {
			own := hdr.New(1, int64(time.Minute/time.Microsecond), 3)
			conn, err := net.Dial("tcp", r.peer.addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 64<<10)
			for time.Since(start) < benchRound {
				sent := time.Now()
				if r.pace > 0 {
					sent = start.Add(time.Duration(float64(next.Add(1)) / r.pace * float64(time.Second)))
					time.Sleep(time.Until(sent))
				}
				_, err := conn.Write(r.request())
				if err == nil {
					err = answered(in, r.status)
				}
				if err != nil {
					b.Error(err)
					return
				}
				own.RecordValue(time.Since(sent).Microseconds())
				done.Add(1)
			}
			mu.Lock()
			all.Merge(own)
			mu.Unlock()
		})
	}
	wg.Wait()
	n := float64(done.Load())
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	return figures{
		rate: n / time.Since(start).Seconds(), server: per(cpu(b, r.peer.pid) - server), sql: per(cpu(b, s.db.Pid()) - db),
		p50: float64(all.ValueAtQuantile(50)) / 1000, p99: float64(all.ValueAtQuantile(99)) / 1000, max: float64(all.Max()) / 1000,
	}
}

// answered reads an answer to its end. It costs little, so that the servers are
// what is measured.
func answered(in *bufio.Reader, status string) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(line, []byte(status)) {
		return fmt.Errorf("answer %s", line)
	}
	length, chunked := -1, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	for chunked {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err = in.Discard(length)
	return err
}

// rival is one server and what it is asked.
type rival struct {
	name    string
	peer    peer
	conns   int
	status  string
	request func() []byte
	pace    float64 // requests a second; 0: as many as are answered
	before  func()  // and after: around each turn, may be nil
	after   func()
	rounds  []figures
}

// turn is one turn of a rival.
func (s *shelf) turn(b *testing.B, r *rival) figures {
	b.Helper()
	if r.before != nil {
		r.before()
		defer r.after()
	}
	return s.drive(b, r)
}

// compare gives the rivals their turns, as often as the benchmark runs, in changing
// order. A first turn is for the pools to fill, and does not count.
func (s *shelf) compare(b *testing.B, rivals ...*rival) {
	b.Helper()
	for _, r := range rivals {
		s.turn(b, r)
	}
	for round := 0; b.Loop(); round++ {
		for i := range rivals {
			r := rivals[(i+round)%len(rivals)]
			r.rounds = append(r.rounds, s.turn(b, r))
		}
	}
	for _, r := range rivals {
		m := func(f func(figures) float64) float64 { return median(r.rounds, f) }
		least, most := slices.MinFunc(r.rounds, byRate).rate, slices.MaxFunc(r.rounds, byRate).rate
		b.Logf("%-12s %7.0f/s (%.0f to %.0f)  server %4.0f µs  sql %4.0f µs  p50 %.2f ms  p99 %.2f ms", r.name,
			m(func(f figures) float64 { return f.rate }), least, most, m(func(f figures) float64 { return f.server }),
			m(func(f figures) float64 { return f.sql }), m(func(f figures) float64 { return f.p50 }), m(func(f figures) float64 { return f.p99 }))
	}
}

func byRate(a, b figures) int { return int(a.rate - b.rate) }

// ratio is the median over the rounds of one figure of a to that of b.
func ratio(a, b *rival, f func(figures) float64) float64 {
	var all []float64
	for i := range a.rounds {
		all = append(all, f(a.rounds[i])/f(b.rounds[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func median(rounds []figures, f func(figures) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, f(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func rateOf(f figures) float64   { return f.rate }
func serverOf(f figures) float64 { return f.server }
func p99Of(f figures) float64    { return f.p99 }

// BenchmarkOrderLookup compares a look-up through the whole of hubbub with a bare
// handler and with one as tutorials show it. Give -benchtime=5x or more.
func BenchmarkOrderLookup(b *testing.B) {
	s := newShelf(b)
	chain := &rival{name: "hubbub", peer: startPeer(b, "node", "HUBBUB_SQL="+s.url), conns: benchConns, status: "200", request: s.oneOrder}
	bare := &rival{name: "bare", peer: startPeer(b, "bare", "HUBBUB_SQL="+s.url), conns: benchConns, status: "200", request: s.oneOrder}
	tutorial := &rival{name: "tutorial", peer: startPeer(b, "tutorial", "HUBBUB_SQL="+s.url), conns: benchConns, status: "200",
		request: func() []byte { return s.get("/orders?user_id=" + s.owners[s.alone()]) }}
	s.compare(b, chain, bare, tutorial)
	b.ReportMetric(ratio(chain, bare, rateOf), "of-bare")
	b.ReportMetric(ratio(chain, bare, serverOf), "cpu-of-bare")
	b.ReportMetric(ratio(chain, tutorial, rateOf), "of-tutorial")
	b.ReportMetric(median(chain.rounds, rateOf), "orders/s")
}

// BenchmarkOrderLookupMany compares looking up a hundred orders in one call with
// one call for each.
func BenchmarkOrderLookupMany(b *testing.B) {
	s := newShelf(b)
	p := startPeer(b, "node", "HUBBUB_SQL="+s.url)
	one := &rival{name: "one by one", peer: p, conns: benchConns, status: "200", request: s.oneOrder}
	var lookups [][]byte // made before, or making them would be measured
	for range 2000 {
		var ids []string
		for range orders.MaxLookup {
			ids = append(ids, `"`+string(s.ids[mathrand.IntN(len(s.ids))])+`"`)
		}
		lookups = append(lookups, s.post("/v1/orders:lookup", `{"ids":[`+strings.Join(ids, ",")+`]}`))
	}
	many := &rival{name: "a hundred", peer: p, conns: benchConns, status: "200",
		request: func() []byte { return lookups[mathrand.IntN(len(lookups))] }}
	s.compare(b, one, many)
	b.ReportMetric(ratio(many, one, rateOf)*orders.MaxLookup, "of-single")
	b.ReportMetric(median(many.rounds, rateOf)*orders.MaxLookup, "orders/s")
}

// BenchmarkOrderPages reads pages of fifty, from anywhere in the list of all
// orders, and in those of customers who have many.
func BenchmarkOrderPages(b *testing.B) {
	s := newShelf(b)
	p := startPeer(b, "node", "HUBBUB_SQL="+s.url)
	before := func() string {
		ms := time.Now().Add(-time.Duration(mathrand.IntN(*benchOrders)) * time.Millisecond)
		return "created_before=" + ms.UTC().Format(time.RFC3339Nano)
	}
	all := &rival{name: "all", peer: p, conns: 1, status: "200", request: func() []byte { return s.get("/v1/orders?limit=50&" + before()) }}
	paid := &rival{name: "one status", peer: p, conns: 1, status: "200", request: func() []byte { return s.get("/v1/orders?limit=50&status=paid&" + before()) }}
	own := &rival{name: "a customer's", peer: p, conns: 1, status: "200",
		request: func() []byte { return s.get("/v1/orders?limit=50&customer=" + s.owners[s.alone()+1] + "&" + before()) }}
	busy := &rival{name: "all, 8 at a time", peer: p, conns: 8, status: "200", request: all.request}
	s.compare(b, all, paid, own, busy)
	b.ReportMetric(median(all.rounds, p99Of), "p99-ms")
	b.ReportMetric(median(own.rounds, p99Of), "p99-ms-customer")
}

// BenchmarkOrderPlace places orders with 64 clients.
func BenchmarkOrderPlace(b *testing.B) {
	s := newShelf(b)
	place := &rival{name: "place", peer: startPeer(b, "node", "HUBBUB_SQL="+s.url), conns: 64, status: "201", request: func() []byte {
		return s.post("/v1/orders", `{"customer_id":"`+s.owners[s.alone()]+`","currency":"EUR","lines":[{"sku":"MUG-01","title":"A mug","quantity":2,"unit_price":1250}],"totals":{"shipping":490,"total":2990}}`)
	}}
	s.compare(b, place)
	b.ReportMetric(median(place.rounds, rateOf), "orders/s")
	b.ReportMetric(median(place.rounds, p99Of), "p99-ms")
}

// BenchmarkOrderLookupBesideChat looks 1000 orders up a second at a node whose chat
// is silent, or stores 5000 messages a second on the same pool.
func BenchmarkOrderLookupBesideChat(b *testing.B) {
	s := newShelf(b)
	p := startPeer(b, "talking", "HUBBUB_SQL="+s.url)
	shut := func() {
		if err := syscall.Kill(p.pid, syscall.SIGUSR1); err != nil {
			b.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	messages := func() (n float64) {
		if err := s.db.Admin(b).QueryRow("SELECT SUM(last_message_no) FROM " + s.url[strings.LastIndexByte(s.url, '/')+1:] + ".rooms").Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}
	stored := 0.0
	quiet := &rival{name: "chat silent", peer: p, conns: 16, pace: 1000, status: "200", request: s.oneOrder}
	loud := &rival{name: "chat loud", peer: p, conns: 16, pace: 1000, status: "200", request: s.oneOrder,
		before: func() { stored -= messages(); shut() }, after: func() { shut(); stored += messages() }}
	s.compare(b, quiet, loud)
	b.ReportMetric(ratio(loud, quiet, p99Of), "p99-of-silent")
	b.ReportMetric(stored/float64(len(loud.rounds)+1)/benchRound.Seconds(), "messages/s")
}
