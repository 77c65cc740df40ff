// Package chat is the domain and its live half: users, rooms, messages, and the
// sessions that read them. SQL is in chatstore, what clients and server say in
// wire, HTTP in web.
//
// # Vocabulary
//
// A room is a log. Everything that changes what a member sees (a message, an
// edit, a reaction, a member who comes, a new topic) is an [Event] in it,
// numbered by [Seq] from 1 without a hole. An [Epoch] is one life of the log; a
// restored backup begins another. Where a log stands is its [Head]. How a
// message looks now, after its edits, is kept beside the log for history pages.
//
// A [Draft] is an event before it has a number. The client id that its sender
// gave it makes one (room, sender, client id) one event for ever.
//
// What nobody says the server says itself, as the actor [System]: such a message
// is appended by a store in the transaction of what it tells of, so that either
// both are there or neither. What happens to a customer's orders is a log of its
// own, which the customer's sockets read like a room ([OrdersOf]); what an order
// is, this package does not know ([OrderLog]).
//
// A [Session] is one connected client, a [Login] one place where a user has
// signed in. A topic is a room as one node follows it, a subscription the
// place of a session in it: live, or behind and reading on. Typing, presence
// and read markers are ephemeral: without a number, not stored, dropped first.
//
// # Promises
//
// Readers see every number once and in order. An ack means that COMMIT has
// returned. The same client id gives the same number. Whoever comes back with a
// cursor gets exactly what came after it, from any node, or is told to reset. A
// slow reader costs a queue's worth of memory and delays nobody. What cannot be
// known is said: unknown_outcome for a send, unknown for presence. The table in
// README.md names the test of each.
//
// # The path of one message
//
// TestPathOfAMessage in cmd/hubbub has a step per number.
//
//  1. web/socket.go accepts: Host, Origin and sign-in were checked, the codec is
//     chosen by the subprotocol. The request ends there; [Session.Run] has a
//     goroutine of the sockets'.
//  2. reader.go waits for a message and reads it, the codec makes a command of it,
//     and the links of web/frames.go (recover, log, limit) hand it to
//     [Session.Handle]: one method per type, the next message is read when it has
//     returned.
//  3. [Rooms.Post] checks the text and finds the room, which a user who may not
//     know of it does not find; admission.go remembers that for a moment. Then
//     the draft goes to the room's queue, and waits.
//  4. A committer (committer.go) takes what is queued, in several rooms at a time,
//     and the store commits it in one transaction: lock the rooms' rows that nobody
//     holds, decide by the roles read under these locks who may, number, insert,
//     COMMIT. A room that is held comes round again, and goes alone if it still is.
//     There is one open batch per room and node: what queued up since the last
//     transaction began is the next one, 2 ms later at least. A repeated client id
//     gets its old number, and no event.
//  5. After COMMIT, and only then, Post returns and the session acks, while the
//     committer publishes in the order of the numbers: several events of a room in
//     one envelope, each encoded here and nowhere else.
//  6. The bus carries it to every node, the sender's too: there is one path and
//     no local short cut. Nobody waits for it. What it loses is found in step 7.
//  7. [Hub.Deliver] finds the topic, which drops a number that it knows, delivers
//     the next one, and holds one that is ahead for 100 ms before one shared read
//     from the store fills the gap. A lost last event shows no gap: the head
//     check finds it within about a second, and sooner while the bus is not
//     heard or says that something may be lost ([Hub.Missed]).
//  8. The topic puts the same bytes into the queue of every live session, which
//     never blocks; another format is encoded once per format. A session whose
//     queue is full becomes behind.
//  9. Whoever gave an idle session something to send is its writer (writer.go),
//     and once the topic's lock is free sends what is queued in one write: the
//     goroutine that delivers for a few sockets, those of outbox.go for many. What
//     the network does not take at once, and what is behind, is for a goroutine
//     that may wait: it reads on, from the recent events in memory or the store,
//     and makes the subscription live again when it has caught up.
//
// Joining is the same from the other end: enter the topic, read the head, answer,
// and start at the cursor; what came meanwhile is above it in the log.
//
// # Who owns which goroutine
//
// [Hub.Run], [Rooms.Run], [Accounts.Run] and [Presence.Run] are started by
// cmd/hubbub and waited for there; constructors start nothing. The hub's looks
// at heads, fills up to 8 gaps at a time, sends heartbeats (pulse.go) and ends
// sessions whose login is over. The bus calls Deliver, the local one on the
// goroutine that publishes. While there are drafts there are committers, a few
// for all rooms and one for each room alone; Rooms.Run waits for all of them.
// While a large delivery is under way the outbox has a goroutine per processor.
//
// An idle session has one goroutine, the caller of Run, which does nothing but
// wait for the client. What the client says is carried out on one more, and what
// the network does not take at once is written on another: one of each at most,
// gone when it is done, and Run returns after them.
//
// # Locks
//
// The order is partition → topic → queue: [Hub] finds and drops topics under a
// partition's lock, a topic delivers under its own, a queue is pushed to under
// that. The others guard a few fields each: the gaps to fill are noted under a
// topic's lock, a session tells who it belongs to under any, and [Presence]
// pushes under its own. Nothing reads the store, writes to the network or waits while
// it holds one of them. Methods that need the topic's lock end in Locked.
package chat
