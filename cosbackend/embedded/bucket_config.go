package embedded

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// maxConfigXML bounds the documents for which COS names no limit (E072).
const maxConfigXML = 1 << 20

// A configuration is an XML document that a bucket has at most one of. The server
// parses it strictly, stores its canonical form, and returns that.
type configuration struct {
	sub   string // the sub-resource, in lower case, as routes compare it
	noun  string // names the operations: Get<noun>, Put<noun>, Delete<noun>
	shape shape
	// limit is the length limit of the document; 0 is maxConfigXML.
	limit int64
	// md5 says that a PUT needs Content-MD5 (E071).
	md5 bool
	// check validates what a shape cannot express; nil for nothing.
	check func(x *exchange, doc *node) error
	// absent is the error of a GET when nothing was put, unless empty sends something
	// else.
	absent failure
	empty  func(x *exchange)
	// putStatus is the status of a successful PUT; 0 is 200.
	putStatus int
	noDelete  bool // COS has no DELETE for it
	// erases says that a PUT without a body removes the document.
	erases bool
	// versioned and unlocked say which buckets can have the document: only those with
	// enabled versioning, only those without object lock.
	versioned, unlocked bool
	// before is called for each authorized GET; nil for nothing.
	before func(x *exchange)
	// real says that the server does what COS does with the document. Others are
	// stored only. proof is the test of that; "" is the test of storing it.
	real  bool
	proof string
}

// configurations are the documents a bucket has one of.
func configurations() []configuration {
	return []configuration{
		corsConfiguration(), lifecycleConfiguration(), taggingConfiguration(), websiteConfiguration(),
		loggingConfiguration(), encryptionConfiguration(), replicationConfiguration(), tieringConfiguration(),
		refererConfiguration(), domainConfiguration(), originConfiguration(), accelerateConfiguration(), strictSignatureConfiguration(),
	}
}

func configurationRoutes() []route {
	var rs []route
	for _, c := range configurations() {
		rs = append(
			rs,
			route{method: http.MethodGet, target: onBucketItself, sub: c.sub, operation: "Get" + c.noun, access: ownerOnly, storedOnly: !c.real, handle: c.get},
			route{method: http.MethodPut, target: onBucketItself, sub: c.sub, operation: "Put" + c.noun, access: ownerOnly, storedOnly: !c.real, handle: c.put},
		)
		if !c.noDelete {
			rs = append(rs, route{
				method: http.MethodDelete, target: onBucketItself, sub: c.sub, operation: "Delete" + c.noun, access: ownerOnly,
				storedOnly: !c.real, handle: c.remove,
			})
		}
	}
	return rs
}

// config names a document of the bucket of the request.
func (x *exchange) config(kind, id string) store.Config {
	return store.Config{Bucket: x.bucket, Kind: kind, ID: id}
}

func (c configuration) get(s *Server, x *exchange) error {
	if c.before != nil {
		c.before(x)
	}
	document, err := s.store.Config(x.ctx(), x.config(c.sub, ""))
	switch {
	case errors.Is(err, store.ErrNoSuchConfig) && c.empty != nil:
		c.empty(x)
		return nil
	case errors.Is(err, store.ErrNoSuchConfig):
		return fail(c.absent, "")
	case err != nil:
		return err
	}
	x.sendDocument(document)
	return nil
}

// sendDocument responds with a stored document.
func (x *exchange) sendDocument(document []byte) {
	doc := x.newConfigXML()
	doc.buf = append(doc.buf, document...)
	x.sendXML(http.StatusOK, doc)
}

// emptyDocument responds with an empty root element.
func emptyDocument(root string) func(*exchange) {
	return func(x *exchange) { x.sendDocument([]byte("<" + root + "/>")) }
}

