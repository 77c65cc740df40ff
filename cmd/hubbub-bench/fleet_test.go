package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubbub/internal/testenv"
)

// fleet is a deployment for one run of one fault: nodes in processes of their
// own, the servers they use and, if asked for, HAProxy. Everything ends with
// the test. Methods that take no testing.TB fail the fleet's own test and are
// called from its goroutine.
type fleet struct {
	t        testing.TB
	nodes    []*fleetNode
	redis    []*testenv.RedisServer // their own; see fleetOptions.Redis
	sql      *testenv.MariaDBServer // own or shared; see fleetOptions.OwnSQL
	sqlUser  string                 // the nodes' account there, which is the database's name too
	balancer *testenv.Program       // nil without fleetOptions.Balancer
}

// fleetNode is one node. Kill, Pause, Continue, Stop (SIGTERM, waits for the
// end), Start and Ended are those of testenv.Program; Addr is host:port.
type fleetNode struct {
	*testenv.Program
	t     testing.TB
	name  string
	admin string // host:port
	redis *cable // nil without fleetOptions.Cables
	sql   *cable
	// Nil without fleetOptions.Filters.
	redisFilter, sqlFilter *filter
	settings               []string // arguments of every life
}

type fleetOptions struct {
	Nodes   int  // default 3
	Redis   int  // servers; above 1 the nodes are divided among them, as by a wrong setting. Default 1
	OwnSQL  bool // a mariadbd of its own, for faults that hurt it
	SQLArgs []string
	Cables  bool // a cable from each node to each server
	// Filters gives each node an address of its own for each server, and a filter
	// there. The run has a network and all servers for itself.
	Filters  bool
	Balancer bool
	Args     []string // of every node
	Files    int      // how many files each node may hold open; 0: as the test itself
	// Env is for node i, such as HUBBUBFAULT_CRASH=acked:200.
	Env func(i int) []string
}

// suite is what all fleets of a test binary share.
type suite struct {
	program string                 // hubbub, with the points where faults take hold
	sql     *testenv.MariaDBServer // nil in a process of its own: see suite.apart
}

// newSuite builds hubbub and starts the shared mariadbd.
func newSuite(t testing.TB) *suite {
	t.Helper()
	out := filepath.Join(t.TempDir(), "hubbub")
	if text, err := exec.Command("go", "build", "-tags", "faults", "-o", out, "hubbub/cmd/hubbub").CombinedOutput(); err != nil {
		t.Fatalf("build hubbub: %v: %s", err, text)
	}
	return &suite{program: out, sql: testenv.MariaDB(t, quietSQL)}
}

// fleet starts a deployment and waits until every node serves.
func (s *suite) fleet(t testing.TB, o fleetOptions) *fleet {
	t.Helper()
	o.Nodes, o.Redis = max(o.Nodes, 3*b2i(o.Nodes == 0)), max(o.Redis, 1)
	f := &fleet{t: t, sql: s.sql}
	var redisArgs []string
	if o.Filters {
		hosts := []string{"127.0.0.1"}
		for i := range o.Nodes {
			hosts = append(hosts, filterHost(i))
		}
		o.OwnSQL, o.SQLArgs = true, append(slices.Clip(o.SQLArgs), "--bind-address="+strings.Join(hosts, ","))
		redisArgs = append([]string{"--bind"}, hosts...)
	}
	if o.OwnSQL {
		f.sql = testenv.MariaDB(t, append([]string{quietSQL}, o.SQLArgs...)...)
	}
	url := f.sql.NewDatabase(t)
	f.sqlUser = url[strings.LastIndex(url, "/")+1:]
	for range o.Redis {
		f.redis = append(f.redis, testenv.Redis(t, redisArgs...))
	}
	for i := range o.Nodes {
		n := f.newNode(s.program, i, o, url, f.redis[i*o.Redis/o.Nodes])
		f.nodes = append(f.nodes, n)
		n.Start(t)
	}
	f.awaitReady()
	if o.Balancer {
		f.balancer = startHAProxy(t, f.nodes)
	}
	return f
}

// filterHost is the address at which node i reaches the servers, if they are
// filtered.
func filterHost(i int) string { return "127.0.0." + strconv.Itoa(i+2) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *fleet) newNode(program string, i int, o fleetOptions, url string, redis *testenv.RedisServer) *fleetNode {
	port := testenv.FreePort(f.t)
	n := &fleetNode{t: f.t, name: "node-" + strconv.Itoa(i+1), admin: testenv.Loopback(testenv.FreePort(f.t))}
	busAddr := redis.Addr()
	if o.Cables {
		n.redis, n.sql = layCable(f.t, redis.Addr()), layCable(f.t, f.sql.Addr())
		busAddr = n.redis.Addr()
		url = strings.Replace(url, f.sql.Addr(), n.sql.Addr(), 1)
	}
	if o.Filters {
		busAddr = strings.Replace(busAddr, "127.0.0.1", filterHost(i), 1)
		sqlAddr := strings.Replace(f.sql.Addr(), "127.0.0.1", filterHost(i), 1)
		url = strings.Replace(url, f.sql.Addr(), sqlAddr, 1)
		n.redisFilter, n.sqlFilter = newFilter(f.t, busAddr), newFilter(f.t, sqlAddr)
	}
	path := program
	if o.Files > 0 {
		path = "/bin/sh"
	}
	n.Program = testenv.NewProgram(f.t, "hubbub "+n.name, path, port, func() error {
		return n.try("http://"+n.Addr()+"/healthz", nil)
	})
	n.settings = append([]string{
		"--listen=" + n.Addr(), "--admin=" + n.admin, "--node=" + n.name, "--sql=" + url, "--redis=redis://" + busAddr,
		"--sql-open=10", "--guests=on", "--log-format=json", "--proxies=127.0.0.1/32", "--drain=4s",
		"--rate-session=off", "--rate-user=off", "--rate-address=off", "--rate-sockets=off",
	}, o.Args...)
	if o.Files > 0 {
		n.settings = append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, o.Files), program}, n.settings...)
	}
	var env []string
	if o.Env != nil {
		env = o.Env(i)
	}
	n.Set(n.settings, env)
	return n
}

