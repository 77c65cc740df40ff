// Package testenv gives tests real servers: redis-server and mariadbd from the
// machine's packages, each in a temporary folder of its own and on a free
// loopback port. It never talks to a server that the machine already runs, and
// a missing program fails the test with the package to install.
//
// Starting costs time (Redis some 20 ms, MariaDB some 700 ms), so tests share
// one server per test binary unless they hurt it:
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
//
//	func TestStore(t *testing.T) {
//		url := testenv.SharedMariaDB(t).NewDatabase(t) // an empty database
//		…
//	}
//
//	func TestStoreSurvivesKill(t *testing.T) {
//		server := testenv.MariaDB(t) // its own, gone at the test's end
//		…
//		server.Kill(t)
//		server.Start(t)
//	}
//
// A server dies with the test binary, even when that is killed; only its
// temporary folder then stays behind. The package is for tests only, on Unix
// systems.
package testenv
