package main

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// yardstick commits small transactions to the nodes' database beside them, one
// after the other. What these take is what the machine makes everybody wait for
// the database, whatever the nodes do.
type yardstick struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
	took []time.Duration // owned by the goroutine until stop
	err  error
}

// steps is how many such transactions an ack may take longer: it waits for the
// batch that is open and for its own, each of some more statements, and four
// processes have to be given the processor in between.
const steps = 6

// acksWithin is what an ack may take beside that, in ms. It is far below any
// time-out of a call to Redis.
const acksWithin = 400

func (a *attack) yardstick() *yardstick {
	a.t.Helper()
	db := a.sql.Admin(a.t)
	table := a.sqlUser + ".yardstick"
	a.exec(db, "CREATE TABLE "+table+" (n INT PRIMARY KEY) ENGINE=InnoDB")
	a.exec(db, "INSERT INTO "+table+" VALUES (0)")
	ctx, stop := context.WithCancel(context.Background())
	c := &yardstick{stop: stop}
	c.wg.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			start := time.Now()
			if err := c.commit(ctx, db, table); err != nil {
				if ctx.Err() == nil {
					c.err = errors.Join(c.err, err)
				}
				return
			}
			c.took = append(c.took, time.Since(start))
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
	usual := ms(p99(c.took))
	a.note["yardstick_p99_ms"] = usual
	if limit := acksWithin + r.Schedule.P99 + steps*usual; r.Ack.P99 > limit {
		a.errorf("acks took %.0f ms (p99), want %.0f ms at most: this program itself was %.0f ms late, a transaction beside them took %.0f ms",
			r.Ack.P99, limit, r.Schedule.P99, usual)
	}
}
