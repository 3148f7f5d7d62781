package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxSourceResponse bounds the response of a source of credentials.
const maxSourceResponse = 64 << 10

// A sourceClient queries a source of credentials. It follows no redirect and reads a
// bounded response.
type sourceClient struct {
	http      http.Client
	transport *http.Transport
}

// newSourceClient keeps no connection between two requests, which are an hour apart.
func newSourceClient(o TransportOptions) *sourceClient {
	c := newCallClient(o)
	c.transport.DisableKeepAlives = true
	return c
}

// newCallClient keeps its connections: it is for calls that requests wait for.
func newCallClient(o TransportOptions) *sourceClient {
	t := newTransport(o, &connections{})
	return &sourceClient{transport: t, http: http.Client{
		Transport:     t,
		Timeout:       renewTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask returns the status and the body of the response. Its errors are never those of a
// caller's context: no call depends on it alone.
func (s *sourceClient) ask(req *http.Request) (status int, body []byte, err error) {
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, &networkError{err: err, text: cleanText(err.Error(), maxMessage)}
	}
	defer func() { _ = resp.Body.Close() }() // it has been read as far as needed
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxSourceResponse+1))
	if err != nil {
		return 0, nil, &networkError{err: err, text: cleanText(err.Error(), maxMessage)}
	}
	if len(body) > maxSourceResponse {
		return 0, nil, errors.New("the response is larger than 64 KiB")
	}
	return resp.StatusCode, body, nil
}

// get sends a GET request.
func (s *sourceClient) get(ctx context.Context, address string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	return s.ask(req)
}

// parseSourceEndpoint reads scheme://host[:port] and nothing else.
func parseSourceEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("must be an http:// or https:// URL with a host")
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must not have a user, a path or a query")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

func sourceError(source, field string, err error) error {
	return fmt.Errorf("cosbackend: %s: %s %w", source, field, err)
}

// expiry reads when credentials end: seconds, or else the written form of the same
// moment (A082).
func expiry(seconds int64, written string) (time.Time, error) {
	if seconds > 0 {
		return time.Unix(seconds, 0), nil
	}
	if t, ok := parseDate(written); ok {
		return t, nil
	}
	return time.Time{}, errors.New("the response does not say when the credentials end")
}
