// Command hubbub-bench checks and measures a hubbub from outside: it knows the
// client protocol and nothing else.
//
//	hubbub-bench verify --nodes http://127.0.0.1:8080
//	hubbub-bench load fanout --nodes http://127.0.0.1:8080
//
// The first makes users and private rooms of its own, sends at a steady rate, reads
// everything in every room, and says whether each promise of delivery was kept.
// README.md says what is counted and how to read the verdict.
//
// The second measures what deliveries, messages, pages and idle sockets cost, and
// how many of them are borne.
//
// # How verify goes
//
// options.go says what a run does, verify.go is the run from top to bottom:
// world.go makes users and rooms over rest.go; client.go keeps one socket per
// user alive by the protocol's rules, conn.go is one connection and inbox.go
// what comes over it; schedule.go says when whom to send what, outbox.go holds
// it until it has its final answer; history.go reads the rooms' logs back.
// Everything that is sent, answered, read or found in the history goes to one
// checker per room (checker.go, reader.go, past.go), which is fed and asked and
// knows neither network nor clock. report.go and progress.go show what it found.
//
// # How load goes
//
// loadoptions.go says what a load does, load.go is the run from top to bottom. A
// crowd is all clients of one target, the nodes or the floor (floor.go);
// guest.go is one of them, which is little more than its socket
// (poller_linux.go, rawsocket_linux.go, wsframe.go, scan.go). What they send and
// read goes to one ledger per room, which finds what is out of order. phase.go is
// one measurement with a schedule, talk.go and pages.go what is sent in it;
// burst.go is one in which all begin at once, idle.go one in which nothing
// happens, ramp.go the search for the highest rate. meter.go counts and times,
// watch.go takes samples and shows them, usage.go asks the kernel for processor
// time and memory. loadreport.go, loadtable.go, page.go and chart.go tell it.
//
// # Memory
//
// A verify of an hour must not grow by what it has seen, so nothing is logged that
// a few bits can stand for:
//
//   - A room's log is a list of four bytes per event: which send stands at this
//     seq, and whether it was read or acked there. The first one who is told of
//     a seq fills it in, all others are compared with it on the spot. That is
//     14 MB for an hour at 1 000 events per second.
//   - Acked and refused sends, and those found in the history, are one bit each.
//   - A reader is one cursor, the spans of numbers below it that did not come,
//     and the last few entries, to show them.
//   - A send is kept whole only until it is settled and three times the bound
//     for late ones has gone by.
//   - Contradictions (two sends for one seq) are kept until the history decides,
//     up to a fixed number; further ones are counted at once.
//   - The history is read once, page by page, and compared as it comes.
//
// Outboxes and the sends over REST hold a fixed number of messages; what is due
// beyond that is counted as skipped.
package main
