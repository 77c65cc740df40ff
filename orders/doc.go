// Package orders is the order domain: what an order is, who may do what with
// it, and which step follows which. SQL is in orderstore, HTTP in web. It knows
// nothing of chats: where the two meet, an interface that is declared here or in
// orderstore is satisfied by cmd/hubbub.
//
// # An order is a log
//
// Everything that changes an [Order] appends an [Event] to it in the same
// transaction. Version is the number of its last event, and the strong ETag is
// "version.epoch": who has read an order can ask for what came after it. The
// epoch is one life of the database; a restored backup begins another, so an
// ETag is never given twice for two states.
//
// The events of all orders of one customer are a log too, numbered by
// [Event.Seq] without a hole: the customer's sockets read it like a room, and
// resume it from any number.
//
// # The path of one change
//
//  1. web reads the request, says who calls ([Caller]), and asks [Service].
//  2. The service checks the input and the right to make the call, and hands the
//     store a function that changes an order or refuses.
//  3. The store runs it in one transaction: take the idempotency key, lock the
//     customer's log, lock and read the order, change it, write order, event, reply,
//     webhook deliveries and, where the order has a room, the room's system message.
//     COMMIT.
//  4. After COMMIT, and only then, the caller gets its answer and the bus a hint.
//     A hint that is lost is found by the hub's head check.
//
// A failed COMMIT has an open outcome: the store runs the same transaction again,
// which finds by the idempotency key or by the event's id what is there already.
package orders
