package embedded

import (
	"net"
	"slices"
)

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

// An Element is one element that documents of one kind may have.
type Element struct {
	Path    string // with the root, without places
	Needed  bool
	Repeats bool
	Limited bool   // it cannot have any text
	Values  string // the texts that a message names
}

// Elements returns every element of every document that the server parses, by its root.
// One-off inventory jobs are a part of the recurring ones.
func Elements() map[string][]Element {
	shapes := []shape{
		createBucketShape(), versioningShape(), objectLockShape(), retentionShape(), restoreShape(), deleteShape(), completeShape(), aclShape(), certificateShape(),
		inventories().shape,
	}
	for _, c := range configurations() {
		if c.sub != tieringConfiguration().sub {
			shapes = append(shapes, c.shape)
		}
	}
	all := make(map[string][]Element)
	for _, s := range shapes {
		all[s.name] = s.elements(s.name)
	}
	all["IntelligentTieringConfiguration"] = tierings().shape.elements("IntelligentTieringConfiguration")
	all["intelligenttiering"] = tieringConfiguration().shape.elements("IntelligentTieringConfiguration")
	return all
}

func (s shape) elements(path string) (all []Element) {
	for _, p := range s.parts {
		e := Element{Path: path + "/" + p.name, Needed: p.min > 0, Repeats: p.max > 1, Limited: p.values.has != nil, Values: p.values.are}
		all = append(append(all, e), p.elements(e.Path)...)
	}
	return all
}

// ContentTypes returns the types of content by suffix.
func ContentTypes() map[string]string { return contentTypes() }

// KnownParams returns the query parameters that COS never ignores, and those that are words
// like any other on operations that do not have them.
func KnownParams() (always, elsewhere []string) {
	for _, p := range knownParams() {
		if p.on == "" {
			always = append(always, p.name)
		} else {
			elsewhere = append(elsewhere, p.name)
		}
	}
	return always, elsewhere
}

// KnownHeaders returns the request headers that COS acts on.
func KnownHeaders() []string {
	var names []string
	for _, h := range knownHeaders() {
		names = append(names, h.name)
	}
	return names
}

// A Route is an operation with a request that reaches it and the names of its action.
type Route struct {
	Operation, Method, Sub string
	Actions                []string
	Params, Headers        []string
	OnService, OnBucket    bool
	OnWebsite, Copies      bool
}

// Routes returns the operations that the server has.
func Routes() []Route {
	var all []Route
	for _, r := range allRoutes() {
		if r.handle != nil {
			all = append(all, Route{
				Operation: r.operation, Method: r.method, Sub: r.sub, Actions: camActions()[r.operation], Params: r.params, Headers: slices.Concat(r.headers, r.fields),
				OnService: r.target == onService, OnBucket: r.target == onBucketItself, OnWebsite: r.target == onWebsite, Copies: r.copies,
			})
		}
	}
	return all
}
