package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hubbub/internal/testenv"
)

// A fault that needs a network of its own is struck in a second process, by
// these flags of the test binary; nobody else sets them.
var (
	apartName    = flag.String("faults.apart", "", "strike with this fault alone, in the network that this process has for itself")
	apartProgram = flag.String("faults.apart.program", "", "hubbub, as built already")
	apartResult  = flag.String("faults.apart.result", "", "file for what the run came to")
)

// apart has a process of its own strike once, in a network of its own, with
// servers of its own.
func (s *suite) apart(t *testing.T, f fault, seed uint64, rows *table) {
	row := faultRun{Fault: f.name, Failed: true}
	defer func() { rows.add(row) }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	result := filepath.Join(t.TempDir(), "row.json")
	cmd := exec.Command(self, "-test.run=^TestFaults$", "-test.v", "-test.timeout=10m",
		"-faults.apart="+f.name, "-faults.apart.program="+s.program, "-faults.apart.result="+result,
		fmt.Sprint("-faults.seed=", seed), fmt.Sprint("-faults.long=", *faultLong))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err = testenv.RunApart(cmd)
	if errors.Is(err, testenv.ErrNoNetwork) {
		row.Cannot, row.Failed = err.Error(), false
		t.Skip("not run: ", row.Cannot)
	}
	t.Log(out.String())
	b, readErr := os.ReadFile(result)
	if readErr == nil {
		readErr = json.Unmarshal(b, &row)
	}
	if err := errors.Join(err, readErr); err != nil {
		row.Failed = true
		t.Fatalf("the process of the fault: %v", err)
	}
	if row.Cannot != "" {
		t.Skip("not run: ", row.Cannot)
	}
}

// strikeApart is TestFaults in that process.
func strikeApart(t *testing.T) {
	list := faults()
	i := slices.IndexFunc(list, func(f fault) bool { return f.name == *apartName })
	if i < 0 {
		t.Fatalf("there is no fault %q", *apartName)
	}
	var rows table
	if err := ownNetwork(t); err != nil {
		rows.add(faultRun{Fault: *apartName, Cannot: err.Error()})
	} else {
		s := &suite{program: *apartProgram}
		t.Run(fmt.Sprint("seed ", *faultSeed), func(t *testing.T) { s.run(t, list[i], *faultSeed, &rows) })
	}
	b, err := json.Marshal(rows.rows[0])
	if err == nil {
		err = os.WriteFile(*apartResult, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
