package chat

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Limits of a password, in characters (code points). Nothing is ever cut off.
const (
	MinPassword = 8
	MaxPassword = 128
)

// The cost of one hash: argon2id as the OWASP password storage cheat sheet has
// it. Raising it later is safe, since every hash names its own cost.
const (
	hashMemory  = 19456 // KiB
	hashPasses  = 2
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashKey     = 32 // bytes
)

// hashQueue is how many calls may wait for each processor's turn to hash; at
// some 30 ms a hash the last of them waits two seconds.
const hashQueue = 64

//go:embed passwords.txt
var commonPasswords string

// passwords hashes and checks passwords. A hash takes 19 MiB and all of a
// processor, so at most GOMAXPROCS run at a time and a bounded number waits:
// a flood of sign-ins costs time, not memory. Safe for concurrent use.
type passwords struct {
	common  map[string]bool
	cost    uint32        // KiB
	queue   chan struct{} // held while waiting and hashing
	running chan struct{} // held while hashing
	// key is argon2.IDKey; a test counts the calls.
	key func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
}

func newPasswords(memory uint32) *passwords {
	if memory == 0 {
		memory = hashMemory
	}
	p := &passwords{
		common:  map[string]bool{},
		cost:    memory,
		running: make(chan struct{}, runtime.GOMAXPROCS(0)),
		queue:   make(chan struct{}, hashQueue*runtime.GOMAXPROCS(0)),
		key:     argon2.IDKey,
	}
	for line := range strings.Lines(commonPasswords) {
		p.common[strings.TrimSpace(line)] = true
	}
	return p
}

// check refuses a new password that is too short, too long, among the most
// common ones, or the name itself. Field names the input.
func (p *passwords) check(field, password, name string) error {
	if n := utf8.RuneCountInString(norm.NFC.String(password)); n < MinPassword || n > MaxPassword {
		return Invalid(field, fmt.Sprintf("must have %d to %d characters", MinPassword, MaxPassword))
	}
	lower := strings.ToLower(password)
	if p.common[lower] {
		return Invalid(field, "is one of the most common passwords")
	}
	if lower == name {
		return Invalid(field, "must not be the name")
	}
	return nil
}

// hash gives the encoded hash of a password, to be stored. The error is the
// context's, or ErrUnavailable when too many wait.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	h := phc{memory: p.cost, passes: hashPasses, threads: hashThreads, salt: make([]byte, hashSalt)}
	_, _ = rand.Read(h.salt) // never fails: crypto/rand
	key, err := p.derive(ctx, password, h, hashKey)
	if err != nil {
		return "", err
	}
	h.key = key
	return h.String(), nil
}

// verify tells whether it is the password of the hash. With an empty hash (an
// unknown name, a guest) it does the same work and says no.
func (p *passwords) verify(ctx context.Context, password, encoded string) (bool, error) {
	h := phc{memory: p.cost, passes: hashPasses, threads: hashThreads,
		salt: make([]byte, hashSalt), key: make([]byte, hashKey)}
	if encoded != "" {
		var err error
		if h, err = parsePHC(encoded); err != nil {
			return false, fmt.Errorf("stored password: %w", err)
		}
	}
	key, err := p.derive(ctx, password, h, len(h.key))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && encoded != "", nil
}

// derive runs argon2id when it is this call's turn.
func (p *passwords) derive(ctx context.Context, password string, h phc, n int) ([]byte, error) {
	select {
	case p.queue <- struct{}{}:
		defer func() { <-p.queue }()
	default:
		return nil, Later(ErrUnavailable, "too many people are signing in; try again shortly", 2*time.Second, nil)
	}
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	// The same password comes composed from one keyboard and decomposed from another.
	return p.key([]byte(norm.NFC.String(password)), h.salt, h.passes, h.memory, h.threads, uint32(n)), nil
}

// phc is an argon2id hash with its cost. Its text is the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$salt$key, the last two in base64 without '='.
type phc struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

var errHashForm = errors.New("not an argon2id hash that this version knows")

// parsePHC reads what String wrote. Costs beyond 1 GiB or 64 passes are refused,
// so that a spoilt row cannot stop the process.
func parsePHC(s string) (phc, error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errHashForm
	}
	var h phc
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return phc{}, fmt.Errorf("%w: cost: %w", errHashForm, err)
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil {
		return phc{}, fmt.Errorf("%w: salt: %w", errHashForm, err)
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil {
		return phc{}, fmt.Errorf("%w: key: %w", errHashForm, err)
	}
	if h.memory < 8 || h.memory > 1<<20 || h.passes < 1 || h.passes > 64 || h.threads < 1 ||
		len(h.salt) < 8 || len(h.key) < 16 || len(h.key) > 64 {
		return phc{}, fmt.Errorf("%w: cost or length out of range", errHashForm)
	}
	return h, nil
}
