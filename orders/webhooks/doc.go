// Package webhooks tells the programs of shops what happened to their orders. A
// shop registers an [Endpoint]; every event of its orders becomes a [Delivery]
// to each endpoint that wants it, written in the transaction of the event (an
// outbox), and the [Dispatcher] of any node sends it. SQL is in orderstore, HTTP
// routes are in web.
//
// # What a receiver may rely on
//
//   - At least once. A delivery is there exactly if its event is. It is sent until
//     the receiver answers 2xx, or for [GiveUpAfter]; then it has failed, and stays
//     for [KeptFor] to be looked at and replayed.
//   - A stable id. Every try of a message, to every endpoint and after a replay,
//     has the same webhook-id: whoever has handled it may answer 2xx and forget it.
//   - Signed. See [Secret.Sign].
//   - In order: no. Tries run side by side and failed ones come later. The body has
//     the order's version: what is older than what one has seen already is old.
//
// # Who sends
//
// Each node asks for endpoints that have something due, and claims a few rows of
// one. A claim puts the time at which a row is due to the end of a lease, so a
// node that dies leaves nothing behind but rows that come due by themselves. Each
// claim has a number; what is told of a row under an older number does not count.
//
// A dead endpoint costs the others nothing: while it fails it gets one try at a
// time, then one a minute at most, and all that fail share a part of the slots.
//
// # Where it may go
//
// To public addresses only, and to those that the operator allows: see [Guard].
package webhooks
