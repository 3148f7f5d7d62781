package cosbackend

import "context"

// A verdict is what COS shows of a change whose answer does not say what became
// of it.
type verdict int

const (
	// undetermined: nothing that COS shows tells.
	undetermined verdict = iota
	// happened: the change was made.
	happened
	// pending: it was not made, so far as can be seen, and may be sent again.
	pending
)

// settle makes a call of the class once, and when it fails in a way that may hide
// a success asks judge before anything is reported or sent again. A caller that
// has gone gets no verdict: there is nobody left to look for.
func (c *Client) settle(ctx context.Context, cl *call, judge func(*Error) verdict) error {
	for {
		before := cl.doubt
		cl.doubt = false
		err := c.do(ctx, cl)
		fresh := cl.doubt // this time, not only an attempt before
		cl.doubt = cl.doubt || before
		e, ok := err.(*Error) //nolint:errorlint // what do returned, not what is inside
		if !ok || !cl.doubt || ended(ctx) != nil {
			return err
		}
		v := judge(e)
		traceFrom(ctx).begin(cl.op, c.profile)
		if v == happened {
			c.logger.Debug("cosbackend: a lost answer was a success", "operation", cl.op, "error", err)
			return nil
		}
		if over := ended(ctx); over != nil {
			return interrupted(err, over)
		}
		if v != pending || !fresh || cl.number >= c.retry.MaxAttempts || !cl.resendable() {
			return err
		}
		if waitErr := c.pause(ctx, cl.number, err); waitErr != nil {
			return interrupted(err, waitErr)
		}
	}
}

// resendable reports whether the body can be had again.
func (cl *call) resendable() bool {
	return cl.body == nil || cl.body.Size == 0 || cl.body.Reopen != nil
}
