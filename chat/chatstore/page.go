package chatstore

import "hubbub/internal/sqldb"

// rowsAtFirst is how many rows the first query of a page asks for. What is asked
// for travels, for the driver reads an answer to its end: five hundred of the
// longest messages would be two hundred times what the page has room for.
const rowsAtFirst = 64

// page is what one read gives.
type page[T any] struct {
	limit int  // items
	room  int  // bytes left; the first item needs none
	full  bool // there was an item that has no place
	items []T
}

// add takes the next item, or says sqldb.ErrEnough.
func (p *page[T]) add(item T, size int) error {
	if len(p.items) == p.limit || len(p.items) > 0 && size > p.room {
		p.full = true
		return sqldb.ErrEnough
	}
	p.items = append(p.items, item)
	p.room -= size
	return nil
}

// fill calls query, which adds up to n rows that follow the items, until the
// page is full or there are no more.
func (p *page[T]) fill(query func(n int) error) error {
	room := p.room
	for n := rowsAtFirst; ; {
		had := len(p.items)
		n = min(n, p.limit+1-had)
		if err := query(n); err != nil || p.full || len(p.items) < had+n {
			return err
		}
		// As many as have a place if they are as large as those before.
		n = 1 + len(p.items)*max(p.room, 0)/max(room-p.room, 1)
	}
}
