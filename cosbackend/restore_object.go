package cosbackend

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RestoreOptions say how an archived object is restored.
type RestoreOptions struct {
	// Days is how long the restored copy can be read. 0 is not sent.
	Days int
	// Tier is "Expedited", "Standard" or "Bulk"; "" leaves it to COS.
	Tier string
}

func (o RestoreOptions) check() error {
	if o.Days < 0 {
		return invalid("days", "must not be negative")
	}
	for i := range len(o.Tier) {
		if c := lower(o.Tier[i]); c < 'a' || c > 'z' || i > 32 {
			return invalid("tier", "must be a tier of COS: Expedited, Standard or Bulk")
		}
	}
	return nil
}

func (o RestoreOptions) document() []byte {
	var b strings.Builder
	b.WriteString("<RestoreRequest>")
	if o.Days > 0 {
		writeXML(&b, "Days", strconv.Itoa(o.Days))
	}
	if o.Tier != "" {
		b.WriteString("<CASJobParameters>")
		writeXML(&b, "Tier", o.Tier)
		b.WriteString("</CASJobParameters>")
	}
	b.WriteString("</RestoreRequest>")
	return []byte(b.String())
}

// RestoreInfo is how far the restoring of an object is.
type RestoreInfo struct {
	Ongoing bool
	Expires time.Time // of the restored copy; zero while it is under way, and in lists
	// Tier and Requested are what was asked for, and when; zero when COS did not say.
	Tier      string
	Requested time.Time
	Status    string // as lists name it, such as "DONE"; "" outside of them
}

// headerRestore reads x-cos-restore: ongoing-request="true", or
// ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT" (A054). While it is
// under way x-cos-restore-status has the tier and the time of the request (A118).
func (r *response) headerRestore() *RestoreInfo {
	h := r.http.Header
	state, request := headerText(h, "X-Cos-Restore"), headerText(h, "X-Cos-Restore-Status")
	if state == "" && request == "" {
		return nil
	}
	return &RestoreInfo{
		Ongoing: strings.Contains(state, `ongoing-request="true"`), Expires: r.date("expiry-date", quoted(state, "expiry-date")),
		Tier: quoted(request, "tier"), Requested: r.date("request-date", quoted(request, "request-date")),
	}
}

// listedRestore reads what a list says of a restoration (A118).
func listedRestore(status string) *RestoreInfo {
	if status == "" {
		return nil
	}
	return &RestoreInfo{Status: status, Ongoing: status != "DONE"}
}

// quoted finds name="value" in a header; "" when it is not there.
func quoted(header, name string) string {
	_, value, _ := strings.Cut(header, name+`="`)
	value, _, _ = strings.Cut(value, `"`)
	return value
}

// RestoreObject begins to restore an archived object, or one version of it. It
// returns true when the object is restored already and has its days counted anew
// (A054). One that is being restored is the [*Error] RestoreAlreadyInProgress, unless
// an earlier attempt of this call may have begun it. Idempotent.
func (c *Client) RestoreObject(ctx context.Context, loc Location, key, versionID string, o RestoreOptions) (restored bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	op, err := c.objectOperation(ctx, "RestoreObject", http.MethodPost, loc, key, "restore", versionID)
	if err != nil {
		return false, err
	}
	op.document("application/xml", o.document())
	op.decode = func(ctx context.Context, r *response) error {
		restored = r.http.StatusCode == http.StatusOK
		return readEmpty(ctx, r)
	}
	got := c.execute(ctx, op)
	if got.failure.code() == "RestoreAlreadyInProgress" && got.mayHaveBeenApplied {
		return false, nil
	}
	return restored && got.failure == nil, got.err()
}
