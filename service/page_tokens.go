package service

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"google.golang.org/grpc/codes"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

// A list identifies what a page token belongs to: everything in the request that decides
// which entries are returned, in a fixed order.
type list []string

const fingerprintSize = 8

// fingerprint distinguishes lists. It protects against mistakes, not against forgery: a
// forged token can only name a position in a list that its caller may read anyway.
func (l list) fingerprint() [fingerprintSize]byte {
	h := sha256.New()
	for _, s := range l {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s))) //nolint:gosec // a request's field is far below 4 GiB
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return [fingerprintSize]byte(h.Sum(nil))
}

// token makes the page token for the entries after marker; "" when there are none.
func (l list) token(marker string, truncated bool) string {
	if !truncated {
		return ""
	}
	f := l.fingerprint()
	return base64.RawURLEncoding.EncodeToString(append(f[:], marker...))
}

// marker reads a token of this list. The empty token stands for the beginning, start.
func (l list) marker(token, start string) (string, error) {
	if token == "" {
		return start, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < fingerprintSize || [fingerprintSize]byte(b) != l.fingerprint() {
		return "", errPageToken()
	}
	return string(b[fingerprintSize:]), nil
}

func errPageToken() error {
	return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonPageToken, "page_token",
		"is not the next_page_token of this list; send the other fields as they were, or leave it empty to start from the beginning")
}