func (c configuration) put(s *Server, x *exchange) error {
	limit := c.limit
	if limit == 0 {
		limit = maxConfigXML
	}
	text, err := x.readXMLBody(limit, c.md5)
	if err != nil {
		return err
	}
	if len(text) == 0 && c.erases {
		return c.erase(s, x)
	}
	doc, err := x.parseConfiguration(text, c.shape)
	if err == nil && c.check != nil {
		err = c.check(x, doc)
	}
	if err != nil {
		return err
	}
	if err := s.putConfig(x, x.config(c.sub, ""), doc.canonical(), store.PutConfigOptions{Versioned: c.versioned, Unlocked: c.unlocked}); err != nil {
		return err
	}
	x.sendEmpty(max(c.putStatus, http.StatusOK))
	return nil
}

// keep stores the document of a setting that has a place of its own in the store, so that
// GET can return what is unknown in it (E123).
func (x *exchange) keep(kind string, doc *node) error {
	if !x.s.opts.KeepUnknownElements {
		return nil
	}
	return x.s.putConfig(x, x.config(kind, ""), doc.canonical(), store.PutConfigOptions{})
}

// kept is the document of such a setting; nil when there is none. The setting may have
// changed since in another way.
func (x *exchange) kept(kind string, s shape) (*node, error) {
	if !x.s.opts.KeepUnknownElements {
		return nil, nil
	}
	document, err := x.s.store.Config(x.ctx(), x.config(kind, ""))
	if errors.Is(err, store.ErrNoSuchConfig) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseStored(document, s)
}

func (c configuration) erase(s *Server, x *exchange) error {
	if err := s.deleteConfig(x, x.config(c.sub, "")); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

// remove deletes the document; a missing one is no error (E073).
func (c configuration) remove(s *Server, x *exchange) error {
	if err := s.deleteConfig(x, x.config(c.sub, "")); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

// uniqueIDs refuses two children of the same name with the same ID.
func uniqueIDs(doc *node, name string) error {
	seen := make(map[string]bool)
	for _, rule := range doc.all(name) {
		id := rule.value("ID")
		if id != "" && seen[id] {
			return fail(invalidArgument, "Two rules have the ID "+id+".")
		}
		seen[id] = true
	}
	return nil
}

// atMostOne refuses an element with more than one of the children named.
func atMostOne(n *node, names ...string) error {
	count := 0
	for _, name := range names {
		count += len(n.all(name))
	}
	if count > 1 {
		return malformed(n.path() + " may have only one of " + listed(names, "and") + ".")
	}
	return nil
}

// A configCache holds the parsed configurations that requests are evaluated by. The
// store belongs to this process alone, so only putConfig, deleteConfig and the removal
// of a bucket change what is in it.
type configCache struct {
	mu      sync.RWMutex
	changes uint64 // a document that was read before the last change is not cached
	known   map[store.Config]any
}

// configured is the parsed form of a document of a bucket; nil when there is none.
func configured[T any](ctx context.Context, s *Server, c store.Config, parse func([]byte) (*T, error)) (*T, error) {
	s.configs.mu.RLock()
	cached, ok := s.configs.known[c].(*T)
	changes := s.configs.changes
	s.configs.mu.RUnlock()
	if ok {
		return cached, nil
	}
	document, err := s.store.Config(ctx, c)
	switch {
	case errors.Is(err, store.ErrNoSuchConfig):
	case err != nil:
		return nil, err
	default:
		if cached, err = parse(document); err != nil {
			return nil, err
		}
	}
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	if s.configs.changes == changes {
		if s.configs.known == nil {
			s.configs.known = make(map[store.Config]any)
		}
		s.configs.known[c] = cached
	}
	return cached, nil
}

// forget drops the documents that changed.
func (c *configCache) forget(changed func(store.Config) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	maps.DeleteFunc(c.known, func(k store.Config, _ any) bool { return changed(k) })
}

// putConfig and deleteConfig are the only ways in which documents change.
func (s *Server) putConfig(x *exchange, c store.Config, document []byte, o store.PutConfigOptions) error {
	defer s.configs.forget(func(k store.Config) bool { return k == c })
	return s.store.PutConfig(x.ctx(), c, document, o)
}

func (s *Server) deleteConfig(x *exchange, c store.Config) error {
	defer s.configs.forget(func(k store.Config) bool { return k == c })
	return s.store.DeleteConfig(x.ctx(), c)
}
