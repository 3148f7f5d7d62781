package cosbackend

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	metadataEndpoint = "http://metadata.tencentyun.com"
	metadataPath     = "/latest/meta-data/cam/security-credentials/"
	metadataSource   = "the CVM metadata service"
	maxRoleName      = 128
)

// MetadataOptions say how to query the metadata service of the machine. The zero value
// is usable on a CVM with one role.
type MetadataOptions struct {
	// Role is the name of the machine's CAM role. Empty looks it up before each renewal.
	Role string
	// Endpoint replaces "http://metadata.tencentyun.com".
	Endpoint string
	// DialContext replaces the dialer. No proxy is ever used.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Clock decides what has expired. Nil is time.Now.
	Clock func() time.Time
	// Logger gets a line for each renewal and each failure. Nil discards.
	Logger *slog.Logger
}

// MetadataCredentials come from the CAM role of the CVM that the process runs on
// (A080). The error names the option that is wrong; no request is sent yet.
func MetadataCredentials(o MetadataOptions) (*TemporaryCredentials, error) {
	endpoint, err := parseSourceEndpoint(cmp.Or(o.Endpoint, metadataEndpoint))
	if err != nil {
		return nil, sourceError("metadata credentials", "Endpoint", err)
	}
	if o.Role != "" && !validRole(o.Role) {
		return nil, sourceError("metadata credentials", "Role", errors.New("must have 1 to 128 letters, digits or = , . @ + - _"))
	}
	m := &metadata{
		role: o.Role,
		base: endpoint.String() + metadataPath,
		http: newSourceClient(TransportOptions{DialContext: o.DialContext}),
	}
	return newTemporaryCredentials(metadataSource, o.Clock, o.Logger, m.fetch), nil
}

type metadata struct {
	role string
	base string
	http *sourceClient
}

func (m *metadata) fetch(ctx context.Context) (temporary, error) {
	role := m.role
	if role == "" {
		var err error
		if role, err = m.discover(ctx); err != nil {
			return temporary{}, err
		}
	}
	body, err := m.read(ctx, role)
	if err != nil {
		return temporary{}, err
	}
	var parsed struct {
		TmpSecretID  string `json:"TmpSecretId"`
		TmpSecretKey string `json:"TmpSecretKey"`
		Token        string `json:"Token"`
		ExpiredTime  int64  `json:"ExpiredTime"`
		Expiration   string `json:"Expiration"`
		Code         string `json:"Code"`
	}
	if json.Unmarshal(body, &parsed) != nil { // its error may quote a secret
		return temporary{}, errors.New("the response is not the JSON it should be")
	}
	if parsed.Code != "Success" {
		return temporary{}, fmt.Errorf("the response has the code %q in place of Success", cleanText(parsed.Code, maxCode))
	}
	expires, err := expiry(parsed.ExpiredTime, parsed.Expiration)
	return newTemporary(parsed.TmpSecretID, parsed.TmpSecretKey, parsed.Token, expires), err
}

// discover returns the machine's role when there is exactly one.
func (m *metadata) discover(ctx context.Context) (string, error) {
	body, err := m.read(ctx, "")
	if err != nil {
		return "", err
	}
	names := strings.Fields(string(body))
	switch {
	case len(names) == 0:
		return "", errNoRole
	case len(names) > 1:
		return "", fmt.Errorf("the machine has %d roles: name one of them", len(names))
	case !validRole(names[0]):
		return "", errors.New("the response is not the name of a role")
	}
	return names[0], nil
}

var errNoRole = errors.New("no such role is bound to this machine")

func (m *metadata) read(ctx context.Context, role string) ([]byte, error) {
	status, body, err := m.http.get(ctx, m.base+role)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound: // A081
		return nil, errNoRole
	case status != http.StatusOK:
		return nil, fmt.Errorf("the response has the HTTP status %d", status)
	}
	return body, nil
}

// validRole accepts the characters of CAM role names, none of which leaves the path
// it is put into.
func validRole(name string) bool {
	if name == "" || len(name) > maxRoleName || strings.Trim(name, ".") == "" {
		return false
	}
	return onlyWordCharsAnd(name, "=,.@+-")
}
