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
