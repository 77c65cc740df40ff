package main

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads compose.yaml as the docker command does, with nothing set
// in the environment unless given.
func loadCompose(t *testing.T, environment types.Mapping) *types.Project {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "compose.yaml")}},
		Environment: environment,
	})
	if err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	return project
}

var nodes = []string{"node-1", "node-2", "node-3"}

func environ(service types.ServiceConfig) []string {
	var all []string
	for name, value := range service.Environment {
		if value != nil {
			all = append(all, name+"="+*value)
		}
	}
	return all
}

func TestComposeServices(t *testing.T) {
	project := loadCompose(t, nil)
	want := append([]string{"balancer", "mysql", "redis"}, nodes...)
	slices.Sort(want)
	if got := project.ServiceNames(); !slices.Equal(got, want) {
		t.Fatalf("services %q, want %q", got, want)
	}
	pinned := regexp.MustCompile(`^[a-z]+:(local$|\d+\.\d+\.\d+)`)
	for name, service := range project.Services {
		if service.HealthCheck == nil || len(service.HealthCheck.Test) < 2 || service.HealthCheck.Disable {
			t.Errorf("%s has no health check", name)
		}
		if !pinned.MatchString(service.Image) {
			t.Errorf("%s: image %q has no full version", name, service.Image)
		}
		for _, port := range service.Ports {
			if name != "balancer" || port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s:%s", name, port.HostIP, port.Published)
			}
		}
		for dependency, how := range service.DependsOn {
			if how.Condition == "service_healthy" && project.Services[dependency].HealthCheck == nil {
				t.Errorf("%s waits for the health of %s, which has no check", name, dependency)
			}
		}
	}
	if len(project.Services["balancer"].Ports) != 1 {
		t.Error("the balancer publishes no port")
	}
	for _, name := range []string{"mysql", "redis"} {
		networks := project.Services[name].Networks
		if _, ok := networks["back"]; !ok || len(networks) != 1 || !project.Networks["back"].Internal {
			t.Errorf("%s is in the networks %v: want the internal one alone", name, networks)
		}
	}
}

// The nodes' own parser says whether their settings are right.
func TestComposeNodes(t *testing.T) {
	project := loadCompose(t, types.Mapping{"MYSQL_PASSWORD": "sqlsecret", "REDIS_PASSWORD": "redissecret"})
	balancer, err := netip.ParseAddr(project.Services["balancer"].Networks["front"].Ipv4Address)
	if err != nil {
		t.Fatalf("the balancer's address: %v", err)
	}
	if subnet := netip.MustParsePrefix(project.Networks["front"].Ipam.Config[0].Subnet); !subnet.Contains(balancer) {
		t.Errorf("the balancer's address %s is not in the network %s", balancer, subnet)
	}
	connections := 0
	for _, name := range nodes {
		service := project.Services[name]
		c, err := ParseConfig(service.Command, append(environ(service), imageEnviron(t)...), os.Stdout)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		connections += c.SQLOpen
		if c.Node != name || c.Listen != ":8080" {
			t.Errorf("%s is called %q and listens on %q", name, c.Node, c.Listen)
		}
		if c.SQL != "mysql://hubbub:sqlsecret@mysql:3306/hubbub" || !slices.Equal(c.Redis, []string{"redis://:redissecret@redis:6379"}) {
			t.Errorf("%s: --sql %s, --redis %s", name, c.SQL, c.Redis)
		}
		if len(c.Proxies) != 1 || !c.Proxies.Contains(balancer) {
			t.Errorf("%s trusts %v: want the balancer %s alone", name, c.Proxies, balancer)
		}
		if grace := service.StopGracePeriod; grace == nil || time.Duration(*grace) < c.Drain+2*time.Second {
			t.Errorf("%s: stop_grace_period %v must be longer than --drain %v", name, grace, c.Drain)
		}
		if service.Ulimits["nofile"] == nil || service.Ulimits["nofile"].Soft < 10_000 {
			t.Errorf("%s: no ulimit for open files", name)
		}
		for _, needed := range []string{"mysql", "redis"} {
			if service.DependsOn[needed].Condition != "service_healthy" {
				t.Errorf("%s does not wait until %s is healthy", name, needed)
			}
		}
		check := service.HealthCheck.Test
		if !slices.Equal(check[:2], []string{"CMD", "/hubbub"}) {
			t.Fatalf("%s: health check %q", name, check)
		}
		if c, err := ParseConfig(check[2:], imageEnviron(t), os.Stdout); err != nil || c.HealthURL != "http://127.0.0.1:8080/readyz" {
			t.Errorf("%s: health check asks %q, %v", name, c.HealthURL, err)
		}
	}
	mysql := project.Services["mysql"]
	if most := flagValue(t, mysql.Command, `--max-connections=(\d+)`); connections >= most {
		t.Errorf("the nodes may open %d connections, MySQL allows %d", connections, most)
	}
	if !slices.Contains(environ(mysql), "MYSQL_PASSWORD=sqlsecret") ||
		!slices.Contains(environ(project.Services["redis"]), "REDISCLI_AUTH=redissecret") ||
		!strings.Contains(project.Configs["redis"].Content, "requirepass redissecret\n") {
		t.Error("the servers do not get the passwords that the nodes use")
	}
}

