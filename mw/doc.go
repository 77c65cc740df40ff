// Package mw holds the links that an HTTP request passes before it reaches its
// handler. A link is a func(http.Handler) http.Handler, each in a file named
// for its effect, and any of them may answer instead of calling the next.
// Refusals are problem+json documents ([WriteProblem]). The package knows
// nothing of chat or orders, and starts no goroutine.
//
// # The rule of order
//
// [Standard] builds the chain, outermost first. Each place has a reason:
//
//  1. [RequestIDs] is first: every later answer and log line names the request.
//  2. [ClientAddress] comes before all that logs, counts or limits by address,
//     and settles whether the client speaks TLS.
//  3. [Log] is outside of whatever can answer, so every request has one line.
//  4. [Metrics.Measure] stands beside it for the same reason: refused and
//     limited requests are counted like served ones.
//  5. [Recover] is inside of both, so that they see the 500 it writes, and
//     outside of all links with logic that could panic.
//  6. [SecurityHeaders] comes before the first link that refuses: a 401 or 403
//     is a page in a browser too. It refuses TRACE.
//  7. [CheckHost] comes before anything that compares with Host.
//  8. [RefuseURLTokens] costs no look-up, and a leaked token must not work even once.
//  9. [CrossOrigin] relies on a checked Host, and comes before the session is
//     looked at: a foreign page learns nothing about who is signed in.
//  10. [LimitBody] only wraps the body; it comes before the first reader of it.
//  11. [RefuseSpent] comes before sign-in, because looking up a session costs a
//     query: who has guessed too often is not looked up any more.
//  12. [Authenticate] says who it is, or nobody.
//  13. [LimitStrangers] counts against the address what came from nobody.
//  14. [LimitUser] needs to know who it is; many users behind one address each
//     have their own allowance here, and so have programs with a key.
//
// 1 and 2, 3 and 4, 5 and 6, 13 and 14 could trade places without anybody seeing it; a test
// fails when any other neighbours do.
//
// [RequireUser] follows on the routes that are not for everybody.
//
// The links write no state but in the context of the request: [RequestID],
// [ClientAddr], [Secure] and [PrincipalFrom] read it.
package mw
