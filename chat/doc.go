// Package chat is the domain: users, rooms, messages, and the sessions that read them.
package chat
