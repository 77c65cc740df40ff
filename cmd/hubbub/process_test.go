package main

import (
	"io"
	"os"
)

// asNode is the variable that makes the test binary be hubbub: the processes of
// a test are its own program, built with -race when the tests are.
const asNode = "TEST_AS_NODE"

// beNode is main in a process of a test. Such a process ends with the test
// binary, however that ends: then the pipe to its standard input closes.
func beNode() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // any end of it means the same
		os.Exit(3)
	}()
	main()
}
