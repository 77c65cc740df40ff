package main

import "sort"

// bitset is a set of small numbers: one bit each, so that an hour at 1 000
// messages a second takes half a megabyte.
type bitset []uint64

func (b *bitset) add(n uint32) {
	for int(n/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b bitset) has(n uint32) bool {
	return int(n/64) < len(b) && b[n/64]&(1<<(n%64)) != 0
}

// span is the numbers from first to last, both included.
type span struct{ first, last uint64 }

// spans are numbers that did not come, in ascending order, apart from each
// other.
type spans []span

// add appends numbers above all others.
func (s *spans) add(first, last uint64) { *s = append(*s, span{first, last}) }

// remove takes one number out; false means that it was not there.
func (s *spans) remove(n uint64) bool {
	i := sort.Search(len(*s), func(i int) bool { return (*s)[i].last >= n })
	if i == len(*s) || (*s)[i].first > n {
		return false
	}
	switch p := &(*s)[i]; {
	case p.first == p.last:
		*s = append((*s)[:i], (*s)[i+1:]...)
	case n == p.first:
		p.first++
	case n == p.last:
		p.last--
	default:
		rest := span{n + 1, p.last}
		p.last = n - 1
		*s = append(*s, span{})
		copy((*s)[i+2:], (*s)[i+1:])
		(*s)[i+1] = rest
	}
	return true
}

func (s spans) count() (n int64) {
	for _, p := range s {
		n += int64(p.last - p.first + 1)
	}
	return n
}
