package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	compliance = "COMPLIANCE"
	// retentionLayout is how COS writes a time of retention (A056).
	retentionLayout = "2006-01-02T15:04:05.000Z"
)

// Retention protects an object from being changed or deleted.
type Retention struct {
	// Mode is "COMPLIANCE", the only one that COS knows; "" means that, too.
	Mode string
	// Until is to the second; a fraction is rounded up. Zero is no retention.
	Until time.Time
}

func (r Retention) check(field string) error {
	if r.Mode != "" && r.Until.IsZero() {
		return invalid(field, "must say until when")
	}
	if y := r.Until.Year(); !r.Until.IsZero() && (y < 1970 || y > 9999) {
		return invalid(field+".retain_until_date", "must be a time from 1970 to 9999")
	}
	for i := range len(r.Mode) {
		if c := r.Mode[i]; c != '_' && (c < 'A' || c > 'Z') || i > 64 {
			return invalid(field+".mode", "must be COMPLIANCE")
		}
	}
	return nil
}

// until is never earlier than requested.
func (r Retention) until() string {
	return r.Until.Add(time.Second - time.Nanosecond).Truncate(time.Second).UTC().Format(retentionLayout)
}

func (r *response) headerRetention() Retention {
	retention := Retention{Until: r.headerDate("X-Cos-Object-Lock-Retain-Until-Date")}
	if !retention.Until.IsZero() {
		retention.Mode = headerText(r.http.Header, "X-Cos-Object-Lock-Mode")
	}
	return retention
}

// GetObjectRetention returns until when an object is protected from changes. Idempotent.
func (c *Client) GetObjectRetention(ctx context.Context, loc Location, key string) (Retention, error) {
	op, err := c.objectOperation(ctx, "GetObjectRetention", http.MethodGet, loc, key, "retention", "")
	if err != nil {
		return Retention{}, err
	}
	var retention Retention
	op.decode = func(ctx context.Context, r *response) error {
		var wire struct{ Mode, RetainUntilDate string }
		if err := r.readXML(ctx, "Retention", &wire); err != nil {
			return err
		}
		retention = Retention{Mode: wire.Mode, Until: r.date("RetainUntilDate", wire.RetainUntilDate)}
		if retention.Until.IsZero() {
			return r.malformed(errNoRetention)
		}
		return nil
	}
	err = c.do(ctx, op)
	return retention, err
}

var errNoRetention = errors.New("the response does not say until when the object is protected")

// PutObjectRetention protects an object from changes until a time. It can be lengthened
// later, not shortened: that is the [*Error] InvalidLockedTime. Idempotent.
func (c *Client) PutObjectRetention(ctx context.Context, loc Location, key string, r Retention) error {
	if r.Until.IsZero() {
		return invalid("retention.retain_until_date", "must be given")
	}
	if err := r.check("retention"); err != nil {
		return err
	}
	op, err := c.objectOperation(ctx, "PutObjectRetention", http.MethodPut, loc, key, "retention", "")
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("<Retention>")
	writeXML(&b, "Mode", cmp.Or(r.Mode, compliance))
	writeXML(&b, "RetainUntilDate", r.until())
	b.WriteString("</Retention>")
	op.document("application/xml", []byte(b.String()))
	op.decode = readEmpty
	return c.do(ctx, op)
}