func flagValue(t *testing.T, command []string, pattern string) int {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(strings.Join(command, " "))
	if match == nil {
		t.Fatalf("no %s in %q", pattern, command)
	}
	n, err := parseCount(match[1], 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// imageEnviron is what the Dockerfile sets; it also checks what the file
// promises about the image.
func imageEnviron(t *testing.T) []string {
	t.Helper()
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for line := range strings.Lines(string(dockerfile)) {
		if values, ok := strings.CutPrefix(line, "ENV "); ok {
			environ = append(environ, strings.Fields(values)...)
		}
	}
	for _, line := range []string{"FROM scratch\n", "USER 65532:65532\n", `CMD ["/hubbub", "healthcheck"]`, "CGO_ENABLED=0", `ENTRYPOINT ["/hubbub"]`} {
		if !bytes.Contains(dockerfile, []byte(line)) {
			t.Errorf("Dockerfile has no %q", line)
		}
	}
	return environ
}

// A flag or variable that compose.yaml, the Dockerfile or their comments name
// must exist.
func TestComposeNamesRealSettings(t *testing.T) {
	known := map[string]bool{}
	for _, s := range settings() {
		known["--"+s.flag], known[s.env()] = true, true
	}
	foreign := map[string]bool{ // of docker and mysqld
		"--build": true, "--wait": true, "--from": true, "--chown": true, "--interval": true, "--timeout": true, "--start-period": true,
		"--max-connections": true, "--innodb-flush-log-at-trx-commit": true, "--sync-binlog": true, "--skip-name-resolve": true,
	}
	names := regexp.MustCompile(`--[a-z][a-z-]+|HUBBUB_[A-Z_]+`)
	for _, file := range []string{"compose.yaml", "Dockerfile"} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, name := range names.FindAllString(string(text), -1) {
			if !known[name] && !foreign[name] {
				t.Errorf("%s names %s, which is not a setting", file, name)
			}
			found++
		}
		if found == 0 {
			t.Errorf("%s names no setting at all: is the pattern right?", file)
		}
	}
}

func TestComposeBalancer(t *testing.T) {
	content := loadCompose(t, nil).Configs["haproxy"].Content
	for _, name := range nodes {
		if !strings.Contains(content, "server "+name+" "+name+":8080\n") {
			t.Errorf("the balancer does not know %s", name)
		}
	}
	for _, line := range []string{
		"timeout tunnel 1h", "timeout client ", "timeout server ", "timeout connect ", "timeout http-request 5s", "hard-stop-after ",
		"option httpchk GET /readyz", "balance leastconn", "option redispatch", "http-request set-header X-Forwarded-For %[src]", "slowstart ",
	} {
		if !strings.Contains(content, line) {
			t.Errorf("the balancer's configuration has no %q", line)
		}
	}

	haproxy := findHAProxy(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	check := func(text string) (string, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), haproxy, "-c", "-f", file).CombinedOutput()
		return string(out), err
	}
	// Names are looked up when the balancer runs (init-addr none), not here.
	if out, err := check(content); err != nil || strings.Contains(out, "[WARNING]") {
		t.Errorf("haproxy -c: %v\n%s", err, out)
	}
	if out, err := check(strings.Replace(content, "balance leastconn", "balance leastcon", 1)); err == nil {
		t.Errorf("haproxy -c finds no fault in a wrong configuration:\n%s", out)
	}
}
