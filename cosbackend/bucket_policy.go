package cosbackend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"
)

const maxPolicy = 20 << 10

var errNotJSON = errors.New("the response is not JSON")

// GetBucketPolicy returns the policy of a bucket, byte for byte the JSON that COS sends;
// without one the [*Error] is NoSuchBucketPolicy or NoSuchPolicy (A034). Idempotent.
func (c *Client) GetBucketPolicy(ctx context.Context, loc Location) (string, error) {
	op, err := c.configOperation(ctx, "GetBucketPolicy", http.MethodGet, loc, pair{"policy", ""})
	if err != nil {
		return "", err
	}
	var policy string
	op.decode = func(ctx context.Context, r *response) error {
		data, err := r.readRaw(ctx)
		switch {
		case err != nil:
			return err
		case len(bytes.TrimSpace(data)) == 0:
			return r.notConfigured()
		case !json.Valid(data) || !utf8.Valid(data):
			return r.malformed(errNotJSON)
		}
		policy = string(data)
		return nil
	}
	err = c.do(ctx, op)
	return policy, err
}

// PutBucketPolicy replaces the policy of a bucket: a JSON object of at most 20 KiB,
// which is sent byte for byte. Idempotent.
func (c *Client) PutBucketPolicy(ctx context.Context, loc Location, policy string) error {
	var object map[string]json.RawMessage
	switch {
	case len(policy) > maxPolicy:
		return invalid("policy.json", "must have at most 20 KiB")
	case json.Unmarshal([]byte(policy), &object) != nil || object == nil || !utf8.ValidString(policy):
		return invalid("policy.json", "must be a JSON object")
	}
	op, err := c.configOperation(ctx, "PutBucketPolicy", http.MethodPut, loc, pair{"policy", ""})
	if err != nil {
		return err
	}
	op.document("application/json", []byte(policy))
	op.decode = readEmpty
	return c.do(ctx, op)
}

// DeleteBucketPolicy removes the policy of a bucket. Idempotent.
func (c *Client) DeleteBucketPolicy(ctx context.Context, loc Location) error {
	op, err := c.configOperation(ctx, "DeleteBucketPolicy", http.MethodDelete, loc, pair{"policy", ""})
	if err != nil {
		return err
	}
	return c.doRemoval(ctx, op)
}
