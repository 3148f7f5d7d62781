package embedded

import "net"

// LimitListener is newLimitListener for the tests of this package.
func LimitListener(l net.Listener, limit int) net.Listener { return newLimitListener(l, limit) }

// ConfigurationNames returns the sub-resources of the configurations that the server
// stores.
func ConfigurationNames() []string {
	var names []string
	for _, c := range configurations() {
		names = append(names, c.sub)
	}
	return names
}

// A Route is an operation with a request that reaches it and the names of its action.
type Route struct {
	Operation, Method, Sub string
	Actions                []string
	OnService, OnBucket    bool
	OnWebsite, Copies      bool
}

// Routes returns the operations that the server has.
func Routes() []Route {
	var all []Route
	for _, r := range allRoutes() {
		if r.handle != nil {
			all = append(all, Route{
				Operation: r.operation, Method: r.method, Sub: r.sub, Actions: camActions()[r.operation],
				OnService: r.target == onService, OnBucket: r.target == onBucketItself, OnWebsite: r.target == onWebsite, Copies: r.copies,
			})
		}
	}
	return all
}
