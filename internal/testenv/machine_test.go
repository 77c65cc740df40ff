package testenv

import (
	"strings"
	"testing"
)

func TestMissingProgramNamesItsPackage(t *testing.T) {
	path, err := find("no-such-server", "nice-package")
	if err == nil || !strings.Contains(err.Error(), "apt-get install nice-package") {
		t.Errorf("%q, %v; want an error with the package", path, err)
	}
}
