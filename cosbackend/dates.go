package cosbackend

import (
	"net/http"
	"strings"
	"time"
)

// chinaTime is the zone of the dates in which COS names none and writes the day of the week
// (A110). It has had no daylight saving time since 1991.
func chinaTime() *time.Location { return time.FixedZone("", 8*60*60) }

// parseDate reads a date of COS, whichever header or element it stands in (A110): the three
// forms of HTTP, ISO 8601 with and without a zone, and the older form with the day of the week
// and no zone, which is not the one of HTTP. The time is in UTC; ok is false when the text is
// none of them.
func parseDate(text string) (t time.Time, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) < 10 { // errors of time cost more than times
		return time.Time{}, false
	}
	var err error
	switch {
	case text[4] == '-':
		t, err = parseISODate(text)
	case text[3] == ' ':
		t, err = time.ParseInLocation(time.ANSIC, text, chinaTime())
	default:
		if t, err = http.ParseTime(text); err != nil {
			t, err = time.Parse(time.RFC1123Z, text)
		}
	}
	if err != nil {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// parseISODate reads a date that begins with the year; without a zone it is in UTC.
func parseISODate(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05-0700", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}

// date reads a date in the response; name is the header or the element it stands in. It
// returns the zero time for one that is absent, and for one of unknown form, which is logged
// once for each name: nobody would miss it otherwise.
func (r *response) date(name, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, ok := parseDate(text)
	if ok {
		return t
	}
	if _, reported := r.client.unreadDates.LoadOrStore(name, true); !reported {
		r.client.logger.Warn("cosbackend: a date of unknown form is taken for absent; this is said once for each name",
			"operation", r.op.name, "name", name, "date", r.attempt.clean(text, 64), "cos_request_id", r.requestID)
	}
	return time.Time{}
}

// headerDate is date for a header, whose name must be in canonical form.
func (r *response) headerDate(name string) time.Time {
	return r.date(name, headerText(r.http.Header, name))
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
