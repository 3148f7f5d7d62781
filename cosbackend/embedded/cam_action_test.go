package embedded

import "testing"

// TestEveryOperationHasAnAction keeps an operation from being outside of all policies.
func TestEveryOperationHasAnAction(t *testing.T) {
	t.Parallel()
	actions := camActions()
	operations := make(map[string]bool)
	for _, r := range allRoutes() {
		operations[r.operation] = true
		if names := actions[r.operation]; len(names) == 0 || names[0] == "" {
			t.Errorf("%s has no action; add it to camActions", r.operation)
		}
	}
	for operation := range actions {
		if !operations[operation] {
			t.Errorf("camActions has %s, which is no operation", operation)
		}
	}
}
