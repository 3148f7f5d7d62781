package embedded

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// A configCache keeps the configurations that requests are judged by, read and
// parsed. The store belongs to this process alone, so only putConfig, deleteConfig
// and the removal of a bucket change what is in it.
type configCache struct {
	mu      sync.RWMutex
	changes uint64 // a document that was read before the last change is not kept
	known   map[store.Config]any
}

// configured is the parsed form of a document of a bucket; nil when there is none.
func configured[T any](ctx context.Context, s *Server, c store.Config, parse func([]byte) (*T, error)) (*T, error) {
	s.configs.mu.RLock()
	kept, ok := s.configs.known[c].(*T)
	changes := s.configs.changes
	s.configs.mu.RUnlock()
	if ok {
		return kept, nil
	}
	document, err := s.store.Config(ctx, c)
	switch {
	case errors.Is(err, store.ErrNoSuchConfig):
	case err != nil:
		return nil, err
	default:
		if kept, err = parse(document); err != nil {
			return nil, err
		}
	}
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	if s.configs.changes == changes {
		if s.configs.known == nil {
			s.configs.known = make(map[store.Config]any)
		}
		s.configs.known[c] = kept
	}
	return kept, nil
}

// forget drops what is known of the documents that changed.
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
