package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// The form of a secret, as Standard Webhooks 1.0 has it.
const (
	secretPrefix = "whsec_"
	minSecret    = 24 // bytes
	maxSecret    = 64
	newSecret    = 32
)

// Secret is the key with which an endpoint's messages are signed. It is shown
// once, when it was made: printing one or logging it says nothing.
type Secret []byte

// NewSecret makes a random one.
func NewSecret() Secret {
	s := make(Secret, newSecret)
	rand.Read(s) // never fails: see its documentation
	return s
}

// ParseSecret reads the form that [Secret.Reveal] gives.
func ParseSecret(text string) (Secret, bool) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) < minSecret || len(key) > maxSecret {
		return nil, false
	}
	return key, true
}

// Reveal is the secret as its owner is shown it: whsec_ and base64.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s) }

const hidden = "(secret)"

func (s Secret) String() string               { return hidden }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, hidden) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }

// Sign is the webhook-signature of a message: "v1," and the base64 of the HMAC
// with SHA-256 over id.timestamp.body, the timestamp in whole seconds.
func (s Secret) Sign(id DeliveryID, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(string(id) + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
