package cosbackend

import (
	"context"
	"net/http"
	"time"
)

const (
	// skewTolerance is by how much clocks differ without anybody having to act.
	skewTolerance = time.Minute
	// skewLogInterval is how often a client says in its log that the clock is wrong.
	skewLogInterval = time.Minute
	// askTimeout is how long the failure of a call waits for its explanation.
	askTimeout = 3 * time.Second
	// verdictLife is how long it is believed what COS said of the profile's credentials.
	verdictLife = 15 * time.Second
)

// expiredSignature is the name of the code that AccessDenied with this message is.
const expiredSignature = "Request has expired"

// credentialCode returns the code of an error with which COS refuses credentials, as the table
// of codes has it; "" for any other error.
func credentialCode(e *Error) string {
	name := e.Code
	if name == "AccessDenied" && e.Message == expiredSignature {
		name = expiredSignature
	}
	if code, _ := LookupCode(name); code.Credential {
		return code.Name
	}
	return ""
}

// signatureExpired reports whether a code of refused credentials is about the clock.
func signatureExpired(code string) bool {
	c, _ := LookupCode(code)
	return c.Hint == HintResign
}

// clockSkew returns how far this machine's clock is ahead of COS's, by the time that COS said or
// else by the Date of the response; 0 when that is little or not known. It is said in the log,
// since only operators can set a clock.
func (r *response) clockSkew(serverTime time.Time) time.Duration {
	now := r.client.clock()
	if serverTime.IsZero() {
		serverTime = r.headerDate("Date")
	}
	skew := now.Sub(serverTime).Round(10 * time.Second)
	if serverTime.IsZero() || skew.Abs() < skewTolerance {
		return 0
	}
	last := r.client.skewLogged.Load()
	if (last == nil || now.Sub(*last).Abs() >= skewLogInterval) && r.client.skewLogged.CompareAndSwap(last, &now) {
		r.client.logger.Error("cosbackend: the clock of this machine differs from COS's, which refuses its signatures: set it",
			"skew", skew, "here", now.UTC().Format(time.RFC3339), "cos", serverTime.Format(time.RFC3339),
			"profile", r.client.profile, "cos_request_id", r.requestID)
	}
	return skew
}

// logSigned writes into the log what COS says that it signed, so that a wrong signature can be
// debugged. It holds no secret: those of the request were removed, and what remains has headers
// and parameters of the request.
func (r *response) logSigned(body errorBody) {
	if body.StringToSign == "" && body.FormatString == "" || r.op.secretPayload || r.op.secret != "" {
		return
	}
	id := []string{r.attempt.credentials.SecretID}
	r.client.logger.Debug("cosbackend: what COS signed", "operation", r.op.name, "cos_request_id", r.requestID,
		"string_to_sign", hide(body.StringToSign, id), "format_string", hide(body.FormatString, id))
}

// A verdict is what COS said of credentials, and when.
type verdict struct {
	credentials Credentials
	code        string // "" when it does not refuse them
	skew        time.Duration
	at          time.Time
}

// saysNothing reports an error that may be about credentials and does not say so: COS sends no
// body to a HEAD (A007).
func (e *Error) saysNothing(op *operation) bool {
	return op.explained && e.Origin == OriginCOS && e.Code == "" &&
		(e.HTTPStatus == http.StatusForbidden || e.HTTPStatus == http.StatusBadRequest)
}

// explain finds out whether an error without a code is about the credentials that signed the
// request, and completes e: it would blame a caller who can do nothing about it. What is not
// known already is found out by a request that has a body in its response (A111).
func (x *execution) explain(ctx context.Context, at *attempt, e *Error) {
	if !e.saysNothing(&x.op) {
		return
	}
	c := x.client
	now := c.clock()
	if ends := at.credentials.Expires; !ends.IsZero() && !now.Before(ends) {
		e.CredentialCode = "ExpiredToken"
		return
	}
	if at.callerCredentials {
		e.CredentialCode, e.ClockSkew, _ = c.askAboutCredentials(ctx, x.op)
		return
	}
	select {
	case c.asking <- struct{}{}: // one at a time: what it learns is for all
		defer func() { <-c.asking }()
	case <-ctx.Done():
		return
	}
	known := c.verdict
	if age := now.Sub(known.at); known.credentials != at.credentials || age < 0 || age >= verdictLife {
		code, skew, ok := c.askAboutCredentials(ctx, x.op)
		if !ok {
			return
		}
		known = verdict{credentials: at.credentials, code: code, skew: skew, at: now}
		c.verdict = known
	}
	e.CredentialCode, e.ClockSkew = known.code, known.skew
}

// askAboutCredentials returns the code with which COS refuses the credentials in ctx or else
// the profile's, "" when it does not refuse them; ok is false when COS did not say.
func (c *Client) askAboutCredentials(ctx context.Context, about operation) (code string, skew time.Duration, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ctx = context.WithValue(ctx, traceKey{}, (*Trace)(nil)) // the call is about another request
	op := operation{
		name: "GetBucketLocation", method: http.MethodGet, scheme: about.scheme, host: about.host,
		bucket: about.bucket, region: about.region, query: []pair{{"location", ""}}, retry: readOnly,
		decode: readEmpty,
	}
	x := c.newExecution(op)
	x.limit = 1
	f := x.run(ctx).failure
	switch {
	case f == nil:
		return "", 0, true
	case f.response == nil || f.response.Origin != OriginCOS || f.response.Code == "":
		return "", 0, false
	}
	return credentialCode(f.response), f.response.ClockSkew, true
}