// awaitReady waits until every node that runs is ready, its bus too.
func (f *fleet) awaitReady() {
	f.t.Helper()
	for _, n := range f.nodes {
		f.until(20*time.Second, n.name+" is ready", func() bool {
			status, failing := n.ready()
			return n.Pid() == 0 || n.Ended() || status == http.StatusOK && len(failing) == 0
		})
	}
}

// urls are where clients connect: the balancer if there is one, else the nodes.
func (f *fleet) urls() []string {
	if f.balancer != nil {
		return []string{"http://" + f.balancer.Addr()}
	}
	var list []string
	for _, n := range f.nodes {
		list = append(list, "http://"+n.Addr())
	}
	return list
}

// until waits for a condition; the test fails when it does not come in time.
func (f *fleet) until(within time.Duration, what string, ok func() bool) (took time.Duration) {
	f.t.Helper()
	start := time.Now()
	for !ok() {
		if took = time.Since(start); took > within {
			f.t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

// metric sums a metric over the nodes that answer; see fleetNode.metric.
func (f *fleet) metric(name string, having ...string) (sum float64) {
	for _, n := range f.nodes {
		sum += n.metric(name, having...)
	}
	return sum
}

// metric reads one metric of the private listener: the sum of its lines that
// have all of these labels, each such as status="503"; 0 when the node does not
// answer or has none. A node that was started again counts from 0.
func (n *fleetNode) metric(name string, having ...string) (sum float64) {
	_ = n.try("http://"+n.admin+"/metrics", func(r *http.Response) error {
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			line := lines.Text()
			base, _, _ := strings.Cut(line[:strings.LastIndexByte(line, ' ')+1], "{")
			if strings.TrimSpace(base) != name || slices.ContainsFunc(having, func(l string) bool { return !strings.Contains(line, l) }) {
				continue
			}
			if v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64); err == nil {
				sum += v
			}
		}
		return lines.Err()
	})
	return sum
}

// ready asks /readyz: the status, 0 for no answer, and the parts that fail.
func (n *fleetNode) ready() (status int, failing []string) {
	_ = n.try("http://"+n.Addr()+"/readyz", func(r *http.Response) error {
		status = r.StatusCode
		var h struct {
			Parts []struct{ Name, State string }
		}
		if err := json.NewDecoder(r.Body).Decode(&h); err != nil {
			return err
		}
		for _, p := range h.Parts {
			if p.State != "ok" {
				failing = append(failing, p.Name)
			}
		}
		return nil
	})
	return status, failing
}

// degraded tells whether the node says that it serves without the bus.
func (n *fleetNode) degraded() bool {
	status, failing := n.ready()
	return status == http.StatusOK && slices.Equal(failing, []string{"bus"})
}

// try makes one GET with a connection of its own, so that nothing is left over.
func (n *fleetNode) try(url string, read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if read != nil {
		return read(resp)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// startHAProxy runs HAProxy with the configuration of compose.yaml in front of
// the nodes. What differs is where the nodes are, that health is asked every
// 100 ms and an answer awaited for 500 ms.
func startHAProxy(t testing.TB, nodes []*fleetNode) *testenv.Program {
	t.Helper()
	config := haproxyConfig(t)
	replace := func(old, new string) {
		t.Helper()
		if strings.Count(config, old) != 1 {
			t.Fatalf("the balancer's configuration has %q not once", old)
		}
		config = strings.Replace(config, old, new, 1)
	}
	port := testenv.FreePort(t)
	replace("bind :8080", "bind "+testenv.Loopback(port))
	replace("\n  maxconn 20000", "\n  maxconn 8000")
	replace("timeout check 2s", "timeout check 500ms")
	replace("check inter 1s", "check inter 100ms")
	replace("slowstart 10s", "slowstart 1s")
	replace(" resolvers docker init-addr none", "")
	for i := 1; i <= 3; i++ {
		old := fmt.Sprintf("server node-%d node-%d:8080", i, i)
		if i <= len(nodes) {
			replace(old, fmt.Sprintf("server node-%d %s", i, nodes[i-1].Addr()))
		} else {
			replace(old, "")
		}
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := testenv.NewProgram(t, "haproxy", testenv.Find(t, "haproxy", "haproxy"), port, func() error {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}).
			Get("http://" + testenv.Loopback(port) + "/healthz")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	p.Set([]string{"-db", "-f", file}, nil)
	p.Start(t)
	return p
}

// haproxyConfig is the last block of compose.yaml.
func haproxyConfig(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "\n  haproxy:\n    content: |\n")
	if !found {
		t.Fatal("compose.yaml has no configuration of the balancer")
	}
	var b strings.Builder
	for line := range strings.Lines(block) {
		b.WriteString(strings.TrimPrefix(line, "      "))
	}
	return strings.ReplaceAll(b.String(), "$$", "$")
}

// quietSQL keeps mariadbd from logging every connection that a dead node left.
const quietSQL = "--log-warnings=1"
