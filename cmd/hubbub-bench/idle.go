package main

import "context"

// idle measures clients that are connected and do nothing, against what the
// nodes had when the run began.
func (l *load) idle(ctx context.Context, c *crowd, run int) (Phase, error) {
	ph := Phase{Target: c.target, Run: run, Unit: "connection and second"}
	m := newMeter()
	c.meter.Store(m)
	watch := l.watch(c, m, toReader, c.target)
	defer watch.stop()
	if err := c.connect(ctx); err != nil {
		return ph, err
	}
	before, err := l.instant(c, m)
	if err != nil {
		return ph, err
	}
	watch.begin()
	sleep(ctx, l.o.Duration)
	after, err := l.instant(c, m)
	if err != nil {
		return ph, err
	}
	watch.stop()
	before.units, after.units = 0, int64(float64(len(c.guests))*l.o.Duration.Seconds())
	l.finish(&ph, c, m, before, after, watch)
	n := float64(len(c.guests))
	for i, g := range l.o.Groups {
		if g.name == groupNode {
			ph.Figures = append(ph.Figures,
				Figure{figureRSS, float64(after.rss[i]-l.base.rss[i]) / n, "KiB"},
				Figure{"resident before", float64(l.base.rss[i]), "KiB"})
		}
	}
	ph.Figures = append(ph.Figures,
		Figure{figureBuffers, float64(after.kernel.TCPKiB-l.base.kernel.TCPKiB) / n, "KiB"},
		Figure{figureSlabs, float64(after.kernel.SlabKiB-l.base.kernel.SlabKiB) / n, "KiB"})
	return ph, nil
}

// Names of figures.
const (
	figureRSS     = "resident in the nodes per connection"
	figureBuffers = "kernel's socket buffers per connection, both ends"
	figureSlabs   = "kernel's other memory per connection, both ends"
)
