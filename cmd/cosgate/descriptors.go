package main

import "log/slog"

const (
	// adminConnections is how many connections the admin port has at a time.
	adminConnections = 64
	// ownFiles is room for files that are read again, logs, listeners and lookups of names.
	ownFiles = 64
)

// descriptors is how many files the process may have open, and who needs them. Connections
// are files. COS's are as many as there are calls: where nothing bounds those, one for each
// connection of a caller is counted.
type descriptors struct {
	limit       int // 0 is not known
	connections int // of callers, at a time; 0 is no limit
	calls       int // at a time; 0 is no limit
}

// needed is how many files may be open at once.
func (d descriptors) needed() int {
	calls := d.calls
	if calls == 0 {
		calls = d.connections
	}
	return d.connections + calls + adminConnections + ownFiles
}

// accepted is how many connections of callers are accepted at a time, so that files are
// left for COS, the admin port and the process itself; 0 is no limit.
func (d descriptors) accepted() int {
	switch {
	case d.limit == 0 || d.connections > 0 && d.needed() <= d.limit:
		return d.connections
	case d.connections == 0:
		return max((d.limit-adminConnections-ownFiles)/2, 1)
	}
	free := d.limit - adminConnections - ownFiles
	return min(max(free/2, 1), d.connections)
}

// warn says in one line that the limit is too low for what is configured.
func (d descriptors) warn(log *slog.Logger) {
	if d.limit == 0 || d.connections == 0 || d.needed() <= d.limit {
		return
	}
	log.Warn("the process may not open as many files as limits.connections and limits.calls need, so fewer connections are accepted; raise the limit (ulimit -n, LimitNOFILE), or lower the limits",
		"open_files", d.limit, "needed", d.needed(), "limits.connections", d.connections, "limits.calls", d.calls, "accepted", d.accepted())
}
