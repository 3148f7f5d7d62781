package service

import (
	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func callback(c *cosgatev1.UploadCallback) *cosbackend.Callback {
	if c == nil {
		return nil
	}
	return &cosbackend.Callback{URL: c.GetUrl(), Host: c.GetHost(), Body: c.GetBody(), BodyType: c.GetBodyType(), Vars: c.GetVars()}
}

func callbackProto(r *cosbackend.CallbackResult) *cosgatev1.CallbackResult {
	if r == nil {
		return nil
	}
	out := &cosgatev1.CallbackResult{HttpStatus: int32(r.HTTPStatus), Body: r.Body} //nolint:gosec // three digits
	if r.Failed {
		out.Error = &cosgatev1.CallbackError{Code: r.Code, Message: r.Message}
	}
	return out
}
