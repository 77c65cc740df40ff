module hubbub

go 1.26.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // exact percentiles, for hubbub-bench
	github.com/anishathalye/porcupine v1.3.1 // linearisability of a room, in tests
	github.com/chromedp/cdproto v0.159.0 // what chromedp says to the browser
	github.com/chromedp/chromedp v0.23.0 // the page in a real browser, in tests
	github.com/coder/websocket v1.8.15 // the handshake, the frames, the close
	github.com/compose-spec/compose-go/v2 v2.16.2 // compose.yaml read as Compose reads it, in tests
	github.com/danielgtaylor/huma/v2 v2.37.2 // OpenAPI made from the code, for about 1 us a call
	github.com/go-chi/chi/v5 v5.5.0 // routes and the chain
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // strict JSON: duplicates, bad UTF-8 and unknown fields are errors
	github.com/go-sql-driver/mysql v1.10.1 // MySQL and MariaDB
	github.com/google/go-cmp v0.7.0 // readable differences, in tests
	github.com/pressly/goose/v3 v3.29.0 // migrations as a library
	github.com/prometheus/client_golang v1.25.0 // metrics
	github.com/redis/go-redis/v9 v9.23.0 // the bus and the leases
	go.uber.org/goleak v1.3.0 // no goroutine stays behind, in tests
	golang.org/x/crypto v0.58.0 // argon2id
	golang.org/x/sync v0.24.0 // errgroup, singleflight
	golang.org/x/sys v0.49.0 // TCP_USER_TIMEOUT, file locks
	golang.org/x/text v0.43.0 // names by PRECIS
	golang.org/x/time v0.16.0 // rate limits
	modernc.org/sqlite v1.61.1 // the embedded database, in pure Go
	pgregory.net/rapid v1.3.0 // state machines against a model, in tests
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/distribution/reference v0.6.0 // indirect
	github.com/docker/go-connections v0.8.2 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-viper/mapstructure/v2 v2.4.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mattn/go-shellwords v1.0.12 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.1 // indirect
	github.com/sethvargo/go-retry v0.5.0 // indirect
	github.com/sirupsen/logrus v1.10.1 // indirect
	github.com/xhit/go-str2duration/v2 v2.1.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v4 v4.0.0-rc.4 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.79.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
