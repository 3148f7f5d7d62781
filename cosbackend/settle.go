package cosbackend

import "context"

// A settlement is what COS shows of an operation whose response does not say whether it
// was applied.
type settlement int

const (
	// unsettled: COS shows nothing that would decide it.
	unsettled settlement = iota
	// applied: it was.
	applied
	// notApplied: it was not, as far as can be seen, and may be sent again.
	notApplied
)

// settle carries out an operation of class settled. When it fails in a way that may hide
// a success, inspect looks at what COS has before anything is sent again or reported.
// Nothing is looked at for a caller whose context has ended.
func (c *Client) settle(ctx context.Context, op operation, inspect func(outcome) settlement) outcome {
	x := c.newExecution(op)
	for {
		o := x.run(ctx)
		if o.failure == nil || o.failure.response == nil || !o.mayHaveBeenApplied || contextError(ctx) != nil {
			return o
		}
		found := inspect(o)
		traceFrom(ctx).begin(op.name, c.profile)
		if found == applied {
			c.logger.Debug("cosbackend: the operation was applied although it failed", "operation", op.name, "error", o.failure.err)
			o.failure = nil
			return o
		}
		if over := contextError(ctx); over != nil {
			o.failure = o.failure.endedBy(over)
			return o
		}
		if found == unsettled {
			o.failure.response.OutcomeUnknown, o.failure.response.Retryable = true, false
			return o
		}
		if !o.failure.inDoubt || x.attempts >= x.limit || !op.resendable() {
			return o
		}
		if err := c.pause(ctx, x.attempts, o.failure.response); err != nil {
			o.failure = o.failure.endedBy(err)
			return o
		}
	}
}
