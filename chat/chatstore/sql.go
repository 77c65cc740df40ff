package chatstore

import "strings"

// maxIn is how many values stand in one IN (…).
const maxIn = 500

// marks is "?,?,?", one for each of n values.
func marks(n int) string {
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}

// anys makes arguments of a query from the values, after some others.
func anys[T any](values []T, before ...any) []any {
	args := append(make([]any, 0, len(before)+len(values)), before...)
	for _, v := range values {
		args = append(args, v)
	}
	return args
}
