package main

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// yardstick commits small transactions to the nodes' database beside them. What
// these take from when they are due is what the machine makes everybody wait
// for the database, whatever the nodes do.
type yardstick struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
	took []time.Duration // owned by the goroutine until stop
	err  error
}

const (
	// acksWithin is what an ack may take, in ms, where the machine is not busy. It
	// is far below any time-out of a call to Redis. When the database stands still
	// for moments, two of them count: an ack waits for the batch that is open, and
	// for its own.
	acksWithin = 400
	// steps is how many usual transactions an ack may take besides: the batches of
	// three nodes wait for the same row, and each has more statements than these.
	steps = 12
	// every is the time between two of them.
	every = 50 * time.Millisecond
)

func (a *attack) yardstick() *yardstick {
	a.t.Helper()
	db := a.sql.Admin(a.t)
	table := a.sqlUser + ".yardstick"
	a.exec(db, "CREATE TABLE "+table+" (n INT PRIMARY KEY) ENGINE=InnoDB")
	a.exec(db, "INSERT INTO "+table+" VALUES (0)")
	ctx, stop := context.WithCancel(context.Background())
	c := &yardstick{stop: stop}
	c.wg.Go(func() {
		for due := time.Now(); ; due = due.Add(every) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(due)):
			}
			if err := c.commit(ctx, db, table); err != nil {
				if ctx.Err() == nil {
					c.err = errors.Join(c.err, err)
				}
				return
			}
			c.took = append(c.took, time.Since(due))
		}
	})
	a.t.Cleanup(func() {
		stop()
		c.wg.Wait()
	})
	return c
}

func (c *yardstick) commit(ctx context.Context, db *sql.DB, table string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT n FROM "+table+" FOR UPDATE").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET n = n + 1"); err != nil {
		return err
	}
	return tx.Commit()
}

// judge is for faults that nobody who sends may notice: acks come as ever.
func (c *yardstick) judge(a *attack, r *Report) {
	a.t.Helper()
	c.stop()
	c.wg.Wait()
	if c.err != nil {
		a.errorf("the yardstick: %v", c.err)
	}
	if len(c.took) == 0 {
		a.errorf("the yardstick has measured nothing")
		return
	}
	most := ms(p99(c.took)) // sorts
	usual := ms(c.took[len(c.took)/2])
	a.note["yardstick_p99_ms"], a.note["yardstick_p50_ms"] = most, usual
	if limit := acksWithin + r.Schedule.P99 + 2*most + steps*usual; r.Ack.P99 > limit {
		a.errorf("acks took %.0f ms (p99), want %.0f ms at most: this program itself was %.0f ms late, a transaction beside them took %.0f ms, %.0f ms as a rule",
			r.Ack.P99, limit, r.Schedule.P99, most, usual)
	}
}
