package embedded

import "net"

// LimitListener is newLimitListener for the tests of this package.
func LimitListener(l net.Listener, limit int) net.Listener { return newLimitListener(l, limit) }
