package web_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
)

// sinkEnv makes this program the clients of a benchmark, so that what they cost
// is not counted: it holds the address, and each line of its input is what one of
// them says after it was connected.
const sinkEnv = "HUBBUB_BENCH_SINK"

// sink reads and forgets.
func sink(addr string) {
	var all sync.WaitGroup
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		hello, err := strconv.Unquote(in.Text())
		if err != nil {
			panic(err)
		}
		if _, err := io.WriteString(conn, hello); err != nil {
			panic(err)
		}
		all.Go(func() { io.Copy(io.Discard, conn) })
	}
	all.Wait()
}
